//! What both sides need: messages as frames, and places for what may go on at once.

use async_channel::{Receiver, Sender};
use bytes::BytesMut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smol::io::AsyncReadExt;
use smol::net::unix::UnixStream;
use widget_core::codec::{Bincode, Codec};
use widget_core::frame::{FrameBuffer, FrameError, v2};
use widget_core::message::{Command, Opening};
use widget_core::transport::{TransportError, TransportErrorKind};

/// What an agent says on a connection; a `Response` comes back.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    Open(Opening),
    Call { session: String, command: Command },
}

/// The frame of a message.
pub(super) fn frame<M: Serialize>(
    kind: v2::Kind,
    message: &M,
    limit: usize,
) -> Result<BytesMut, TransportError> {
    let (mut payload, mut frame) = (BytesMut::new(), BytesMut::new());
    Bincode::encode(message, &mut payload).map_err(broken)?;
    let framed = v2::encode(&mut frame, (Bincode::ID, kind, 0), limit, |out| {
        out.extend_from_slice(&payload);
        Ok(())
    });
    match framed {
        Ok(()) => Ok(frame),
        Err(FrameError::Length { limit, .. }) => {
            Err(TransportError::new(TransportErrorKind::TooLarge { limit }))
        }
        Err(error) => Err(broken(error)),
    }
}

/// The message that comes next.
pub(super) async fn read<M: DeserializeOwned>(
    socket: &mut UnixStream,
    limit: usize,
) -> Result<M, TransportError> {
    let mut came = FrameBuffer::new();
    loop {
        if let Some(frame) = came.next_v2(limit).map_err(broken)? {
            return Bincode::decode(frame.payload).map_err(broken);
        }
        let mut chunk = [0; 8192];
        let count = socket.read(&mut chunk).await.map_err(closed)?;
        if count == 0 {
            return Err(closed("the other side has closed"));
        }
        came.push(chunk.get(..count).unwrap_or_default());
    }
}

/// Places for what may go on at once: a channel with an item for each that is taken.
#[derive(Debug)]
pub(super) struct Places {
    taken: Sender<()>,
    given_back: Receiver<()>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let (taken, given_back) = async_channel::bounded(most);
        Self { taken, given_back }
    }

    /// Takes a place, as soon as there is one.
    pub(super) async fn take(&self) -> Place {
        // Never closed, since both ends are here.
        let _ = self.taken.send(()).await;
        Place(self.given_back.clone())
    }
}

/// One place, given back when it is dropped.
pub(super) struct Place(Receiver<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn broken(why: impl Into<Cause>) -> TransportError {
    TransportError::with(TransportErrorKind::Protocol, why)
}

pub(super) fn closed(why: impl Into<Cause>) -> TransportError {
    TransportError::with(TransportErrorKind::Closed, why)
}

pub(super) fn late() -> TransportError {
    TransportError::new(TransportErrorKind::Timeout)
}
