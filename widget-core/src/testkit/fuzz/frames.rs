//! Any bytes as a stream of frames, and as the payload of a go-away.
//!
//! The first byte of a stream's input says how it comes: how large the pieces are, and whether checksums
//! are put right, which no fuzzer finds by itself.

use bytes::BytesMut;

use super::{Seed, messages};
use crate::codec::{Bincode, Codec, ErasedCodec, Legacy};
use crate::frame::{
    FrameBuffer, FrameError, GoAway, GoAwayReason, MAX_OPENING, MAX_TO_SERVER, checksum_of, v1, v2,
};
use crate::testkit::samples;
use crate::v1::{Command, Response};

/// The bit of the first byte that says that checksums are right.
const SEALED: u8 = 0x80;
/// The one that says that the stream is before its opening.
const BEFORE: u8 = 0x40;
/// How much memory a buffer may have beyond the bytes that came.
const AHEAD: usize = 64 * 1024;
/// How many bytes of samples, at most, are a seed.
const LONGEST: usize = 512;

/// Any bytes as a stream of version 1: the same frames come out however it is cut, written again they
/// are what came, and so are their messages.
pub fn v1_frames(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let stream = stream(*how, rest);
    let next = |came: &mut FrameBuffer, out: &mut BytesMut| {
        let Some(frame) = came.next_v1()? else {
            return Ok(false);
        };
        v1::encode(out, frame.head.secs, frame.payload)?;
        if let Ok(command) = Legacy::decode::<Command>(frame.payload) {
            let mut again = BytesMut::new();
            Legacy::encode(&command, &mut again).unwrap();
            assert_eq!(again, frame.payload);
        }
        let _ = Legacy::decode::<Response>(frame.payload);
        Ok(true)
    };
    both_ways(*how, &stream, next);
}

/// Any bytes as a stream of version 2, in the same way. Payloads are read as what their heads say.
pub fn v2_frames(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let limit = if how & BEFORE == 0 {
        MAX_TO_SERVER
    } else {
        MAX_OPENING
    };
    let next = |came: &mut FrameBuffer, out: &mut BytesMut| {
        let claimed = came.claimed_v2();
        let Some(frame) = came.next_v2(limit)? else {
            return Ok(false);
        };
        assert_eq!(claimed, v2::HEAD + frame.payload.len() + v2::TAIL);
        let head = (frame.head.codec, frame.head.kind, frame.head.request);
        v2::encode::<FrameError>(out, head, limit, |out| {
            out.extend_from_slice(frame.payload);
            Ok(())
        })?;
        match frame.head.kind {
            v2::Kind::Command => {
                messages::opening(frame.head.codec, frame.payload);
                messages::command(frame.head.codec, frame.payload);
            }
            v2::Kind::Response => messages::response(frame.head.codec, frame.payload),
            v2::Kind::GoAway => go_away(frame.payload),
        }
        Ok(true)
    };
    both_ways(*how, &stream(*how, rest), next);
}

/// Any bytes as the payload of a go-away: what is read can be written, and reads the same but for the end
/// of a text that is too long.
pub fn go_away(bytes: &[u8]) {
    let Ok(bye) = GoAway::decode(bytes) else {
        return;
    };
    let mut out = BytesMut::new();
    bye.encode(&mut out).unwrap();
    let mut came = FrameBuffer::new();
    came.push(&out);
    let frame = came.next_v2(MAX_OPENING).unwrap().unwrap();
    let again = GoAway::decode(frame.payload).unwrap();
    assert_eq!((again.reason, &again.codecs), (bye.reason, &bye.codecs));
    assert!(bye.text.starts_with(&again.text));
    assert!(came.is_empty());
}

/// Puts the checksum of every whole frame of a stream right, of either version.
pub fn seal(stream: &mut [u8]) {
    let mut at = 0;
    while let Some(rest) = stream.get_mut(at..) {
        let head = match rest.get(2..4) {
            Some([0, 1]) => v1::HEAD,
            Some([0, 2]) => v2::HEAD,
            _ => return,
        };
        let length = rest
            .get(head - 4..head)
            .and_then(|length| length.first_chunk());
        let length = length.map_or(usize::MAX, |length| u32::from_be_bytes(*length) as usize);
        let end = head.saturating_add(length);
        let from = if head == v1::HEAD { head } else { 0 };
        let Some(covered) = rest.get(from..end) else {
            return;
        };
        let crc = checksum_of(&[covered]).to_be_bytes();
        let Some(tail) = rest.get_mut(end..end + crc.len()) else {
            return;
        };
        tail.copy_from_slice(&crc);
        at += end + crc.len();
    }
}

fn stream(how: u8, rest: &[u8]) -> Vec<u8> {
    let mut stream = rest.to_vec();
    if how & SEALED != 0 {
        seal(&mut stream);
    }
    stream
}

/// What takes the next frame out of a buffer and appends it as it would be written; false if there is
/// none.
type Next<'a> = &'a dyn Fn(&mut FrameBuffer, &mut BytesMut) -> Result<bool, FrameError>;

fn both_ways(
    how: u8,
    stream: &[u8],
    next: impl Fn(&mut FrameBuffer, &mut BytesMut) -> Result<bool, FrameError>,
) {
    let whole = frames(stream, stream.len().max(1), &next);
    let size = usize::from(how & !(SEALED | BEFORE)) + 1;
    assert_eq!(frames(stream, size, &next), whole);
    assert!(stream.starts_with(&whole.0));
}

/// The frames of a stream that comes in pieces, as they would be written, and what ended it.
fn frames(stream: &[u8], size: usize, next: Next<'_>) -> (BytesMut, Option<FrameError>) {
    let (mut came, mut out) = (FrameBuffer::new(), BytesMut::new());
    let mut pushed = 0;
    for piece in stream.chunks(size) {
        came.push(piece);
        pushed += piece.len();
        loop {
            match next(&mut came, &mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (out, Some(error)),
            }
        }
        assert_eq!(out.len() + came.len(), pushed);
        assert!(came.capacity() <= pushed + AHEAD);
    }
    (out, None)
}

pub(super) fn v1_seeds() -> Vec<Seed> {
    let submit = |memory, average_cpu_usage| Command::SubmitData {
        collector_id: 17,
        total_memory: memory,
        used_memory: memory / 2,
        average_cpu_usage,
    };
    let framed = |command: &Command| {
        let (mut payload, mut out) = (BytesMut::new(), BytesMut::new());
        Legacy::encode(command, &mut payload).unwrap();
        v1::encode(&mut out, 1_795_361_105, &payload).unwrap();
        out.to_vec()
    };
    let (submit, ask) = (
        framed(&submit(1 << 34, 12.5)),
        framed(&Command::RequestWork(u128::MAX)),
    );
    let foreign = b"\x3fGET / HTTP/1.1\r\n\r\n".to_vec();
    vec![
        ("submit".to_owned(), [&[0x3f][..], &submit].concat()),
        ("ask".to_owned(), [&[SEALED][..], &ask].concat()),
        (
            "two".to_owned(),
            [&[SEALED | 6][..], &submit, &ask].concat(),
        ),
        ("cut".to_owned(), [&[3][..], &submit[..30]].concat()),
        ("empty".to_owned(), framed_empty()),
        ("foreign".to_owned(), foreign),
    ]
}

fn framed_empty() -> Vec<u8> {
    let mut out = BytesMut::from(&[SEALED][..]);
    v1::encode(&mut out, 0, b"").unwrap();
    out.to_vec()
}

/// A frame with this payload.
fn framed(codec: u8, kind: v2::Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let written: Result<(), FrameError> =
        v2::encode(&mut out, (codec, kind, 7), MAX_TO_SERVER, |out| {
            out.extend_from_slice(payload);
            Ok(())
        });
    written.unwrap();
    out.to_vec()
}

pub(super) fn v2_seeds() -> Vec<Seed> {
    let mut frames = Vec::new();
    for message in samples::openings() {
        let mut out = BytesMut::new();
        Bincode.encode_opening(&message, &mut out).unwrap();
        frames.push(("opening", framed(Bincode::ID, v2::Kind::Command, &out)));
    }
    for message in samples::commands() {
        let mut out = BytesMut::new();
        Bincode.encode_command(&message, &mut out).unwrap();
        frames.push(("command", framed(Bincode::ID, v2::Kind::Command, &out)));
    }
    for message in samples::responses() {
        let mut out = BytesMut::new();
        Bincode.encode_response(&message, &mut out).unwrap();
        frames.push(("response", framed(Bincode::ID, v2::Kind::Response, &out)));
    }
    for (_, payload) in go_away_seeds() {
        frames.push(("go_away", framed(0, v2::Kind::GoAway, &payload)));
    }
    frames.retain(|(_, frame)| frame.len() <= LONGEST);
    let one_way = |(at, (name, frame)): (usize, &(&str, Vec<u8>))| {
        // In one piece and in several, sealed and as they are.
        let how = [SEALED | 0x3f, 0x3f, SEALED | BEFORE | 6, 0][at % 4];
        (format!("{name}-{at}"), [&[how][..], frame].concat())
    };
    let mut seeds: Vec<Seed> = frames.iter().enumerate().map(one_way).collect();
    let some = frames
        .iter()
        .step_by(5)
        .flat_map(|(_, frame)| frame.clone());
    let stream: Vec<u8> = std::iter::once(SEALED | 20).chain(some).collect();
    seeds.push(("cut".to_owned(), stream[..stream.len() - 9].to_vec()));
    seeds.push(("stream".to_owned(), stream));
    seeds
}

pub(super) fn go_away_seeds() -> Vec<Seed> {
    let payload = |reason, codecs: &[u8], text: &str| {
        let mut out = BytesMut::new();
        let (codecs, text) = (codecs.to_vec(), text.to_owned());
        let bye = GoAway {
            reason,
            codecs,
            text,
        };
        bye.encode(&mut out).unwrap();
        out[v2::HEAD..out.len() - v2::TAIL].to_vec()
    };
    let named = [
        (
            "codec",
            payload(GoAwayReason::Codec, &[1, 2, 3], "another one"),
        ),
        (
            "protocol",
            payload(GoAwayReason::Protocol, &[], "ünïcode 🦀"),
        ),
        ("stopping", payload(GoAwayReason::Stopping, &[1], "")),
        ("later", payload(GoAwayReason::Other(77), &[0; 255], "x")),
        ("early", vec![1, 9, 1]),
        ("long", [&[2, 0][..], &[0xff; 600]].concat()),
    ];
    named
        .map(|(name, payload)| (name.to_owned(), payload))
        .into()
}
