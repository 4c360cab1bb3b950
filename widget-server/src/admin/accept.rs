//! [`serve_all`]: takes connections, as many as there is room for, until it is told to stop.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_lite::future::or;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use widget_core::runtime::{BoxFuture, RuntimeExt, TokioRuntime};
use widget_core::stop::StopSignal;
use widget_core::transport::{DoorLimits, Doors, Full, Place, TransportError, TransportErrorKind};

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

    /// Counts who has come, where other hosts may.
    fn doors(&self, limits: DoorLimits) -> Option<Arc<Doors>>;

    /// From which host one comes, if not from this one.
    fn peer(&self, stream: &Self::Stream) -> Option<IpAddr>;

    /// Says this to one that will not be served, if it can be said at once.
    fn say(&self, stream: &Self::Stream, text: &[u8]);

    /// Serves it until it ends.
    fn serve(
        &self,
        stream: Self::Stream,
        ground: Arc<Ground>,
        place: Option<Arc<Place>>,
    ) -> BoxFuture<'static, ()>;
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
    let doors = socket.doors(limits.doors);
    let hall = Hall {
        ground: &ground,
        places: &places,
        doors: doors.as_ref(),
    };
    or(stop.asked(), accept_all(&socket, &hall)).await;
    // From here on nobody can connect any more.
    drop(socket);
    let all_ended = places.acquire_many(limits.connections);
    // Those that go on end with the runtime.
    let _ = ground.runtime.timeout(limits.farewell, all_ended).await;
    Ok(())
}

/// Where connections find their places.
struct Hall<'a> {
    ground: &'a Arc<Ground>,
    places: &'a Arc<Semaphore>,
    doors: Option<&'a Arc<Doors>>,
}

type Places = (OwnedSemaphorePermit, Option<Arc<Place>>);

impl Hall<'_> {
    /// The places of one connection, or the word for why it has none.
    fn enter(&self, peer: Option<IpAddr>) -> Result<Places, &'static str> {
        let permit = Arc::clone(self.places).try_acquire_owned();
        let permit = permit.map_err(|_| "admin_full")?;
        let (Some(doors), Some(peer)) = (self.doors, peer) else {
            return Ok((permit, None));
        };
        match doors.enter(peer, self.ground.runtime.now()) {
            Ok(place) => Ok((permit, Some(Arc::new(place)))),
            Err(Full::Unproven) => Err("admin_full"),
            Err(Full::Address) => Err("admin_full_address"),
        }
    }
}

async fn accept_all(socket: &impl Socket, hall: &Hall<'_>) {
    let ground = hall.ground;
    let mut failing = false;
    loop {
        match socket.accept().await {
            Ok(stream) => {
                failing = false;
                if !socket.admits(&stream) {
                    ground.refused("admin_stranger");
                    continue;
                }
                let (permit, place) = match hall.enter(socket.peer(&stream)) {
                    Ok(places) => places,
                    Err(word) => {
                        ground.refused(word);
                        socket.say(&stream, FULL);
                        continue;
                    }
                };
                if place.as_ref().is_some_and(|place| place.has_put_out()) {
                    ground.refused("admin_put_out");
                }
                let served = socket.serve(stream, Arc::clone(ground), place.clone());
                #[expect(clippy::disallowed_methods, reason = "accept loops are tokio's")]
                tokio::spawn(async move {
                    match &place {
                        Some(place) => or(place.put_out(), served).await,
                        None => served.await,
                    }
                    drop((permit, place));
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
