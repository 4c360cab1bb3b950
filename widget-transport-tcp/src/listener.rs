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
use widget_core::runtime::{RuntimeExt, SharedRuntime, Stream, TokioRuntime, Wrap};
use widget_core::stop::StopSignal;
use widget_core::transport::{
    DoorLimits, Doors, Exposure, Full, Listener, Origin, PUT_OUT, Place, STRANGER, Service,
    TransportError, TransportErrorKind,
};

use crate::limits::Limits;
use crate::serve::{Entrance, Ground, serve_on};

/// How long nothing is accepted after the system had no more files, memory or the like.
const PAUSE: Duration = Duration::from_millis(100);
/// How long connections may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// The server's side of commands over TCP.
#[derive(Debug)]
pub struct TcpListener {
    socket: tokio::net::TcpListener,
    address: SocketAddr,
    exposure: Exposure,
    limits: Limits,
    max_connections: u32,
    doors: DoorLimits,
}

impl TcpListener {
    /// Listens for this host alone. As [`bind_exposed`](Self::bind_exposed) with
    /// [`Exposure::Loopback`].
    ///
    /// # Errors
    /// As there.
    pub async fn bind(address: SocketAddr) -> Result<Self, TransportError> {
        Self::bind_exposed(address, Exposure::Loopback).await
    }

    /// Listens on this address, of which port 0 means any free one, for whoever may come. At most
    /// 20,000 connections.
    ///
    /// # Errors
    /// [`TransportErrorKind::Config`] if other hosts reach the address, and nothing would protect what
    /// they say; [`TransportErrorKind::Bind`] if the system says no, such as when the port is taken.
    pub async fn bind_exposed(
        address: SocketAddr,
        exposure: Exposure,
    ) -> Result<Self, TransportError> {
        exposure.check(address)?;
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
            exposure,
            limits: Limits::default(),
            max_connections: 20_000,
            doors: DoorLimits::default(),
        })
    }

    /// With other limits for each connection. Collectors of version 1 are served if this listener is
    /// for its own host alone, and else never.
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

    /// With other limits on connections of one address, and on those that have not yet said who they
    /// are. They count where other hosts may come.
    #[must_use]
    pub const fn with_doors(mut self, limits: DoorLimits) -> Self {
        self.doors = limits;
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
                    accepting.runtime().sleep(PAUSE).await;
                }
            }
        }
    }
}

#[async_trait]
impl Listener for TcpListener {
    fn name(&self) -> &'static str {
        crate::name_of(self.exposure.wrap().is_some())
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
        let mut limits = self.limits.clone();
        limits.allow_v1 = matches!(self.exposure, Exposure::Loopback);
        let accepting = Accepting {
            ground: Arc::new(Ground {
                runtime: Arc::new(runtime),
                service,
                stop: stop.clone(),
                limits: Arc::new(limits),
            }),
            transport: self.name(),
            doors: self.exposure.doors(self.doors),
            exposure: self.exposure.clone(),
            places: Arc::new(Semaphore::new(self.max_connections as usize)),
        };
        or(stop.asked(), self.accept_all(&accepting)).await;
        let most = self.max_connections;
        // From here on nobody can connect any more.
        drop(self);
        let all_ended = accepting.places.acquire_many(most);
        if accepting
            .runtime()
            .timeout(ENDING, all_ended)
            .await
            .is_none()
        {
            tracing::warn!("some connections have not ended in time");
        }
        Ok(())
    }
}

/// What accepted connections get.
struct Accepting {
    ground: Arc<Ground>,
    transport: &'static str,
    exposure: Exposure,
    places: Arc<Semaphore>,
    doors: Option<Arc<Doors>>,
}

/// The place of one connection.
struct Inside {
    _permit: OwnedSemaphorePermit,
    place: Option<Place>,
}

impl Entrance for Inside {
    fn prove(&self) {
        if let Some(place) = &self.place {
            place.prove();
        }
    }

    async fn put_out(&self) {
        match &self.place {
            Some(place) => place.put_out().await,
            None => std::future::pending().await,
        }
    }
}

impl Accepting {
    fn runtime(&self) -> &SharedRuntime {
        &self.ground.runtime
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let origin = Origin {
            transport: self.transport,
            address: peer.to_string().into(),
            // Behind a proxy are many, and what one of them gets wrong is not the others' fault.
            ip: self.exposure.proxies().is_none().then_some(peer.ip()),
        };
        let service = &self.ground.service;
        if !self.exposure.admits(peer.ip()) {
            tracing::debug!(peer = &*origin.address, "a connection of a stranger");
            service.refused(&origin, STRANGER);
            return;
        }
        match self.enter(peer) {
            Ok(inside) => {
                if inside.place.as_ref().is_some_and(Place::has_put_out) {
                    service.refused(&origin, PUT_OUT);
                }
                self.start(stream, origin, inside);
            }
            Err(word) => {
                tracing::debug!(peer = &*origin.address, "a connection too many");
                service.refused(&origin, word);
                // Where there is TLS, nothing is said without.
                if self.exposure.wrap().is_none() {
                    say_full(&stream);
                }
            }
        }
    }

    fn enter(&self, peer: SocketAddr) -> Result<Inside, &'static str> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        let permit = permit.map_err(|_| "full")?;
        let enter = |doors: &Arc<Doors>| doors.enter(peer.ip(), self.runtime().now());
        let place = self.doors.as_ref().map(enter).transpose();
        Ok(Inside {
            _permit: permit,
            place: place.map_err(Full::word)?,
        })
    }

    fn start(&self, stream: TcpStream, origin: Origin, inside: Inside) {
        // Without it answers are only later, not wrong.
        let _ = stream.set_nodelay(true);
        let ground = Arc::clone(&self.ground);
        let Some(wrap) = self.exposure.wrap() else {
            return spawn(serve_on(stream.compat(), ground, origin, inside));
        };
        let wrap = Arc::clone(wrap);
        spawn(async move {
            // On the heap and gone before the long part of a connection's life.
            let room = async {
                inside.put_out().await;
                None
            };
            let greeting = greet(stream, &*wrap, &ground, &origin);
            let greeted = Box::pin(or(room, greeting)).await;
            drop(wrap);
            if let Some(stream) = greeted {
                serve_on(stream, ground, origin, inside).await;
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "accept loops are tokio's")]
fn spawn(served: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(served);
}

/// The stream within what is laid around it. A peer that does not get there is counted.
async fn greet(
    stream: TcpStream,
    wrap: &dyn Wrap,
    ground: &Ground,
    origin: &Origin,
) -> Option<Box<dyn Stream>> {
    let greeting = async {
        // What lies around a stream takes memory, and this one may never say anything.
        stream.readable().await?;
        wrap.wrap(Box::new(stream.compat())).await
    };
    let limit = ground.limits.handshake;
    let word = match ground.runtime.timeout(limit, greeting).await {
        Some(Ok(stream)) => return Some(stream),
        Some(Err(error)) => {
            tracing::debug!(peer = &*origin.address, %error, "a greeting failed");
            "tls"
        }
        None => "handshake",
    };
    ground.service.refused(origin, word);
    None
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
