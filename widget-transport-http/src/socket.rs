//! [`Socket`]: one connection in HTTP on the agent's side, for one request after another.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use smol_hyper::rt::FuturesIo;
use widget_core::runtime::{Route, Runtime, SharedRuntime, Stream};
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::lazy::Lazy;

/// The most bytes of an answer's headers, and of its body at a time.
const BUFFER: usize = 64 * 1024;

/// Dropping it closes it; so does dropping a request that is under way.
#[derive(Debug)]
pub(crate) struct Socket(http1::SendRequest<Full<Bytes>>);

impl Socket {
    /// Connects first.
    pub(crate) async fn connect(
        runtime: &SharedRuntime,
        to: &Route,
    ) -> Result<Self, TransportError> {
        let stream = to.connect(runtime).await;
        Self::over(&**runtime, stream.map_err(unreached)?).await
    }

    /// Connects as soon as it is asked, in the background.
    pub(crate) async fn later(runtime: &SharedRuntime, to: &Route) -> Result<Self, TransportError> {
        Self::over(&**runtime, Lazy::new(runtime, to)).await
    }

    pub(crate) async fn over(
        runtime: &dyn Runtime,
        stream: impl Stream + 'static,
    ) -> Result<Self, TransportError> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            // Head and body in one piece: most bodies are small.
            .writev(false)
            .handshake(FuturesIo::new(stream))
            .await
            .map_err(|e| lost(&e))?;
        runtime.spawn(Box::pin(async {
            // How it ended is said to the request that was under way.
            let _ = connection.await;
        }));
        Ok(Self(sender))
    }

    /// Waits until the last request is over, and says whether there can be another.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        self.0.ready().await.is_ok()
    }

    /// Whether it can be asked now.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.0.send_request(request).await
    }
}

/// Tells a peer that is not the one that was wanted from one that is not there.
fn unreached(error: io::Error) -> TransportError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => TransportErrorKind::Protocol,
        _ => TransportErrorKind::Unreachable,
    };
    TransportError::with(kind, error)
}

/// Tells a peer that speaks something else from one that has gone.
pub(crate) fn lost(error: &hyper::Error) -> TransportError {
    if error.is_parse() {
        let why = format!("no answer in HTTP/1.1 came ({})", chain(error));
        return TransportError::with(TransportErrorKind::Protocol, why);
    }
    TransportError::with(TransportErrorKind::Closed, chain(error))
}

/// An error with its causes, which hyper leaves out of its own text.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
