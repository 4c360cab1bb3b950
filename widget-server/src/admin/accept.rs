//! [`serve_all`]: takes connections, as many as there is room for, until it is told to stop.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_lite::future::or;
use tokio::sync::Semaphore;
use widget_core::runtime::{BoxFuture, RuntimeExt, TokioRuntime};
use widget_core::stop::StopSignal;
use widget_core::transport::{TransportError, TransportErrorKind};

use super::limits::AdminLimits;
use super::serve::Ground;
use crate::handle::ServerHandle;

/// How long nothing is accepted after the system had no more files, memory or the like.
const PAUSE: Duration = Duration::from_millis(100);
/// What a connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
    Retry-After: 1\r\nConnection: close\r\nContent-Length: 26\r\n\r\ntoo many connections here\n";

/// Where connections come in.
pub(super) trait Socket: Send + Sync {
    /// One of them.
    type Stream: Send;

    /// The next.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Whether it may be served at all.
    fn admits(&self, stream: &Self::Stream) -> bool;

    /// Says this to one that will not be served, if it can be said at once.
    fn say(&self, stream: &Self::Stream, text: &[u8]);

    /// Serves it until it ends.
    fn serve(&self, stream: Self::Stream, ground: Arc<Ground>) -> BoxFuture<'static, ()>;
}

/// Serves `app` to whoever comes until `stop` is asked and what was under way has been answered.
///
/// # Errors
/// [`TransportErrorKind::Config`] outside of a tokio runtime.
pub(super) async fn serve_all(
    socket: impl Socket,
    limits: AdminLimits,
    (app, handle): (Router, ServerHandle),
    stop: StopSignal,
) -> Result<(), TransportError> {
    let runtime = TokioRuntime::current().ok_or_else(|| {
        let why = "API and page must be served within a tokio runtime";
        TransportError::with(TransportErrorKind::Config, why)
    })?;
    let ground = Arc::new(Ground {
        runtime: Arc::new(runtime),
        handle,
        app,
        limits,
        stop: stop.clone(),
    });
    let limits = &ground.limits;
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    or(stop.asked(), accept_all(&socket, &ground, &places)).await;
    // From here on nobody can connect any more.
    drop(socket);
    let all_ended = places.acquire_many(limits.connections);
    // Those that go on end with the runtime.
    let _ = ground.runtime.timeout(limits.farewell, all_ended).await;
    Ok(())
}

async fn accept_all(socket: &impl Socket, ground: &Arc<Ground>, places: &Arc<Semaphore>) {
    let mut failing = false;
    loop {
        match socket.accept().await {
            Ok(stream) => {
                failing = false;
                if !socket.admits(&stream) {
                    ground.refused("admin_stranger");
                    continue;
                }
                let Ok(place) = Arc::clone(places).try_acquire_owned() else {
                    ground.refused("admin_full");
                    socket.say(&stream, FULL);
                    continue;
                };
                let served = socket.serve(stream, Arc::clone(ground));
                #[expect(clippy::disallowed_methods, reason = "accept loops are tokio's")]
                tokio::spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            // One that was gone before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "no connection can be accepted, trying on");
                }
                failing = true;
                ground.runtime.sleep(PAUSE).await;
            }
        }
    }
}
