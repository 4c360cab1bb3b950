//! The wire, byte for byte: what every message looks like in every codec, and frames. The files in
//! `golden/` are what other versions send and expect, so from the first release on a line never
//! changes; a new message or variant adds lines.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // that is how a test fails

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::BytesMut;
use widget_core::codec::{Bincode, Codec, ErasedCodec};
use widget_core::frame::{FrameBuffer, GoAway, GoAwayReason, MAX_OPENING, MAX_TO_AGENT, v2};
use widget_core::message::{Command, Opening, Response, Update, UpdateItem};
use widget_core::testkit::samples;

/// Samples above this are there for their length, which a golden file need not show.
const LONGEST: usize = 4_096;

#[test]
fn bincode_is_as_it_was() {
    messages::<Bincode>("v2-bincode.txt", Form::Hex);
}

#[cfg(feature = "postcard")]
#[test]
fn postcard_is_as_it_was() {
    messages::<widget_core::codec::Postcard>("v2-postcard.txt", Form::Hex);
}

#[cfg(feature = "json")]
#[test]
fn json_is_as_it_was() {
    messages::<widget_core::codec::Json>("v2-json.txt", Form::Text);
}

#[test]
fn frames_are_as_they_were() {
    let payload = |command: &Command| {
        let mut out = BytesMut::new();
        Bincode.encode_command(command, &mut out).unwrap();
        out
    };
    let goodbye = samples::commands().pop().unwrap();
    let framed = |kind, request, payload: &[u8]| {
        let mut out = BytesMut::new();
        let result: Result<(), widget_core::frame::FrameError> = v2::encode(
            &mut out,
            (Bincode::ID, kind, request),
            MAX_TO_AGENT,
            |out| {
                out.extend_from_slice(payload);
                Ok(())
            },
        );
        result.unwrap();
        out.to_vec()
    };
    let mut lines = vec![
        ("empty".to_owned(), framed(v2::Kind::Command, 0, b"")),
        (
            "command".to_owned(),
            framed(v2::Kind::Command, 0x0102_0304, &payload(&goodbye)),
        ),
        (
            "response".to_owned(),
            framed(v2::Kind::Response, u32::MAX, &[1, 0]),
        ),
    ];
    for (name, reason) in [
        ("codec", GoAwayReason::Codec),
        ("protocol", GoAwayReason::Protocol),
        ("slow", GoAwayReason::Slow),
        ("stopping", GoAwayReason::Stopping),
        ("full", GoAwayReason::Full),
        ("of-tomorrow", GoAwayReason::Other(77)),
    ] {
        let bye = GoAway {
            reason,
            codecs: vec![1, 2, 3],
            text: "come back later".to_owned(),
        };
        let mut out = BytesMut::new();
        bye.encode(&mut out).unwrap();
        let mut came = FrameBuffer::new();
        came.push(&out);
        let frame = came.next_v2(MAX_OPENING).unwrap().unwrap();
        assert_eq!(GoAway::decode(frame.payload), Ok(bye));
        lines.push((format!("go-away-{name}"), out.to_vec()));
    }
    for (name, bytes) in check("v2-frames.txt", Form::Hex, &lines) {
        let mut came = FrameBuffer::new();
        came.push(&bytes);
        let frame = came.next_v2(MAX_TO_AGENT).unwrap().unwrap();
        let again = match frame.head.kind {
            v2::Kind::GoAway => {
                let mut out = BytesMut::new();
                GoAway::decode(frame.payload)
                    .unwrap()
                    .encode(&mut out)
                    .unwrap();
                out.to_vec()
            }
            kind => framed(kind, frame.head.request, frame.payload),
        };
        assert_eq!(again, bytes, "{name}");
    }
}

/// A message of any sort.
#[derive(Debug, Clone, PartialEq)]
enum Message {
    Opening(Opening),
    Command(Command),
    Response(Response),
}

impl Message {
    fn encode<C: Codec + Default + ErasedCodec>(&self) -> Vec<u8> {
        let mut out = BytesMut::new();
        let codec = C::default();
        match self {
            Self::Opening(message) => codec.encode_opening(message, &mut out),
            Self::Command(message) => codec.encode_command(message, &mut out),
            Self::Response(message) => codec.encode_response(message, &mut out),
        }
        .unwrap();
        out.to_vec()
    }

    /// Reads bytes as the same sort of message.
    fn decode<C: Codec + Default + ErasedCodec>(&self, bytes: &[u8]) -> Self {
        let codec = C::default();
        match self {
            Self::Opening(_) => Self::Opening(codec.decode_opening(bytes).unwrap()),
            Self::Command(_) => Self::Command(codec.decode_command(bytes).unwrap()),
            Self::Response(_) => Self::Response(codec.decode_response(bytes).unwrap()),
        }
    }
}

/// Every sample with a name that stays when others are added. An update and its verdicts are taken
/// apart, so that a new variant adds a line and changes none.
fn named() -> Vec<(String, Message)> {
    let mut all = Vec::new();
    for opening in samples::openings() {
        all.push((opening.name(), Message::Opening(opening)));
    }
    for command in samples::commands() {
        match command {
            Command::Update(update) if update.items.len() > 1 => {
                let alone = |item: UpdateItem| Command::Update(Update { items: vec![item] });
                let commands = update.items.into_iter().map(alone);
                all.extend(commands.map(|one| ("update", Message::Command(one))));
            }
            other => all.push((other.name(), Message::Command(other))),
        }
    }
    for response in samples::responses() {
        let name = response.name();
        match response {
            Response::Verdicts(verdicts) if verdicts.len() > 1 => {
                let alone = |verdict| Message::Response(Response::Verdicts(vec![verdict]));
                all.extend(verdicts.into_iter().map(|one| (name, alone(one))));
            }
            other => all.push((name, Message::Response(other))),
        }
    }
    let mut counts = BTreeMap::new();
    let number = |(name, message)| {
        let count = counts.entry(name).or_insert(0);
        *count += 1;
        (format!("{name}-{count}"), message)
    };
    all.into_iter().map(number).collect()
}

fn messages<C: Codec + Default + ErasedCodec>(file: &str, form: Form) {
    let named = named();
    let lines: Vec<(String, Vec<u8>)> = named
        .iter()
        .map(|(name, message)| (name.clone(), message.encode::<C>()))
        .filter(|(_, bytes)| bytes.len() <= LONGEST)
        .collect();
    assert!(lines.len() + 3 > named.len(), "too many are left out");
    let samples: BTreeMap<String, Message> = named.into_iter().collect();
    for (name, bytes) in check(file, form, &lines) {
        let sample = &samples[&name];
        let read = sample.decode::<C>(&bytes);
        assert_eq!(&read, sample, "{file}: {name} reads otherwise than it did");
        assert_eq!(
            read.encode::<C>(),
            bytes,
            "{file}: {name} is written otherwise"
        );
    }
}

/// How bytes stand in a file.
#[derive(Debug, Clone, Copy)]
enum Form {
    Hex,
    Text,
}

impl Form {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Text => std::str::from_utf8(bytes).unwrap().to_owned(),
        }
    }

    fn read(self, text: &str) -> Vec<u8> {
        match self {
            Self::Hex => (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect(),
            Self::Text => text.as_bytes().to_vec(),
        }
    }
}

/// Holds what is written today against a file, and gives the lines of the file.
fn check(file: &str, form: Form, today: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut page =
        format!("# {file}: the wire, byte for byte. Lines are added and never changed.\n");
    for (name, bytes) in today {
        page.extend([name, " | ", &form.write(bytes), "\n"]);
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(file);
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let text = fs::read_to_string(&kept).unwrap_or_default();
    if text != page {
        fs::write(&fresh, page).unwrap();
        panic!(
            "golden/{file} is not what is written today. If there are new messages, add their lines; \
             if a line would change, the format of a released version would, which must not be. \
             Today's is in {}",
            fresh.display()
        );
    }
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let (name, bytes) = line.split_once(" | ").unwrap();
        (name.to_owned(), form.read(bytes))
    };
    lines.map(read).collect()
}
