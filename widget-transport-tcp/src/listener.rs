//! [`TcpListener`]: accepts connections and serves each in a task of its own, on tokio.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_lite::future::or;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::codec;
use widget_core::frame::{GoAway, GoAwayReason};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::StopSignal;
use widget_core::transport::{Listener, Origin, Service, TransportError, TransportErrorKind};

use crate::limits::Limits;
use crate::serve::{Ground, serve_on};

/// How long nothing is accepted after the system had no more files, memory or the like.
const PAUSE: Duration = Duration::from_millis(100);
/// How long connections may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// The server's side of commands over TCP.
#[derive(Debug)]
pub struct TcpListener {
    socket: tokio::net::TcpListener,
    address: SocketAddr,
    limits: Limits,
    max_connections: u32,
}

impl TcpListener {
    /// Listens on this address, of which port 0 means any free one. At most 20,000 connections.
    ///
    /// # Errors
    /// [`TransportErrorKind::Config`] if the address can be reached from other hosts;
    /// [`TransportErrorKind::Bind`] if the system says no, such as when the port is taken.
    pub async fn bind(address: SocketAddr) -> Result<Self, TransportError> {
        if !address.ip().is_loopback() {
            let why =
                "only loopback addresses can be listened on until enrolment and TLS are there";
            let why = format!("{address}: {why}");
            return Err(TransportError::with(TransportErrorKind::Config, why));
        }
        let bound = async {
            let socket = tokio::net::TcpListener::bind(address).await?;
            let address = socket.local_addr()?;
            io::Result::Ok((socket, address))
        };
        let (socket, address) = bound.await.map_err(|error| {
            TransportError::with(TransportErrorKind::Bind, format!("{address}: {error}"))
        })?;
        Ok(Self {
            socket,
            address,
            limits: Limits::default(),
            max_connections: 20_000,
        })
    }

    /// With other limits for each connection. Collectors of version 1 on the same host are always
    /// served.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With another limit on connections at a time.
    #[must_use]
    pub const fn with_max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    async fn accept_all(&self, accepting: &Accepting) {
        let mut failing = false;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    accepting.take(stream, peer);
                }
                // One that was gone before we came to it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "no connection can be accepted, trying on");
                    }
                    failing = true;
                    accepting.near.runtime.sleep(PAUSE).await;
                }
            }
        }
    }
}

#[async_trait]
impl Listener for TcpListener {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    async fn serve(
        self: Box<Self>,
        service: Arc<dyn Service>,
        stop: StopSignal,
    ) -> Result<(), TransportError> {
        let runtime = TokioRuntime::current().ok_or_else(|| {
            let why = "a listener on TCP must be served within a tokio runtime";
            TransportError::with(TransportErrorKind::Config, why)
        })?;
        let mut near = self.limits.clone();
        near.allow_v1 = true;
        let runtime: SharedRuntime = Arc::new(runtime);
        let ground = |limits| {
            Arc::new(Ground {
                runtime: Arc::clone(&runtime),
                service: Arc::clone(&service),
                stop: stop.clone(),
                limits: Arc::new(limits),
            })
        };
        let accepting = Accepting {
            far: ground(self.limits.clone()),
            near: ground(near),
            places: Arc::new(Semaphore::new(self.max_connections as usize)),
        };
        or(stop.asked(), self.accept_all(&accepting)).await;
        let most = self.max_connections;
        // From here on nobody can connect any more.
        drop(self);
        let all_ended = accepting.places.acquire_many(most);
        if runtime.timeout(ENDING, all_ended).await.is_none() {
            tracing::warn!("some connections have not ended in time");
        }
        Ok(())
    }
}

/// What accepted connections get.
struct Accepting {
    /// For this host.
    near: Arc<Ground>,
    /// For others.
    far: Arc<Ground>,
    places: Arc<Semaphore>,
}

impl Accepting {
    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let origin = Origin {
            transport: crate::NAME,
            address: peer.to_string().into(),
            ip: Some(peer.ip()),
        };
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => self.start(stream, peer, origin, place),
            Err(_) => {
                tracing::debug!(peer = &*origin.address, "a connection too many");
                self.near.service.refused(&origin, "full");
                say_full(&stream);
            }
        }
    }

    fn start(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        origin: Origin,
        place: OwnedSemaphorePermit,
    ) {
        // Without it answers are only later, not wrong.
        let _ = stream.set_nodelay(true);
        let is_near = peer.ip().to_canonical().is_loopback();
        let ground = if is_near { &self.near } else { &self.far };
        #[expect(clippy::disallowed_methods, reason = "accept loops are tokio's")]
        tokio::spawn(serve_on(stream.compat(), Arc::clone(ground), origin, place));
    }
}

/// Says so, if that is possible at once: nothing is kept for those that are too many.
fn say_full(stream: &TcpStream) {
    let bye = GoAway {
        reason: GoAwayReason::Full,
        codecs: codec::ALL.iter().map(|codec| codec.id()).collect(),
        text: "the server has as many connections as it takes".to_owned(),
    };
    let mut out = BytesMut::new();
    if bye.encode(&mut out).is_ok() {
        let _ = stream.try_write(&out);
    }
}
