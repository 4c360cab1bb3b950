//! What the tests share: a listener on a thread of its own, and clients that write bytes.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec};
use widget_core::frame::{FrameBuffer, FrameError, GoAway, MAX_TO_AGENT, v2};
use widget_core::message::{Command, Opening, Response, Submit};
use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime, TokioRuntime};
use widget_core::stop::{Stop, StopSignal};
use widget_core::testkit::fixtures::epoch;
use widget_core::testkit::transport::{Listening, ScriptedService, TransportHarness, hello};
use widget_core::transport::{Listener, Service, Transport};
use widget_transport_tcp::{Limits, TcpListener, TcpTransport};

/// Within this every connection that breaks a rule must be closed.
pub(crate) const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// Serves on tokio, on a thread of its own.
pub(crate) fn listen(
    service: Arc<dyn Service>,
    stop: StopSignal,
    (most, limits): (u32, Limits),
) -> Listening {
    Listening::on_thread(move |ready| {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio.block_on(async {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = TcpListener::bind(any).await.unwrap();
            let listener = listener.with_limits(limits).with_max_connections(most);
            ready.send(listener.address().to_string()).unwrap();
            Box::new(listener).serve(service, stop).await.unwrap();
        });
    })
}

/// Clients on tokio.
pub(crate) struct OnTokio(tokio::runtime::Runtime);

impl OnTokio {
    pub(crate) fn new() -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self(tokio.unwrap())
    }
}

impl TransportHarness for OnTokio {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        listen(service, stop, (100, Limits::default()))
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        client(self.runtime(), server, patience)
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(TokioRuntime::new(self.0.handle().clone()))
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        self.0.block_on(case);
    }
}

/// Clients on smol.
pub(crate) struct OnSmol(Arc<smol::Executor<'static>>);

impl OnSmol {
    pub(crate) fn new() -> Self {
        Self(Arc::new(smol::Executor::new()))
    }
}

impl TransportHarness for OnSmol {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        listen(service, stop, (100, Limits::default()))
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        client(self.runtime(), server, patience)
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(SmolRuntime::new(Arc::clone(&self.0)))
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        smol::block_on(self.0.run(case));
    }
}

fn client(runtime: SharedRuntime, server: &str, patience: Duration) -> Arc<dyn Transport> {
    let address = server.parse().unwrap();
    Arc::new(TcpTransport::new(runtime, address).with_deadlines(patience, patience))
}

/// A listener for peers that write bytes. Stops when it is dropped.
pub(crate) struct Server {
    pub(crate) service: Arc<ScriptedService>,
    pub(crate) address: SocketAddr,
    stop: Stop,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::with_most(100, limits)
    }

    pub(crate) fn with_most(most: u32, limits: Limits) -> Self {
        let service = Arc::new(ScriptedService::default());
        let stop = Stop::new();
        let listening = listen(Arc::clone(&service) as _, stop.signal(), (most, limits));
        Self {
            service,
            address: listening.address().parse().unwrap(),
            stop,
        }
    }

    pub(crate) fn peer(&self) -> Peer {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Peer {
            stream,
            came: FrameBuffer::new(),
        }
    }

    /// A peer that was welcomed.
    pub(crate) fn welcomed(&self, n: u8) -> Peer {
        let mut peer = self.peer();
        peer.send(&opening(n));
        assert!(matches!(peer.response(), (0, Response::Welcome(_))));
        peer
    }

    /// Whether agent number `n` gets in.
    pub(crate) fn is_welcomed(&self, n: u8) -> bool {
        let mut peer = self.peer();
        let sent = peer.stream.write_all(&opening(n)).is_ok();
        sent && matches!(peer.frame(), Some(Came::Response(0, Response::Welcome(_))))
    }

    pub(crate) fn stop(&self) {
        self.stop.ask();
    }

    /// Waits until so much was refused, and says what.
    pub(crate) fn refused(&self, count: usize) -> Vec<&'static str> {
        widget_core::testkit::run(self.service.until_refused(count));
        self.service.refused()
    }
}

/// A peer that writes bytes, right or wrong.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    came: FrameBuffer,
}

impl Peer {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next answer.
    pub(crate) fn response(&mut self) -> (u32, Response) {
        match self.frame() {
            Some(Came::Response(request, response)) => (request, response),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// The last words, if any, of a server that must close in time.
    pub(crate) fn last_words(mut self) -> Option<GoAway> {
        let begun = Instant::now();
        let mut words = None;
        while let Some(came) = self.frame() {
            match came {
                Came::GoAway(bye) => words = Some(bye),
                Came::Response(..) => {}
            }
        }
        let took = begun.elapsed();
        assert!(took < CLOSED_WITHIN, "closed only after {took:?}");
        words
    }

    /// The next frame, or `None` at the end.
    fn frame(&mut self) -> Option<Came> {
        loop {
            if let Some(frame) = self.came.next_v2(MAX_TO_AGENT).unwrap() {
                return Some(match frame.head.kind {
                    v2::Kind::GoAway => Came::GoAway(GoAway::decode(frame.payload).unwrap()),
                    _ => {
                        let response = Bincode.decode_response(frame.payload).unwrap();
                        Came::Response(frame.head.request, response)
                    }
                });
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                // A server may reset the connection of a peer that goes on writing.
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Ok(count) => self.came.push(&chunk[..count]),
                Err(error) => panic!("the server goes on: {error}"),
            }
        }
    }
}

#[derive(Debug)]
enum Came {
    Response(u32, Response),
    GoAway(GoAway),
}

/// The frame of agent number `n`'s opening, request 0.
pub(crate) fn opening(n: u8) -> Vec<u8> {
    let opening: Opening = hello(n);
    frame(0, |out| Bincode.encode_opening(&opening, out).unwrap())
}

/// A frame of a command.
pub(crate) fn command(request: u32, command: &Command) -> Vec<u8> {
    frame(request, |out| Bincode.encode_command(command, out).unwrap())
}

/// A frame of a `Submit` that is answered `ack(n)`.
pub(crate) fn submit(request: u32, n: u64) -> Vec<u8> {
    let submit = Submit {
        epoch: epoch(1),
        after: n,
        reports: Vec::new(),
        dropped: 0,
    };
    command(request, &Command::Submit(submit))
}

pub(crate) const fn ack(n: u64) -> Response {
    Response::Ack { through: Some(n) }
}

/// A frame towards the server with any payload.
pub(crate) fn frame(request: u32, write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    let head = (1, v2::Kind::Command, request);
    let result: Result<(), FrameError> = v2::encode(&mut out, head, MAX_TO_AGENT, |out| {
        write(out);
        Ok(())
    });
    result.unwrap();
    out.to_vec()
}
