//! What fuzzing of connections begins with: each short sample of a command over TCP and over HTTP, and what
//! else may come in.

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec, Json};
use widget_core::frame::{MAX_TO_SERVER, v1, v2};
use widget_core::id::AgentId;
use widget_core::message::Command;
use widget_core::testkit::fuzz::Seed;
use widget_core::testkit::samples;
use widget_core::testkit::transport::hello;
use widget_transport_http::{ROOT, path_of};

use super::connections::Manner;

/// How many bytes of a sample, at most, are a seed.
pub(super) const SHORT: usize = 400;

/// Ways in which bytes come, by turns.
const MANNERS: [u8; 5] = [
    Manner::WHOLE,
    Manner::SILENT | 2,
    Manner::DEAF | Manner::SILENT | Manner::WHOLE,
    Manner::SLOW | 3,
    Manner::SEALED | Manner::WHOLE,
];

pub(super) fn by_turns(inputs: Vec<(String, Vec<u8>)>) -> Vec<Seed> {
    let manners = MANNERS.iter().cycle();
    let inputs = inputs.into_iter().zip(manners);
    inputs
        .map(|((name, bytes), manner)| (name, [&[*manner][..], &bytes].concat()))
        .collect()
}

fn short_commands() -> Vec<(Command, Vec<u8>)> {
    let encoded = samples::commands().into_iter().map(|command| {
        let mut out = BytesMut::new();
        Bincode.encode_command(&command, &mut out).unwrap();
        (command, out.to_vec())
    });
    encoded.filter(|(_, bytes)| bytes.len() <= SHORT).collect()
}

pub(super) fn tcp_seeds() -> Vec<Seed> {
    let framed = |payload: &[u8]| {
        let mut out = BytesMut::new();
        let head = (Bincode.id(), v2::Kind::Command, 1);
        let written: Result<(), widget_core::frame::FrameError> =
            v2::encode(&mut out, head, MAX_TO_SERVER, |out| {
                out.extend_from_slice(payload);
                Ok(())
            });
        written.unwrap();
        out.to_vec()
    };
    let mut opening = BytesMut::new();
    Bincode.encode_opening(&hello(1), &mut opening).unwrap();
    let opening = framed(&opening);
    let mut inputs = vec![
        ("opening".to_owned(), opening.clone()),
        ("nothing".to_owned(), Vec::new()),
        ("foreign".to_owned(), b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("cut".to_owned(), opening[..opening.len() - 3].to_vec()),
    ];
    let mut all = opening.clone();
    for (at, (command, payload)) in short_commands().into_iter().enumerate() {
        let name = format!("{}-{at}", command.name());
        let frame = framed(&payload);
        all.extend_from_slice(&frame);
        inputs.push((name, [&opening[..], &frame].concat()));
    }
    inputs.push(("all".to_owned(), all));
    for (name, id) in [("v1-work", 1_u128), ("v1-none", 9)] {
        let mut out = BytesMut::new();
        let payload = [&1_u32.to_le_bytes()[..], &id.to_le_bytes()].concat();
        v1::encode(&mut out, 1_795_361_105, &payload).unwrap();
        inputs.push((name.to_owned(), out.repeat(2)));
    }
    by_turns(inputs)
}

pub(super) fn http_seeds() -> Vec<Seed> {
    let post = |path: &str, kind: &str, body: &[u8]| {
        let agent = AgentId::from_bytes([1; 16]);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: fleet.example\r\nContent-Type: {kind}\r\n\
             Authorization: Widget {agent}.{agent}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let (binary, text) = (Bincode.content_type(), Json.content_type());
    let hello_path = format!("{ROOT}hello");
    let mut opening = BytesMut::new();
    Json.encode_opening(&hello(1), &mut opening).unwrap();
    let chunked = format!(
        "POST {hello_path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: {text}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        opening.len(),
        String::from_utf8_lossy(&opening),
    );
    let both = format!(
        "POST {hello_path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    );
    let mut inputs = vec![
        ("hello".to_owned(), post(&hello_path, text, &opening)),
        ("chunked".to_owned(), chunked.into_bytes()),
        ("both-lengths".to_owned(), both.into_bytes()),
        (
            "get".to_owned(),
            b"GET /agent/v2/hello HTTP/1.0\r\n\r\n".to_vec(),
        ),
        ("many-headers".to_owned(), many_headers()),
        ("nothing".to_owned(), b"\r\n\r\n".to_vec()),
    ];
    let mut all = Vec::new();
    for (at, (command, body)) in short_commands().into_iter().enumerate() {
        let request = post(&path_of(&command), binary, &body);
        all.extend_from_slice(&request);
        inputs.push((format!("{}-{at}", command.name()), request));
    }
    all.truncate(2_000);
    inputs.push(("all".to_owned(), all));
    by_turns(inputs)
}

fn many_headers() -> Vec<u8> {
    let headers = "X-A: b\r\n".repeat(120);
    format!("POST {ROOT}submit HTTP/1.1\r\n{headers}\r\n").into_bytes()
}
