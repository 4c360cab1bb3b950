//! Peers that prove nothing and take their time, and how long they may.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use futures_lite::future::{pending, zip};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, split};
use widget_core::codec::{Bincode, Codec, ErasedCodec, Json};
use widget_core::frame::{FrameError, MAX_OPENING, v2};
use widget_core::message::{Credential, Opening};
use widget_core::runtime::{Address, Runtime, RuntimeExt, SharedRuntime};
use widget_core::stop::Stop;
use widget_core::store::MemoryStore;
use widget_core::testkit::fixtures::store_epoch;
use widget_server::Server;
use widget_sim::{Way, World};

use crate::scene::{Scene, origin};

/// Longer than anything takes.
const LONGEST: Duration = Duration::from_secs(600);

/// One that says these bytes, so many at a time and after such pauses, again and again.
pub(crate) struct Slow {
    pub(crate) way: Way,
    bytes: Vec<u8>,
    pieces: usize,
    pause: Duration,
    /// Whether it begins anew when all is said; else it falls silent.
    again: bool,
    /// Whether it reads what it is answered.
    reads: bool,
}

/// What listeners grant by themselves.
pub(crate) fn limits() -> (widget_transport_tcp::Limits, widget_transport_http::Limits) {
    Default::default()
}

/// The sum of what one after the other may take.
#[track_caller]
pub(crate) fn are_at_most_five_seconds(times: [Duration; 3]) {
    let sum: Duration = times.iter().sum();
    assert!(sum <= Duration::from_secs(5), "{times:?} are {sum:?}");
}

/// All of them, with what they do.
pub(crate) fn peers() -> Vec<(String, Slow)> {
    let mut peers = Vec::new();
    for (way, said) in [(Way::Tcp, frames()), (Way::Http, requests())] {
        for (what, bytes, again) in said {
            for (how, pieces, pause) in [
                ("at once", usize::MAX, 50),
                ("in halves", bytes.len().div_ceil(2).max(1), 900),
                ("byte by byte", 1, 20),
            ] {
                for reads in [true, false] {
                    let slow = Slow {
                        way,
                        bytes: bytes.clone(),
                        pieces,
                        pause: Duration::from_millis(pause),
                        again,
                        reads,
                    };
                    let deaf = if reads { "" } else { ", and reads nothing" };
                    peers.push((format!("{way:?}: {what} {how}{deaf}"), slow));
                }
            }
        }
    }
    peers
}

/// What is said over TCP, and whether it is said again.
fn frames() -> Vec<(&'static str, Vec<u8>, bool)> {
    let frame = |payload: &[u8]| {
        let mut out = BytesMut::new();
        let head = (Bincode::ID, v2::Kind::Command, 1);
        let written: Result<(), FrameError> = v2::encode(&mut out, head, MAX_OPENING, |out| {
            out.extend_from_slice(payload);
            Ok(())
        });
        written.unwrap();
        out.to_vec()
    };
    let mut hello = BytesMut::new();
    let opening = Opening::Hello(Scene::hello(Credential::None));
    Bincode.encode_opening(&opening, &mut hello).unwrap();
    let refused = frame(&hello);
    let longest = frame(&[0; MAX_OPENING]);
    vec![
        ("nothing", Vec::new(), false),
        ("a refused Hello", refused.clone(), true),
        (
            "part of a Hello",
            refused[..refused.len() - 1].to_vec(),
            false,
        ),
        (
            "most of the longest opening",
            longest[..4_000].to_vec(),
            false,
        ),
    ]
}

/// The same over HTTP.
fn requests() -> Vec<(&'static str, Vec<u8>, bool)> {
    let head = |path: &str, length: &str| {
        format!("POST /agent/v2/{path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{length}\r\n\r\n")
            .into_bytes()
    };
    let mut hello = BytesMut::new();
    let opening = Opening::Hello(Scene::hello(Credential::None));
    Json.encode_opening(&opening, &mut hello).unwrap();
    let length = format!("Content-Length: {}", hello.len());
    let refused = [head("hello", &length), hello.to_vec()].concat();
    let chunked = "Transfer-Encoding: chunked";
    let drips = [head("enrol", chunked), b"1\r\n \r\n".repeat(600)].concat();
    let without = head("describe", "Content-Length: 0");
    let unread = [head("describe", "Content-Length: 4000"), vec![b' '; 3_000]].concat();
    let garbage = head("describe", "Authorization: Widget x\r\nContent-Length: 0");
    vec![
        ("nothing", Vec::new(), false),
        ("a refused Hello", refused.clone(), true),
        (
            "part of a Hello",
            refused[..refused.len() - 1].to_vec(),
            false,
        ),
        ("part of a head", refused[..40].to_vec(), false),
        ("a body in many chunks", drips, false),
        ("a command without a session", without, true),
        ("a command with a session of no server", garbage, true),
        ("part of a body that nobody wants", unread, false),
        (
            "no such path",
            b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            true,
        ),
    ]
}

/// How long its connection is served.
pub(crate) fn time_of(slow: &Slow) -> Duration {
    let world = World::new(1);
    let (server, peer) = (world.process("server"), world.process("peer"));
    let incoming = world.listen(&server, 1).unwrap();
    let served = Arc::new(Mutex::new(None));
    let (way, keep, inner) = (slow.way, Arc::clone(&served), world.clone());
    let (bytes, pieces) = (slow.bytes.clone(), slow.pieces);
    let (pause, again, reads) = (slow.pause, slow.again, slow.reads);
    world.run(async move {
        let to = Address {
            host: "server".into(),
            port: 1,
        };
        let stream = peer.connect(&to).await.unwrap();
        let accepted = incoming.next().await.unwrap();
        let runtime: SharedRuntime = Arc::new(server.clone());
        let rows = Arc::new(MemoryStore::new(store_epoch(9)));
        let built = Server::builder(runtime.clone(), rows.into())
            .expose()
            .build();
        let (service, stop) = (built.service(), Stop::new());
        let begun = inner.now();
        let (mut limits, stream_of) = (limits(), accepted.stream);
        limits.1.date = false;
        let (tcp, http) = (Arc::new(limits.0), Arc::new(limits.1));
        let signal = stop.signal();
        let serving = async {
            if way == Way::Http {
                let serving = widget_transport_http::serve_stream(
                    stream_of,
                    runtime,
                    service,
                    origin(),
                    signal,
                    http,
                );
                serving.await;
            } else {
                let serving =
                    widget_transport_tcp::serve(stream_of, runtime, service, origin(), signal, tcp);
                serving.await;
            }
            *keep.lock().unwrap() = Some(inner.now().since(begun));
        };
        let (mut read, mut write) = split(stream);
        let hearing = async {
            let mut chunk = [0; 4096];
            while reads && matches!(read.read(&mut chunk).await, Ok(1..)) {}
            pending::<()>().await
        };
        let telling = async {
            loop {
                for piece in bytes.chunks(pieces) {
                    if write.write_all(piece).await.is_err() || write.flush().await.is_err() {
                        pending::<()>().await;
                    }
                    peer.sleep(pause).await;
                }
                if !again {
                    pending::<()>().await;
                }
            }
        };
        let talking = async {
            zip(hearing, telling).await;
        };
        let both = futures_lite::future::or(serving, talking);
        let ended = server.timeout(LONGEST, both).await;
        assert!(ended.is_some(), "the connection has no end");
    });
    world.end();
    served.lock().unwrap().expect("it was served")
}
