//! Any bytes as a message, in every codec: it is an error in a few words, or a message that is written
//! and read again as the same.

use bytes::BytesMut;

use super::Seed;
use crate::codec::{ALL, CodecError, ErasedCodec, by_id};
use crate::message::{Command, Update};
use crate::testkit::samples;

/// The longest text of an error, in bytes.
const WORDS: usize = 310;
/// How many bytes of samples, at most, are a seed.
const LONGEST: usize = 400;

/// Any bytes but the first, which says the codec by its number, and 0, 16 or 32 for an opening, a command
/// or a response.
pub fn messages(bytes: &[u8]) {
    let Some((sort, bytes)) = bytes.split_first() else {
        return;
    };
    let codec = sort & 0x0f;
    match sort >> 4 {
        0 => opening(codec, bytes),
        1 => command(codec, bytes),
        2 => response(codec, bytes),
        _ => {}
    }
}

pub(super) fn opening(codec: u8, bytes: &[u8]) {
    if let Some(codec) = by_id(codec) {
        let read = |bytes: &[u8]| codec.decode_opening(bytes);
        stands(bytes, read, |message, out| {
            codec.encode_opening(message, out)
        });
    }
}

pub(super) fn command(codec: u8, bytes: &[u8]) {
    if let Some(codec) = by_id(codec) {
        let read = |bytes: &[u8]| {
            let message = codec.decode_command(bytes)?;
            match is_writable(codec, &message) {
                true => Ok(message),
                false => Err(CodecError::Unencodable("not finite".to_owned())),
            }
        };
        stands(bytes, read, |message, out| {
            codec.encode_command(message, out)
        });
    }
}

pub(super) fn response(codec: u8, bytes: &[u8]) {
    if let Some(codec) = by_id(codec) {
        let read = |bytes: &[u8]| codec.decode_response(bytes);
        stands(bytes, read, |message, out| {
            codec.encode_response(message, out)
        });
    }
}

/// JSON reads 1e99 as a number of 32 bits, infinite, and has no form for that; who takes reports checks
/// them.
fn is_writable(codec: &dyn ErasedCodec, command: &Command) -> bool {
    let Command::Submit(submit) = command else {
        return true;
    };
    codec.name() != "json"
        || submit.reports.iter().all(|report| {
            let thinned = report.thinned.as_deref();
            let ends = thinned.map_or((0.0, 0.0), |thinned| thinned.average_cpu);
            [report.average_cpu, ends.0, ends.1]
                .iter()
                .all(|cpu| cpu.is_finite())
        })
}

/// Compares what is written, since a float need not be equal to itself.
fn stands<M>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<M, CodecError>,
    write: impl Fn(&M, &mut BytesMut) -> Result<(), CodecError>,
) {
    let message = match read(bytes) {
        Ok(message) => message,
        Err(CodecError::Malformed(text)) => {
            assert!(text.len() <= WORDS, "{text}");
            return;
        }
        Err(_) => return,
    };
    let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
    write(&message, &mut first).unwrap();
    write(&read(&first).unwrap(), &mut second).unwrap();
    assert_eq!(first, second);
}

pub(super) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |sort: &str, mark: u8, write: &dyn Fn(&dyn ErasedCodec, &mut BytesMut)| {
        for codec in ALL {
            let mut out = BytesMut::from(&[mark | codec.id()][..]);
            write(*codec, &mut out);
            if out.len() <= LONGEST {
                let name = format!("{}-{sort}", codec.name());
                seeds.push((name, out.to_vec()));
            }
        }
    };
    for (at, message) in samples::openings().iter().enumerate() {
        add(&format!("opening-{at}"), 0, &|codec, out| {
            codec.encode_opening(message, out).unwrap();
        });
    }
    for (at, message) in samples::commands().into_iter().enumerate() {
        for (part, message) in parts(message).iter().enumerate() {
            add(&format!("command-{at}-{part}"), 0x10, &|codec, out| {
                codec.encode_command(message, out).unwrap();
            });
        }
    }
    for (at, message) in samples::responses().iter().enumerate() {
        add(&format!("response-{at}"), 0x20, &|codec, out| {
            codec.encode_response(message, out).unwrap();
        });
    }
    seeds
}

/// A long update taken apart.
fn parts(command: Command) -> Vec<Command> {
    match command {
        Command::Update(update) if update.items.len() > 1 => {
            let parts = update.items.chunks(4).map(|items| {
                let items = items.to_vec();
                Command::Update(Update { items })
            });
            parts.collect()
        }
        other => vec![other],
    }
}
