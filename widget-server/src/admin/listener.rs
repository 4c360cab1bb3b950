//! [`AdminListener`]: accepts connections for API and page, on tokio.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_lite::future::or;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use widget_core::runtime::{RuntimeExt, Stream, TokioRuntime, Wrap};
use widget_core::stop::StopSignal;
use widget_core::transport::{Exposure, TransportError, TransportErrorKind};

use super::limits::AdminLimits;
use super::serve::{Ground, serve};
use crate::handle::ServerHandle;

/// How long nothing is accepted after the system had no more files, memory or the like.
const PAUSE: Duration = Duration::from_millis(100);
/// What a connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
    Retry-After: 1\r\nConnection: close\r\nContent-Length: 26\r\n\r\ntoo many connections here\n";

/// Serves API and page at an address of their own.
///
/// ```
/// use std::sync::Arc;
/// use widget_core::runtime::TokioRuntime;
/// use widget_core::stop::Stop;
/// use widget_core::transport::Exposure;
/// use widget_server::{AdminListener, HostRules, Server, open, router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = Arc::new(TokioRuntime::current().ok_or("no tokio")?);
/// let stores = open::store("memory", "unused".as_ref(), &(runtime.clone() as _))?;
/// let handle = Server::builder(runtime, stores).build().handle();
/// let admin = AdminListener::bind("127.0.0.1:0".parse()?, Exposure::Loopback).await?;
/// println!("see http://{}", admin.address());
/// let (app, stop) = (router(handle.clone(), HostRules::default()), Stop::new());
/// let serving = tokio::spawn(admin.serve(app, handle, stop.signal()));
/// // Later:
/// stop.ask();
/// serving.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AdminListener {
    socket: TcpListener,
    address: SocketAddr,
    exposure: Exposure,
    limits: AdminLimits,
}

impl AdminListener {
    /// Listens on this address, of which port 0 means any free one, for whoever may come.
    ///
    /// # Errors
    /// [`TransportErrorKind::Config`] if other hosts reach the address, and nothing would protect what
    /// they say; [`TransportErrorKind::Bind`] if the system says no, such as when the port is taken.
    pub async fn bind(address: SocketAddr, exposure: Exposure) -> Result<Self, TransportError> {
        exposure.check(address)?;
        let bound = async {
            let socket = TcpListener::bind(address).await?;
            let address = socket.local_addr()?;
            io::Result::Ok((socket, address))
        };
        let (socket, address) = bound.await.map_err(|error| {
            let why = format!("cannot listen on {address}: {error}");
            TransportError::with(TransportErrorKind::Bind, why)
        })?;
        Ok(Self {
            socket,
            address,
            exposure,
            limits: AdminLimits::default(),
        })
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: AdminLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `app`, which is [`router`](crate::router) as it is or among others, until `stop` is asked
    /// and what was under way has been answered.
    ///
    /// # Errors
    /// [`TransportErrorKind::Config`] outside of a tokio runtime.
    pub async fn serve(
        self,
        app: Router,
        handle: ServerHandle,
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
            limits: self.limits.clone(),
            stop: stop.clone(),
            proxies: self.exposure.proxies().cloned(),
            is_secure: self.exposure.wrap().is_some(),
        });
        let places = Arc::new(Semaphore::new(self.limits.connections as usize));
        or(stop.asked(), self.accept_all(&ground, &places)).await;
        let Self { limits, .. } = self;
        // From here on nobody can connect any more.
        let all_ended = places.acquire_many(limits.connections);
        // Those that go on end with the runtime.
        let _ = ground.runtime.timeout(limits.farewell, all_ended).await;
        Ok(())
    }

    async fn accept_all(&self, ground: &Arc<Ground>, places: &Arc<Semaphore>) {
        let mut failing = false;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    if !self.exposure.admits(peer.ip()) {
                        ground.refused("admin_stranger");
                        continue;
                    }
                    match Arc::clone(places).try_acquire_owned() {
                        Ok(place) => self.start((stream, peer), Arc::clone(ground), place),
                        Err(_) => {
                            ground.refused("admin_full");
                            // Where there is TLS, nothing is said without.
                            if self.exposure.wrap().is_none() {
                                let _ = stream.try_write(FULL);
                            }
                        }
                    }
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

    fn start(
        &self,
        (stream, peer): (TcpStream, SocketAddr),
        ground: Arc<Ground>,
        place: OwnedSemaphorePermit,
    ) {
        // Without it answers are only later, not wrong.
        let _ = stream.set_nodelay(true);
        let (wrap, peer) = (self.exposure.wrap().cloned(), Some(peer.ip()));
        #[expect(clippy::disallowed_methods, reason = "accept loops are tokio's")]
        tokio::spawn(async move {
            match wrap {
                None => serve(TokioIo::new(stream), ground, peer).await,
                Some(wrap) => {
                    if let Some(stream) = greet(stream, wrap, &ground).await {
                        serve(TokioIo::new(stream.compat()), ground, peer).await;
                    }
                }
            }
            drop(place);
        });
    }
}

/// The stream within what is laid around it. A peer that does not get there is counted.
async fn greet(stream: TcpStream, wrap: Arc<dyn Wrap>, ground: &Ground) -> Option<Box<dyn Stream>> {
    let greeting = async {
        // What lies around a stream takes memory, and this one may never say anything.
        stream.readable().await?;
        wrap.wrap(Box::new(stream.compat())).await
    };
    let limit = ground.limits.handshake;
    match ground.runtime.timeout(limit, greeting).await {
        Some(Ok(stream)) => return Some(stream),
        Some(Err(error)) => {
            tracing::debug!(%error, "a greeting failed");
            ground.refused("admin_tls");
        }
        None => ground.refused("admin_handshake"),
    }
    None
}
