//! [`Driver`]: the one task that owns a connection's socket on the agent's side. Sends what calls
//! have left in [`Shared`], and hands them their answers.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use widget_core::codec::{Bincode, ErasedCodec};
use widget_core::frame::{MAX_TO_AGENT, v2};
use widget_core::runtime::Stream;
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::client::{broken, gone_away, lost};
use crate::shared::Shared;
use crate::wire::Wire;

pub(crate) struct Driver {
    wire: Wire<Box<dyn Stream>>,
    shared: Arc<Shared>,
}

impl Driver {
    pub(crate) const fn new(wire: Wire<Box<dyn Stream>>, shared: Arc<Shared>) -> Self {
        Self { wire, shared }
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
                        let answer = Bincode.decode_response(frame.payload).map_err(broken)?;
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
