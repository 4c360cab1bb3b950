//! [`AdminListener`]: API and page at an address of their own, on tokio.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use widget_core::runtime::{BoxFuture, RuntimeExt, Stream, Wrap};
use widget_core::stop::StopSignal;
use widget_core::transport::{
    DoorLimits, Doors, Exposure, Place, TransportError, TransportErrorKind,
};

use super::accept::{Socket, serve_all};
use super::limits::AdminLimits;
use super::serve::{Ground, Peer, serve};
use crate::handle::ServerHandle;

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
        let socket = Accepting {
            socket: self.socket,
            exposure: self.exposure,
        };
        serve_all(socket, self.limits, (app, handle), stop).await
    }
}

struct Accepting {
    socket: TcpListener,
    exposure: Exposure,
}

impl Socket for Accepting {
    type Stream = (TcpStream, SocketAddr);

    async fn accept(&self) -> io::Result<Self::Stream> {
        self.socket.accept().await
    }

    fn admits(&self, (_, peer): &Self::Stream) -> bool {
        self.exposure.admits(peer.ip())
    }

    fn doors(&self, limits: DoorLimits) -> Option<Arc<Doors>> {
        self.exposure.doors(limits)
    }

    fn peer(&self, (_, peer): &Self::Stream) -> Option<IpAddr> {
        Some(peer.ip())
    }

    fn say(&self, (stream, _): &Self::Stream, text: &[u8]) {
        // Where there is TLS, nothing is said without.
        if self.exposure.wrap().is_none() {
            let _ = stream.try_write(text);
        }
    }

    fn serve(
        &self,
        (stream, peer): Self::Stream,
        ground: Arc<Ground>,
        place: Option<Arc<Place>>,
    ) -> BoxFuture<'static, ()> {
        // Without it answers are only later, not wrong.
        let _ = stream.set_nodelay(true);
        let wrap = self.exposure.wrap().cloned();
        let peer = Peer {
            address: Some(peer.ip()),
            proxies: self.exposure.proxies().cloned(),
            is_secure: wrap.is_some(),
            caller: None,
            place,
        };
        Box::pin(async move {
            match wrap {
                None => serve(TokioIo::new(stream), ground, peer).await,
                Some(wrap) => {
                    if let Some(stream) = greet(stream, wrap, &ground).await {
                        serve(TokioIo::new(stream.compat()), ground, peer).await;
                    }
                }
            }
        })
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
