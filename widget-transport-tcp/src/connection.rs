//! [`TcpConnection`]: the agent's side of an open connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_lite::future::or;
use widget_core::codec::ErasedCodec;
use widget_core::frame::{MAX_TO_SERVER, v2};
use widget_core::message::{Command, Response};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::transport::{Connection, TransportError, TransportErrorKind};

use crate::client::unsendable;
use crate::frames;
use crate::shared::Shared;

pub(crate) struct TcpConnection {
    shared: Arc<Shared>,
    codec: &'static dyn ErasedCodec,
    runtime: SharedRuntime,
    patience: Duration,
}

impl TcpConnection {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        codec: &'static dyn ErasedCodec,
        runtime: SharedRuntime,
        patience: Duration,
    ) -> Self {
        Self {
            shared,
            codec,
            runtime,
            patience,
        }
    }
}

#[async_trait]
impl Connection for TcpConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let limit = self
            .runtime
            .sleep(self.patience.saturating_add(command.wait()));
        let request = self.shared.next_request();
        let mut frame = BytesMut::new();
        let head = (self.codec.id(), v2::Kind::Command, request);
        frames::append(&mut frame, head, MAX_TO_SERVER, |out| {
            self.codec.encode_command(&command, out)
        })
        .map_err(unsendable)?;
        drop(command);
        or(self.shared.exchange(request, frame), async {
            limit.await;
            let why = "a call was not answered in time".to_owned();
            self.shared.close(TransportErrorKind::Closed, why);
            Err(TransportError::new(TransportErrorKind::Timeout))
        })
        .await
    }
}

impl Drop for TcpConnection {
    /// Ends the driver, which closes the socket.
    fn drop(&mut self) {
        let why = "it was dropped".to_owned();
        self.shared.close(TransportErrorKind::Closed, why);
    }
}

impl fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnection").finish_non_exhaustive()
    }
}
