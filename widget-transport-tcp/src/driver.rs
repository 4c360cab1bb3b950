//! [`Driver`]: the one task that owns a connection's socket on the agent's side. Sends what calls
//! have left in [`Shared`], and hands them their answers.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use widget_core::codec::ErasedCodec;
use widget_core::frame::{MAX_TO_AGENT, v2};
use widget_core::runtime::Stream;
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::client::{broken, gone_away, lost};
use crate::shared::Shared;
use crate::wire::Wire;

pub(crate) struct Driver {
    wire: Wire<Box<dyn Stream>>,
    codec: &'static dyn ErasedCodec,
    shared: Arc<Shared>,
}

impl Driver {
    pub(crate) const fn new(
        wire: Wire<Box<dyn Stream>>,
        codec: &'static dyn ErasedCodec,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            wire,
            codec,
            shared,
        }
    }

    /// Runs until the connection ends, on whichever side.
    pub(crate) async fn run(mut self) {
        let error = poll_fn(|cx| self.poll(cx)).await;
        let why = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        self.shared.close(error.kind().clone(), why);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportError> {
        loop {
            match self.poll_once(cx) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(error) => return Poll::Ready(error),
            }
        }
    }

    /// Ready if there may be more to do at once.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, TransportError> {
        self.hand_out()?;
        if self.wire.out.is_empty() {
            let out = self.shared.take_outgoing(cx);
            self.wire.out = out.ok_or(closed("by the agent itself"))?;
        }
        let sent_before = self.wire.written;
        let sent = self.wire.poll_flush(cx).map_err(lost)?;
        // All of it went out: calls may have left more meanwhile, while nobody was to be woken.
        let more = sent.is_ready() && self.wire.written > sent_before;
        match self.wire.poll_fill(cx).map_err(lost)? {
            Poll::Ready(0) => Err(closed("by the server")),
            Poll::Pending if !more => Ok(Poll::Pending),
            _ => Ok(Poll::Ready(())),
        }
    }

    /// Gives every answer that came to its call.
    fn hand_out(&mut self) -> Result<(), TransportError> {
        while let Some(frame) = self.wire.came.next_v2(MAX_TO_AGENT).map_err(broken)? {
            let request = frame.head.request;
            match frame.head.kind {
                v2::Kind::Response => {
                    // Nobody waits: the call was dropped.
                    if self.shared.is_awaited(request) {
                        let answer = self.codec.decode_response(frame.payload).map_err(broken)?;
                        self.shared.answer(request, answer);
                    }
                }
                v2::Kind::GoAway => return Err(gone_away(frame.payload)),
                v2::Kind::Command => return Err(broken("the server sent a command")),
            }
        }
        Ok(())
    }
}

impl Drop for Driver {
    /// Also when a runtime drops the task before its end: no call may wait for it then.
    fn drop(&mut self) {
        let why = "its task was dropped".to_owned();
        self.shared.close(TransportErrorKind::Closed, why);
    }
}

fn closed(why: &'static str) -> TransportError {
    TransportError::with(
        TransportErrorKind::Closed,
        io::Error::new(io::ErrorKind::ConnectionAborted, why),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_util::compat::TokioAsyncReadCompatExt;
    use widget_core::codec::{Bincode, Codec};
    use widget_core::frame::{FrameBuffer, MAX_TO_SERVER};
    use widget_core::message::Response;

    use super::*;
    use crate::frames;

    #[tokio::test]
    async fn frames_arrive_whole_where_little_is_taken_at_a_time() {
        let (ours, theirs) = tokio::io::duplex(16);
        let shared = Arc::new(Shared::new(1));
        let wire = Wire::new(Box::new(ours.compat()) as Box<dyn Stream>);
        tokio::spawn(Driver::new(wire, &Bincode, Arc::clone(&shared)).run());
        tokio::spawn(answer_all(theirs));
        let calls = (1..=20).map(|request| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let mut frame = BytesMut::new();
                let head = (Bincode::ID, v2::Kind::Command, request);
                let payload = vec![7; 100];
                let append = |out: &mut BytesMut| {
                    out.extend_from_slice(&payload);
                    Ok(())
                };
                frames::append(&mut frame, head, MAX_TO_SERVER, append).unwrap();
                shared.exchange(request, frame).await.unwrap()
            })
        });
        for (call, request) in calls.collect::<Vec<_>>().into_iter().zip(1..) {
            let through = Some(request);
            let answer = tokio::time::timeout(Duration::from_secs(10), call).await;
            let answer = answer.expect("the call hangs").unwrap();
            assert_eq!(answer, Response::Ack { through });
            // Later ones come while earlier ones are being written.
            tokio::task::yield_now().await;
        }
    }

    /// Answers each command with its request id.
    async fn answer_all(mut stream: DuplexStream) {
        let (mut came, mut chunk) = (FrameBuffer::new(), [0; 16]);
        loop {
            let count = stream.read(&mut chunk).await.unwrap();
            if count == 0 {
                return;
            }
            came.push(&chunk[..count]);
            let Some(frame) = came.next_v2(MAX_TO_SERVER).unwrap() else {
                continue;
            };
            let head = (Bincode::ID, v2::Kind::Response, frame.head.request);
            let through = Some(u64::from(frame.head.request));
            let mut out = BytesMut::new();
            frames::append(&mut out, head, MAX_TO_AGENT, |out| {
                Bincode.encode_response(&Response::Ack { through }, out)
            })
            .unwrap();
            stream.write_all(&out).await.unwrap();
        }
    }
}
