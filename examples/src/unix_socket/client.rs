//! The agent's side: connects for each call.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_lite::future::or;
use smol::io::AsyncWriteExt;
use smol::net::unix::UnixStream;
use widget_core::frame::{MAX_TO_AGENT, MAX_TO_SERVER, v2};
use widget_core::message::{Command, Opening, RefusalReason, Response, Welcome};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::stop::Stop;
use widget_core::transport::{
    Connection, MAX_CALLS, Transport, TransportError, TransportErrorKind, welcomed,
};

use super::wire::{Places, Request, closed, frame, late, read};

/// The agent's side of commands over a Unix socket.
#[derive(Debug, Clone)]
pub struct UnixTransport {
    runtime: SharedRuntime,
    path: PathBuf,
    patience: Duration,
}

impl UnixTransport {
    /// To the socket of this path. An opening and a call may take 10 s.
    #[must_use]
    pub fn new(runtime: SharedRuntime, path: impl Into<PathBuf>) -> Self {
        Self {
            runtime,
            path: path.into(),
            patience: Duration::from_secs(10),
        }
    }

    /// With another total for an opening and for a call. A call that asks for work may take as long
    /// as it asks the server to wait besides.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[async_trait]
impl Transport for UnixTransport {
    fn name(&self) -> &'static str {
        super::NAME
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let hello = frame(v2::Kind::Command, &Request::Open(opening), MAX_TO_SERVER)?;
        let answer = exchange(&self.path, &hello);
        let answer = self.runtime.timeout(self.patience, answer).await;
        let mut welcome = welcomed(answer.ok_or_else(late)??)?;
        let connection = UnixConnection {
            transport: self.clone(),
            session: mem::take(&mut welcome.session),
            places: Places::new(MAX_CALLS),
            closed: Stop::new(),
        };
        Ok((Arc::new(connection), welcome))
    }
}

#[derive(Debug)]
struct UnixConnection {
    transport: UnixTransport,
    session: String,
    places: Places,
    /// Asked by the first call that fails. All others fail then, now and later.
    closed: Stop,
}

#[async_trait]
impl Connection for UnixConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let patience = self.transport.patience.saturating_add(command.wait());
        let session = self.session.clone();
        let request = Request::Call { session, command };
        // One that is too long fails here, and the others go on.
        let request = frame(v2::Kind::Command, &request, MAX_TO_SERVER)?;

        let is_closed = self.closed.signal();
        let over = async {
            is_closed.asked().await;
            Err(closed("an earlier call has failed"))
        };
        let answer = or(over, self.ask(request));
        let answer = self.transport.runtime.timeout(patience, answer).await;
        let answer = answer.unwrap_or_else(|| Err(late()));
        if answer.is_err() {
            self.closed.ask();
        }
        answer
    }
}

impl UnixConnection {
    /// Has it asked by a task of its own, so that it goes on while the caller looks elsewhere. The
    /// task ends when the caller drops this.
    async fn ask(&self, request: BytesMut) -> Result<Response, TransportError> {
        let _place = self.places.take().await;
        let (waits, path) = (Stop::new(), self.transport.path.clone());
        let (answer, answered) = async_channel::bounded(1);
        let dropped = waits.signal();
        self.transport.runtime.spawn(Box::pin(async move {
            let exchange = async {
                let _ = answer.send(exchange(&path, &request).await).await;
            };
            or(dropped.asked(), exchange).await;
        }));
        let answer = answered.recv().await;
        match answer.map_err(|_| closed("the runtime has ended"))?? {
            // Whoever opens another conversation gets another session.
            Response::Refused(refusal) if refusal.reason == RefusalReason::Session => {
                Err(closed(refusal))
            }
            response => Ok(response),
        }
    }
}

async fn exchange(path: &Path, request: &[u8]) -> Result<Response, TransportError> {
    let socket = UnixStream::connect(path).await;
    let unreachable = |error| TransportError::with(TransportErrorKind::Unreachable, error);
    let mut socket = socket.map_err(unreachable)?;
    socket.write_all(request).await.map_err(closed)?;
    read(&mut socket, MAX_TO_AGENT).await
}
