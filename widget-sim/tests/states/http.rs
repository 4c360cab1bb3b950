//! What each request comes to over HTTP with each kind of session.

use std::time::Duration;

use bytes::BytesMut;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use widget_core::codec::{Codec, ErasedCodec, Json, Legacy};
use widget_core::frame::{GoAway, GoAwayReason, v1};
use widget_core::message::{Command, Credential, Enrol, Hello, Opening, Response};
use widget_core::runtime::{RuntimeExt, Stream};
use widget_core::testkit::fixtures::{epoch, secret};
use widget_sim::{Way, World};
use widget_transport_http::ROOT;

use crate::messages::{self, row_of, says};
use crate::page::Table;
use crate::scene::{JOINED, Scene};

/// What proves who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    None,
    /// Text that no server made.
    Garbage,
    /// That of a server with another store.
    AnotherStore,
    /// One that was made longer ago than a day.
    Expired,
    Good,
    /// Its agent was deleted since.
    Deleted,
    /// Its agent began anew since.
    Replaced,
}

pub(crate) const NONE: [Session; 4] = [
    Session::None,
    Session::Garbage,
    Session::AnotherStore,
    Session::Expired,
];
pub(crate) const SOME: [Session; 3] = [Session::Good, Session::Deleted, Session::Replaced];

impl Session {
    const fn head(self) -> &'static str {
        match self {
            Self::None => "no session",
            Self::Garbage => "no server's",
            Self::AnotherStore => "another store's",
            Self::Expired => "expired",
            Self::Good => "good",
            Self::Deleted => "deleted meanwhile",
            Self::Replaced => "replaced meanwhile",
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    say: Say,
}

#[derive(Debug, Clone)]
enum Say {
    /// This body to this path.
    Post(&'static str, Vec<u8>),
    /// An Enrol with the server's own token.
    Enrol,
    /// A head with these lines beside the session, and what follows it.
    Head(&'static str, Vec<u8>),
    /// Bytes without a head of ours.
    Bytes(Vec<u8>),
}

/// No connection lasts as long without a word.
const LONGEST: Duration = Duration::from_secs(300);
const JSON: &str = "Content-Type: application/json";

fn body_of(opening: &Opening) -> Vec<u8> {
    let mut out = BytesMut::new();
    Json.encode_opening(opening, &mut out).unwrap();
    out.to_vec()
}

fn body(command: &Command) -> Vec<u8> {
    let mut out = BytesMut::new();
    Json.encode_command(command, &mut out).unwrap();
    out.to_vec()
}

/// Everything that may be asked.
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
        let name = row_of(&said, how);
        add(&name, Say::Post(said.name(), body_of(&said)));
    }
    add("opening enrol, good", Say::Enrol);
    let hello = body_of(&Scene::good_hello());
    add("opening hello, to enrol", Say::Post("enrol", hello.clone()));
    add("opening hello, to describe", Say::Post("describe", hello));
    let later = br#"{"later": {}}"#.to_vec();
    add(
        "opening of a kind that is not known",
        Say::Post("hello", later.clone()),
    );
    let mut to = "hello";
    for (name, said) in messages::commands() {
        add(&name, Say::Post(said.name(), body(&said)));
        add(&format!("{name}, to {to}"), Say::Post(to, body(&said)));
        to = said.name();
    }
    add(
        "a command of a kind that is not known",
        Say::Post("describe", later),
    );
    for (name, said) in messages::responses() {
        let mut out = BytesMut::new();
        Json.encode_response(&said, &mut out).unwrap();
        add(&name, Say::Post("describe", out.to_vec()));
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
    for (name, say) in broken() {
        add(name, say);
    }
    rows
}

fn openings() -> Vec<(&'static str, Opening)> {
    let hello = |credential| Scene::hello(credential);
    let proven = |n| hello(Credential::Secret(secret(n)));
    let old = Hello {
        versions: (1, 1),
        ..proven(JOINED)
    };
    let enrol = Opening::Enrol(Enrol {
        token: secret(200),
        hello: proven(2),
        extras: Vec::new(),
    });
    vec![
        ("good", Scene::good_hello()),
        (
            "without a credential",
            Opening::Hello(hello(Credential::None)),
        ),
        ("wrong credential", Opening::Hello(proven(200))),
        ("another version", Opening::Hello(old)),
        ("wrong token", enrol),
    ]
}

/// What is refused, whatever is right about it.
fn broken() -> Vec<(&'static str, Say)> {
    let hello = body_of(&Scene::good_hello());
    let half = hello[..hello.len() / 2].to_vec();
    let post = |line: &'static str| Say::Head(line, Vec::new());
    vec![
        (
            "bytes that are no message, to hello",
            Say::Post("hello", b"{".to_vec()),
        ),
        (
            "bytes that are no message, to describe",
            Say::Post("describe", b"{".to_vec()),
        ),
        (
            "4,097 bytes, to hello",
            Say::Post("hello", vec![b' '; 4_097]),
        ),
        (
            "a body that claims 3 MiB, to describe",
            post(
                "POST /agent/v2/describe HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 3145728",
            ),
        ),
        (
            "half a body, to hello",
            Say::Head(
                "POST /agent/v2/hello HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4000",
                half.clone(),
            ),
        ),
        (
            "half a body, to describe",
            Say::Head(
                "POST /agent/v2/describe HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4000",
                half,
            ),
        ),
        (
            "half a head",
            Say::Bytes(b"POST /agent/v2/hello HTTP/1.1\r\nHost".to_vec()),
        ),
        (
            "a head of 9 KiB",
            Say::Bytes([&b"POST /agent/v2/hello HTTP/1.1\r\nX: "[..], &[b'x'; 9_216]].concat()),
        ),
        (
            "by a page in a browser",
            post(
                "POST /agent/v2/describe HTTP/1.1\r\nOrigin: https://a.example\r\nContent-Length: 0",
            ),
        ),
        ("by GET", post("GET /agent/v2/hello HTTP/1.1")),
        (
            "to another path",
            post("POST /api/v1/agents HTTP/1.1\r\nContent-Length: 0"),
        ),
        (
            "in a codec that is not known",
            post("POST /agent/v2/hello HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 0"),
        ),
        ("no HTTP", Say::Bytes(b"hello there\r\n\r\n".to_vec())),
        (
            "a greeting of TLS",
            Say::Bytes([&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 194]].concat()),
        ),
    ]
}

/// The rows with these sessions.
pub(crate) fn table(sessions: &[Session]) -> Table {
    let heads = sessions.iter().map(|session| session.head().to_owned());
    let mut table = vec![std::iter::once("said".to_owned()).chain(heads).collect()];
    for row in rows() {
        let cells = sessions.iter().map(|session| cell(&row, *session));
        table.push(std::iter::once(row.name.clone()).chain(cells).collect());
    }
    table
}

fn cell(row: &Row, session: Session) -> String {
    let (world, row) = (World::new(1), row.clone());
    let inner = world.clone();
    let cell = world.run(async move {
        let scene = Scene::new(&inner, "server", (true, 9)).await;
        let proof = session_text(&scene, session).await;
        let mut stream = scene.connect(Way::Http, false).await;
        let before = scene.handle.refusals();
        let proof = proof.map(|text| format!("Authorization: Widget {text}\r\n"));
        let proof = proof.unwrap_or_default();
        let post = |path: &str, body: &[u8]| {
            let length = body.len();
            let head = format!(
                "POST {ROOT}{path} HTTP/1.1\r\nHost: a\r\n{JSON}\r\n{proof}Content-Length: {length}\r\n\r\n"
            );
            [head.as_bytes(), body].concat()
        };
        let bytes = match row.say {
            Say::Post(path, body) => post(path, &body),
            Say::Enrol => post("enrol", &body_of(&scene.enrol(2))),
            Say::Head(lines, rest) => {
                let head = format!("{lines}\r\nHost: a\r\n{proof}\r\n");
                [head.as_bytes(), &rest].concat()
            }
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

async fn session_text(scene: &Scene, session: Session) -> Option<String> {
    let text = match session {
        Session::None => return None,
        Session::Garbage => "x".repeat(118),
        Session::AnotherStore => {
            let other = Scene::new(&scene.world, "other", (true, 8)).await;
            let (peer, _) = other.open(&Scene::good_hello()).await;
            other.service.session(&peer).await.unwrap()
        }
        Session::Expired | Session::Good | Session::Deleted | Session::Replaced => {
            let (peer, _) = scene.open(&Scene::good_hello()).await;
            scene.service.session(&peer).await.unwrap()
        }
    };
    match session {
        Session::Expired => {
            let longer = Duration::from_secs(25 * 60 * 60);
            scene.peer.sleep(longer).await;
        }
        Session::Deleted => assert!(scene.handle.delete(scene.agent).await.unwrap()),
        Session::Replaced => {
            let newer = Hello {
                epoch: epoch(2),
                ..Scene::hello(Credential::Secret(secret(JOINED)))
            };
            scene.open(&Opening::Hello(newer)).await;
        }
        _ => {}
    }
    Some(text)
}

/// What comes of it, and when, if that is not at once.
async fn watch(scene: &Scene, stream: &mut Box<dyn Stream>) -> String {
    let begun = scene.world.now();
    let (mut came, mut chunk) = (Vec::new(), [0; 4096]);
    let mut first = None;
    let end = loop {
        if !came.is_empty() {
            first.get_or_insert_with(|| scene.world.now());
        }
        let patience = match came.is_empty() {
            true => LONGEST,
            false => Duration::from_millis(500),
        };
        match scene.peer.timeout(patience, stream.read(&mut chunk)).await {
            None => break "stays",
            Some(Ok(count @ 1..)) => came.extend_from_slice(&chunk[..count]),
            Some(_) => break "closed",
        }
    };
    let took = first.unwrap_or(scene.world.now()).since(begun);
    // Some stand open for a while so that the rest can be read away; what came of it is counted then.
    scene.peer.sleep(Duration::from_secs(2)).await;
    let end = if came.windows(17).any(|some| some == b"connection: close") {
        "closed"
    } else {
        end
    };
    let said = match answer(&came) {
        Some(answer) => format!("{answer}, {end}"),
        None => end.to_owned(),
    };
    match took.as_millis() {
        0..200 => said,
        _ => format!("after {:.1} s: {said}", took.as_secs_f64()),
    }
}

/// The status and the word of an answer.
fn answer(came: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(came);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    if let Some((_, word)) = body.split_once(r#""code":""#) {
        return Some(format!("{status} {}", word.split('"').next()?));
    }
    match Json.decode_response(body.as_bytes()) {
        Ok(Response::Refused(refusal)) => Some(format!("{status} {}", refusal.reason.as_str())),
        Ok(response) => Some(format!("{status} {}", says(&response))),
        Err(_) => Some(status.to_owned()),
    }
}
