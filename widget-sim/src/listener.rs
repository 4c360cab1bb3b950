//! [`SimListener`]: the connection code of the TCP and HTTP listeners, over simulated bytes.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures_lite::future::or;
use widget_core::runtime::{Address, Runtime, SharedRuntime};
use widget_core::stop::StopSignal;
use widget_core::transport::{
    Listener, Origin, Service, Transport, TransportError, TransportErrorKind,
};
use widget_transport_http::HttpTransport;
use widget_transport_tcp::TcpTransport;

use crate::tapped::Tapped;
use crate::{Incoming, SimRuntime, SimTransport, Switchboard};

/// Where a server listens for TCP.
pub const TCP_PORT: u16 = 9004;
/// Where it listens for agents' HTTP.
pub const HTTP_PORT: u16 = 9005;

/// How an agent speaks to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By whole messages, which is fast and has every fault of a network.
    Calls,
    /// By the real TCP transport over simulated bytes.
    Tcp,
    /// By the real HTTP transport over simulated bytes.
    Http,
}

impl Way {
    /// This way from a process to a host.
    #[must_use]
    pub fn transport(self, from: &SimRuntime, board: &Switchboard, to: &str) -> Arc<dyn Transport> {
        let runtime: SharedRuntime = Arc::new(from.clone());
        match self {
            Self::Calls => Arc::new(SimTransport::new(from.clone(), board.clone(), to)),
            Self::Tcp => {
                let address = Address {
                    host: to.into(),
                    port: TCP_PORT,
                };
                Arc::new(TcpTransport::new(runtime, address))
            }
            Self::Http => {
                let url = format!("http://{to}:{HTTP_PORT}");
                Arc::new(HttpTransport::new(runtime, url.parse().expect("a URL")))
            }
        }
    }
}

/// A listener in a world.
#[derive(Debug)]
pub struct SimListener {
    runtime: SimRuntime,
    way: Way,
    incoming: Incoming,
    board: Option<Switchboard>,
}

impl SimListener {
    /// Listens at the host of this process.
    ///
    /// # Errors
    /// [`TransportErrorKind::Bind`] if the port is taken; [`TransportErrorKind::Config`] for
    /// [`Way::Calls`], which needs no listener.
    pub fn bind(runtime: &SimRuntime, way: Way) -> Result<Self, TransportError> {
        let port = match way {
            Way::Calls => return Err(TransportError::new(TransportErrorKind::Config)),
            Way::Tcp => TCP_PORT,
            Way::Http => HTTP_PORT,
        };
        let incoming = runtime.world().listen(runtime, port);
        Ok(Self {
            incoming: incoming.map_err(|e| TransportError::with(TransportErrorKind::Bind, e))?,
            runtime: runtime.clone(),
            way,
            board: None,
        })
    }

    /// Has those listen in who listen in on calls over this board.
    #[must_use]
    pub fn tapped_as(mut self, board: &Switchboard) -> Self {
        self.board = Some(board.clone());
        self
    }

    async fn accept(&self, service: &Arc<dyn Service>, stop: &StopSignal) {
        let mut tcp = widget_transport_tcp::Limits::default();
        tcp.allow_v1 = true;
        let mut http = widget_transport_http::Limits::default();
        // A header with the real time in it.
        http.date = false;
        let (tcp, http) = (Arc::new(tcp), Arc::new(http));
        let runtime: SharedRuntime = Arc::new(self.runtime.clone());
        while let Some(accepted) = self.incoming.next().await {
            let origin = Origin {
                transport: self.name(),
                address: accepted.from,
                ip: None,
            };
            let (service, stop) = (Arc::clone(service), stop.clone());
            let runtime = Arc::clone(&runtime);
            let serving: widget_core::runtime::BoxFuture<'static, ()> = match self.way {
                Way::Http => Box::pin(widget_transport_http::serve_stream(
                    accepted.stream,
                    runtime,
                    service,
                    origin,
                    stop,
                    Arc::clone(&http),
                )),
                Way::Tcp | Way::Calls => Box::pin(widget_transport_tcp::serve(
                    accepted.stream,
                    runtime,
                    service,
                    origin,
                    stop,
                    Arc::clone(&tcp),
                )),
            };
            self.runtime.spawn(serving);
        }
    }
}

#[async_trait]
impl Listener for SimListener {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Calls => "sim",
            Way::Tcp => widget_transport_tcp::NAME,
            Way::Http => widget_transport_http::NAME,
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn serve(
        self: Box<Self>,
        service: Arc<dyn Service>,
        stop: StopSignal,
    ) -> Result<(), TransportError> {
        let taps = self.board.as_ref().map(Switchboard::taps);
        let service = Tapped::around(service, taps.unwrap_or_default());
        or(stop.asked(), self.accept(&service, &stop)).await;
        Ok(())
    }
}
