//! [`OverTls`]: listeners and clients of both transports, for the suite of transports.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use smol::Async;
use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime, Stream, TokioRuntime, Wrap};
use widget_core::stop::StopSignal;
use widget_core::testkit::transport::{Listening, Speak, TransportHarness};
use widget_core::tls::Application;
use widget_core::transport::{DoorLimits, Exposure, Listener, Service, Transport};
use widget_transport_http::{HttpListener, HttpTransport, Limits as HttpLimits};
use widget_transport_tcp::{Limits as TcpLimits, TcpListener, TcpTransport};

use crate::papers::Papers;

/// Any free port.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// One of the two transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Http,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Tcp, Self::Http];

    pub(crate) const fn application(self) -> Application {
        match self {
            Self::Tcp => Application::Frames,
            Self::Http => Application::Http,
        }
    }

    /// With short times for whoever says nothing.
    pub(crate) fn listen(
        self,
        exposure: Exposure,
        service: Arc<dyn Service>,
        stop: StopSignal,
        (patience, doors): (Duration, DoorLimits),
    ) -> Listening {
        Listening::on_thread(move |ready| {
            on_tokio(async {
                let listener: Box<dyn Listener> = match self {
                    Self::Tcp => {
                        let mut limits = TcpLimits::default();
                        limits.handshake = patience;
                        limits.write = patience;
                        limits.rate = u32::MAX;
                        let listener = TcpListener::bind_exposed(ANY, exposure).await.unwrap();
                        Box::new(listener.with_limits(limits).with_doors(doors))
                    }
                    Self::Http => {
                        let mut limits = HttpLimits::default();
                        limits.handshake = patience;
                        limits.write = patience;
                        let listener = HttpListener::bind_exposed(ANY, exposure).await.unwrap();
                        Box::new(listener.with_limits(limits).with_doors(doors))
                    }
                };
                ready
                    .send(listener.local_addr().unwrap().to_string())
                    .unwrap();
                listener.serve(service, stop).await.unwrap();
            });
        })
    }

    /// A client of whatever is there, in plain text if it is given nothing to wrap with.
    pub(crate) fn client(
        self,
        runtime: SharedRuntime,
        server: &str,
        patience: Duration,
        wrap: Option<Arc<dyn Wrap>>,
    ) -> Arc<dyn Transport> {
        match self {
            Self::Tcp => {
                let client = TcpTransport::new(runtime, server.parse().unwrap());
                let client = client.with_deadlines(patience, patience);
                Arc::new(match wrap {
                    Some(wrap) => client.wrapped_by(wrap),
                    None => client,
                })
            }
            Self::Http => {
                let scheme = if wrap.is_some() { "https" } else { "http" };
                let url = format!("{scheme}://{server}").parse().unwrap();
                let client = HttpTransport::new(runtime, url).with_deadlines(patience, patience);
                Arc::new(match wrap {
                    Some(wrap) => client.wrapped_by(wrap),
                    None => client,
                })
            }
        }
    }
}

/// Runs it on tokio.
pub(crate) fn on_tokio<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio.unwrap().block_on(work)
}

/// What a client runs on.
enum Side {
    Tokio(tokio::runtime::Runtime),
    Smol(Arc<smol::Executor<'static>>),
}

/// One transport over TLS, with its client on one of the runtimes.
pub(crate) struct OverTls {
    way: Way,
    side: Side,
    papers: Papers,
}

impl OverTls {
    pub(crate) fn tokio(way: Way) -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self::on(way, Side::Tokio(tokio.unwrap()))
    }

    pub(crate) fn smol(way: Way) -> Self {
        Self::on(way, Side::Smol(Arc::new(smol::Executor::new())))
    }

    fn on(way: Way, side: Side) -> Self {
        Self {
            way,
            side,
            papers: Papers::new(),
        }
    }

    fn server(&self) -> Arc<dyn Wrap> {
        Arc::new(self.papers.server(self.way.application()))
    }
}

impl TransportHarness for OverTls {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        let exposure = Exposure::Wrapped(self.server());
        let bounds = (Duration::from_secs(5), DoorLimits::default());
        self.way.listen(exposure, service, stop, bounds)
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        let wrap = Arc::new(self.papers.client(self.way.application()));
        self.way
            .client(self.runtime(), server, patience, Some(wrap))
    }

    fn peer(&self, speak: Speak) -> String {
        let socket = std::net::TcpListener::bind(ANY).unwrap();
        let address = socket.local_addr().unwrap();
        let server = self.server();
        std::thread::spawn(move || {
            let (stream, _) = socket.accept().unwrap();
            let stream = Async::<TcpStream>::new(stream).unwrap();
            if let Ok(stream) = smol::block_on(server.wrap(Box::new(stream))) {
                speak(Box::new(Blocking(stream)));
            }
        });
        address.to_string()
    }

    fn runtime(&self) -> SharedRuntime {
        match &self.side {
            Side::Tokio(tokio) => Arc::new(TokioRuntime::new(tokio.handle().clone())),
            Side::Smol(executor) => Arc::new(SmolRuntime::new(Arc::clone(executor))),
        }
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        match &self.side {
            Side::Tokio(tokio) => tokio.block_on(case),
            Side::Smol(executor) => smol::block_on(executor.run(case)),
        }
    }
}

/// A stream for whoever waits for each byte.
struct Blocking(Box<dyn Stream>);

impl Read for Blocking {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        smol::block_on(self.0.read(into))
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        smol::block_on(async {
            let count = self.0.write(bytes).await?;
            self.0.flush().await?;
            Ok(count)
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        smol::block_on(self.0.flush())
    }
}
