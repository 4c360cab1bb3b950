//! Any bytes to the listeners' code, in a world of their own. The first byte of an input says how they come,
//! see [`Manner`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_lite::future::{or, pending, zip};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, split};
use widget_core::message::{Command, Opening, Response, Welcome};
use widget_core::runtime::{Address, BoxFuture, Runtime, RuntimeExt, SharedRuntime, Stream};
use widget_core::stop::Stop;
use widget_core::testkit::fuzz::seal;
use widget_core::testkit::transport::ScriptedService;
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};

use crate::{HTTP_PORT, TCP_PORT, Way, World};

/// No connection goes on for so long after its last byte: all deadlines are shorter.
pub(super) const LONGEST: Duration = Duration::from_secs(300);
/// The bits of an input's first byte: three for the size of the pieces, and these.
pub(super) struct Manner(u8);

impl Manner {
    /// In one piece.
    pub(super) const WHOLE: u8 = 7;
    /// Whether checksums of frames are put right.
    pub(super) const SEALED: u8 = 0x80;
    /// Whether the peer stays silent at the end, so that the server has to end it.
    pub(super) const SILENT: u8 = 0x40;
    /// Whether it reads no answers.
    pub(super) const DEAF: u8 = 0x20;
    /// Whether there is a pause between two pieces.
    pub(super) const SLOW: u8 = 0x10;

    pub(super) const fn of(byte: u8) -> Self {
        Self(byte)
    }

    pub(super) const fn is(&self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    pub(super) fn size(&self) -> usize {
        [1, 3, 16, 100, 512, 1_460, 4_096, usize::MAX][usize::from(self.0 & 7)]
    }

    /// What is between two pieces.
    pub(super) async fn pause(&self, runtime: &dyn Runtime) {
        if self.is(Self::SLOW) {
            runtime.sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Any bytes to a TCP listener: their connection ends by itself, whatever its peer does.
pub fn tcp_connection(bytes: &[u8]) {
    connection(bytes, Way::Tcp);
}

/// Any bytes to an HTTP listener, in the same way.
pub fn http_connection(bytes: &[u8]) {
    connection(bytes, Way::Http);
}

fn connection(bytes: &[u8], way: Way) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let (manner, mut rest) = (Manner::of(*how), rest.to_vec());
    if manner.is(Manner::SEALED) {
        seal(&mut rest);
    }
    let world = World::new(u64::from(*how));
    let (server, peer) = (world.process("server"), world.process("peer"));
    let port = if way == Way::Http {
        HTTP_PORT
    } else {
        TCP_PORT
    };
    let incoming = world.listen(&server, port).unwrap();
    world.run(async move {
        let to = Address {
            host: "server".into(),
            port,
        };
        let stream = peer.connect(&to).await.unwrap();
        let accepted = incoming.next().await.unwrap();
        let stop = Stop::new();
        let serving = serve(way, accepted.stream, Arc::new(server.clone()), &stop);
        let said = Stop::new();
        let talking = talk(stream, &manner, &rest, &peer, &said);
        let all_said = said.signal();
        let late = async {
            all_said.asked().await;
            server.sleep(LONGEST).await;
            panic!("the connection has no end");
        };
        or(serving, or(talking, late)).await;
    });
    world.end();
}

fn serve(
    way: Way,
    stream: Box<dyn Stream>,
    runtime: SharedRuntime,
    stop: &Stop,
) -> BoxFuture<'static, ()> {
    let (service, stop) = (Arc::new(Brief::default()), stop.signal());
    let origin = Origin {
        transport: "sim",
        address: "peer".into(),
        ip: None,
    };
    if way == Way::Http {
        let mut limits = widget_transport_http::Limits::default();
        limits.date = false;
        let limits = Arc::new(limits);
        Box::pin(widget_transport_http::serve_stream(
            stream, runtime, service, origin, stop, limits,
        ))
    } else {
        let mut limits = widget_transport_tcp::Limits::default();
        limits.allow_v1 = true;
        let limits = Arc::new(limits);
        Box::pin(widget_transport_tcp::serve(
            stream, runtime, service, origin, stop, limits,
        ))
    }
}

/// Says all, then closes or falls silent. Never ends: the server does.
async fn talk(
    stream: Box<dyn Stream>,
    manner: &Manner,
    bytes: &[u8],
    runtime: &dyn Runtime,
    said: &Stop,
) {
    let (mut read, mut write) = split(stream);
    let hearing = async {
        let mut chunk = [0; 4096];
        while !manner.is(Manner::DEAF) && matches!(read.read(&mut chunk).await, Ok(1..)) {}
    };
    let telling = async {
        for piece in bytes.chunks(manner.size()) {
            let told = async {
                write.write_all(piece).await?;
                write.flush().await
            };
            // A server that reads no further is past its last byte too.
            if !matches!(runtime.timeout(LONGEST, told).await, Some(Ok(()))) {
                break;
            }
            manner.pause(runtime).await;
        }
        if !manner.is(Manner::SILENT) {
            let _ = write.close().await;
        }
        said.ask();
    };
    zip(hearing, telling).await;
    pending().await
}

/// A service with short answers, none of which waits: what is tried is the connection.
#[derive(Debug, Default)]
struct Brief(ScriptedService);

#[async_trait]
impl Service for Brief {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        self.0.open(from, opening).await
    }

    async fn session(&self, peer: &Peer) -> Result<String, Rejection> {
        self.0.session(peer).await
    }

    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection> {
        self.0.resume(from, session).await
    }

    async fn call(&self, peer: &Peer, mut command: Command) -> Response {
        if let Command::RequestWork(request) = &mut command {
            request.room = request.room.min(1);
            request.wait_ms = 0;
        }
        self.0.call(peer, command).await
    }

    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: widget_core::v1::Command,
    ) -> Option<widget_core::v1::Response> {
        self.0.call_v1(from, at, command).await
    }

    fn refused(&self, from: &Origin, reason: &'static str) {
        Service::refused(&self.0, from, reason);
    }
}
