//! What each frame comes to in each state of a connection over TCP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use widget_core::codec::{Bincode, Codec, ErasedCodec, Json, Legacy, by_id};
use widget_core::frame::{FrameBuffer, FrameError, GoAway, GoAwayReason, MAX_TO_AGENT, v1, v2};
use widget_core::message::{Command, Credential, Describe, Enrol, Hello, Opening, RequestWork};
use widget_core::runtime::{RuntimeExt, Stream};
use widget_core::testkit::fixtures::secret;
use widget_core::transport::MAX_CALLS;
use widget_sim::{Way, World};

use crate::messages::{self, row_of, says};
use crate::page::Table;
use crate::scene::{JOINED, Scene};

/// What a connection has been through when the message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is new, at a server for other hosts.
    Fresh,
    /// It is new, at a server for its own host only.
    Near,
    /// Half of a good Hello has come.
    Half,
    /// A Hello was refused on it.
    Refused,
    /// Its agent was welcomed.
    Welcomed,
    /// And has as many calls in flight as it may, each of which takes ten seconds.
    Full,
    /// And the listener was asked to stop.
    Stopping,
    /// And was deleted.
    Deleted,
}

pub(crate) const BEFORE: [State; 4] = [State::Fresh, State::Near, State::Half, State::Refused];
pub(crate) const AFTER: [State; 4] = [
    State::Welcomed,
    State::Full,
    State::Stopping,
    State::Deleted,
];

impl State {
    const fn head(self) -> &'static str {
        match self {
            Self::Fresh => "new",
            Self::Near => "new, on loopback",
            Self::Half => "half an opening came",
            Self::Refused => "refused once",
            Self::Welcomed => "welcomed",
            Self::Full => "64 calls in flight",
            Self::Stopping => "asked to stop",
            Self::Deleted => "deleted meanwhile",
        }
    }
}

/// Something that a peer says.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    say: Say,
}

#[derive(Debug, Clone)]
enum Say {
    Opening(Opening),
    /// An Enrol with the server's own token.
    Enrol,
    Bytes(Vec<u8>),
}

/// The request id of what is looked at.
const REQUEST: u32 = 1_000;
/// What most frames are.
const COMMAND: (u8, v2::Kind) = (Bincode::ID, v2::Kind::Command);
/// No state lasts as long without a word.
const LONGEST: Duration = Duration::from_secs(300);

fn frame((codec, kind): (u8, v2::Kind), payload: &[u8]) -> Vec<u8> {
    numbered(REQUEST, (codec, kind), payload)
}

fn numbered(request: u32, (codec, kind): (u8, v2::Kind), payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let written: Result<(), FrameError> =
        v2::encode(&mut out, (codec, kind, request), MAX_TO_AGENT, |out| {
            out.extend_from_slice(payload);
            Ok(())
        });
    written.unwrap();
    out.to_vec()
}

fn opening(opening: &Opening) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode.encode_opening(opening, &mut out).unwrap();
    frame(COMMAND, &out)
}

fn command(request: u32, command: &Command) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode.encode_command(command, &mut out).unwrap();
    numbered(request, COMMAND, &out)
}

/// Everything that may be said.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, say: Say| {
        rows.push(Row {
            name: name.to_owned(),
            say,
        });
    };
    add("nothing", Say::Bytes(Vec::new()));
    for (how, said) in openings() {
        add(&row_of(&said, how), Say::Opening(said));
    }
    add("opening enrol, good", Say::Enrol);
    add(
        "opening of a kind that is not known",
        Say::Bytes(frame(COMMAND, &[99])),
    );
    for (name, said) in messages::commands() {
        add(&name, Say::Bytes(command(REQUEST, &said)));
    }
    add(
        "two commands under one number",
        Say::Bytes(under_one_number()),
    );
    for (name, said) in messages::responses() {
        let mut out = BytesMut::new();
        Bincode.encode_response(&said, &mut out).unwrap();
        let kind = (Bincode::ID, v2::Kind::Response);
        add(&name, Say::Bytes(frame(kind, &out)));
    }
    let mut bye = BytesMut::new();
    let said = GoAway {
        reason: GoAwayReason::Protocol,
        codecs: vec![1],
        text: "enough".to_owned(),
    };
    said.encode(&mut bye).unwrap();
    add("go-away", Say::Bytes(bye.to_vec()));
    for (name, said) in messages::version_1() {
        let (mut payload, mut out) = (BytesMut::new(), BytesMut::new());
        Legacy::encode(&said, &mut payload).unwrap();
        v1::encode(&mut out, 1_795_361_105, &payload).unwrap();
        add(name, Say::Bytes(out.to_vec()));
    }
    for (name, bytes) in broken() {
        add(name, Say::Bytes(bytes));
    }
    rows
}

fn openings() -> Vec<(&'static str, Opening)> {
    let hello = |credential| Scene::hello(credential);
    let proven = |n| hello(Credential::Secret(secret(n)));
    let enrol = |n, hello| {
        let token = secret(n);
        let extras = Vec::new();
        Opening::Enrol(Enrol {
            token,
            hello,
            extras,
        })
    };
    let old = Hello {
        versions: (1, 1),
        ..proven(JOINED)
    };
    vec![
        ("good", Scene::good_hello()),
        (
            "without a credential",
            Opening::Hello(hello(Credential::None)),
        ),
        ("wrong credential", Opening::Hello(proven(200))),
        ("another version", Opening::Hello(old)),
        ("wrong token", enrol(200, proven(2))),
        ("without a credential", enrol(200, hello(Credential::None))),
    ]
}

fn under_one_number() -> Vec<u8> {
    let waits = Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 5_000,
        ..RequestWork::default()
    });
    let describe = Command::Describe(Describe::default());
    [command(REQUEST, &waits), command(REQUEST, &describe)].concat()
}

/// What is no message.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let good = opening(&Scene::good_hello());
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let last = good.len() - 1;
    let mut trailing = BytesMut::new();
    Bincode
        .encode_command(&Command::Describe(Describe::default()), &mut trailing)
        .unwrap();
    trailing.extend_from_slice(b"x");
    let mut claims = good[..v2::HEAD].to_vec();
    claims[v2::HEAD - 4..].copy_from_slice(&[0xff; 4]);
    let mut other = BytesMut::new();
    Json.encode_command(&Command::Describe(Describe::default()), &mut other)
        .unwrap();
    vec![
        (
            "a command of a kind that is not known",
            frame(COMMAND, &[77]),
        ),
        ("bytes that are no message", frame(COMMAND, &[0xff; 9])),
        ("a command with a byte too many", frame(COMMAND, &trailing)),
        ("4,097 bytes of payload", frame(COMMAND, &[0xff; 4_097])),
        ("half a frame", good[..good.len() / 2].to_vec()),
        ("a head that claims 4 GiB", claims),
        ("a wrong checksum", changed(last, good[last] ^ 1)),
        ("a wrong magic number", changed(0, 0)),
        ("version 3", changed(3, 3)),
        ("another kind of frame", changed(5, 9)),
        ("a flag", changed(7, 1)),
        (
            "another codec",
            frame((Json::ID, v2::Kind::Command), &other),
        ),
        (
            "a codec that is not known",
            frame((99, v2::Kind::Command), &other),
        ),
        (
            "a request of HTTP",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        ),
        (
            "a greeting of TLS",
            [&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 194]].concat(),
        ),
    ]
}

/// The rows in these states.
pub(crate) fn table(states: &[State]) -> Table {
    let heads = states.iter().map(|state| state.head().to_owned());
    let mut table = vec![std::iter::once("said".to_owned()).chain(heads).collect()];
    for row in rows() {
        let cells = states.iter().map(|state| cell(&row, *state));
        table.push(std::iter::once(row.name.clone()).chain(cells).collect());
    }
    table
}

fn cell(row: &Row, state: State) -> String {
    let (world, row) = (World::new(1), row.clone());
    let inner = world.clone();
    let cell = world.run(async move {
        let near = state == State::Near;
        let scene = Scene::new(&inner, "server", (!near, 9)).await;
        let mut stream = scene.connect(Way::Tcp, near).await;
        prepare(&scene, &mut stream, state).await;
        let before = scene.handle.refusals();
        let bytes = match row.say {
            Say::Opening(said) => opening(&said),
            Say::Enrol => opening(&scene.enrol(2)),
            Say::Bytes(bytes) => bytes,
        };
        let _ = stream.write_all(&bytes).await;
        let _ = stream.flush().await;
        let came = watch(&scene, &mut stream).await;
        came + &scene.counted_since(&before)
    });
    world.end();
    cell
}

async fn prepare(scene: &Scene, stream: &mut Box<dyn Stream>, state: State) {
    let good = opening(&Scene::good_hello());
    let said = match state {
        State::Fresh | State::Near => return,
        State::Half => good[..good.len() / 2].to_vec(),
        State::Refused => opening(&Opening::Hello(Scene::hello(Credential::None))),
        State::Welcomed | State::Full | State::Stopping | State::Deleted => good,
    };
    stream.write_all(&said).await.unwrap();
    stream.flush().await.unwrap();
    if state == State::Half {
        return scene.peer.sleep(Duration::from_millis(100)).await;
    }
    let mut came = FrameBuffer::new();
    while came.next_v2(MAX_TO_AGENT).unwrap().is_none() {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "closed without an answer");
        came.push(&chunk[..count]);
    }
    match state {
        State::Full => {
            scene.held.store(MAX_CALLS, Ordering::Relaxed);
            for request in 1..=u32::try_from(MAX_CALLS).unwrap() {
                let describe = Command::Describe(Describe::default());
                let bytes = command(request, &describe);
                stream.write_all(&bytes).await.unwrap();
            }
            stream.flush().await.unwrap();
            scene.peer.sleep(Duration::from_millis(100)).await;
        }
        State::Stopping => scene.stop.ask(),
        State::Deleted => assert!(scene.handle.delete(scene.agent).await.unwrap()),
        _ => {}
    }
}

/// What comes of it, and when, if that is not at once.
async fn watch(scene: &Scene, stream: &mut Box<dyn Stream>) -> String {
    let begun = scene.world.now();
    let (mut came, mut chunk) = (FrameBuffer::new(), [0; 4096]);
    let mut said: Vec<String> = Vec::new();
    let mut first = None;
    let end = loop {
        take(&mut came, &mut said);
        if !said.is_empty() {
            first.get_or_insert_with(|| scene.world.now());
        }
        let patience = match said.is_empty() {
            true => LONGEST,
            false => Duration::from_millis(500),
        };
        match scene.peer.timeout(patience, stream.read(&mut chunk)).await {
            None => break "stays",
            Some(Ok(count @ 1..)) => came.push(&chunk[..count]),
            Some(_) => break "closed",
        }
    };
    let took = first.unwrap_or(scene.world.now()).since(begun);
    said.push(end.to_owned());
    let said = said.join(", ");
    match took.as_millis() {
        0..200 => said,
        // When the calls in flight end, which were sent a moment before.
        9_800..10_200 => format!("when there is room: {said}"),
        _ => format!("after {:.1} s: {said}", took.as_secs_f64()),
    }
}

/// What was said by whole frames about the request, or about the connection.
fn take(came: &mut FrameBuffer, said: &mut Vec<String>) {
    if came.version() == Ok(Some(v1::VERSION)) || came.version().is_err() {
        // Answers of version 1 have no frame.
        said.push("answered".to_owned());
        *came = FrameBuffer::new();
        return;
    }
    while let Some(frame) = came.next_v2(MAX_TO_AGENT).unwrap() {
        match frame.head.kind {
            v2::Kind::GoAway => {
                let bye = GoAway::decode(frame.payload).unwrap();
                said.push(format!("go-away {:?}", bye.reason).to_lowercase());
            }
            _ if frame.head.request == REQUEST => {
                let codec = by_id(frame.head.codec).unwrap();
                let response = codec.decode_response(frame.payload).unwrap();
                said.push(says(&response));
            }
            _ => {}
        }
    }
}
