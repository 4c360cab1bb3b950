//! bincode, version 2's own format and version 1's. The only file that names the crate.

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian, Varint};
use bincode::error::{DecodeError, EncodeError};
use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

use super::{Codec, CodecError, frugal::Frugal};

/// What one decoding may read, in bytes; above every frame limit, since it counts a number by its
/// size in memory and not by its size on the wire.
const LIMIT: usize = 64 * 1024 * 1024;

/// bincode 2 in its standard configuration: numbers as short as they are. The default codec.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bincode;

const STANDARD: Configuration<LittleEndian, Varint, Limit<LIMIT>> =
    config::standard().with_limit::<LIMIT>();

impl Codec for Bincode {
    const ID: u8 = 1;
    const CONTENT_TYPE: &'static str = "application/vnd.widget.bincode";

    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        encode(value, out, STANDARD)
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        decode(bytes, STANDARD)
    }

    fn variant(bytes: &[u8], _: &[&str]) -> Option<u32> {
        // A variant is a varint: one byte up to 250, else a mark and its width.
        match bytes {
            [short @ 0..=250, ..] => Some(u32::from(*short)),
            [251, a, b, ..] => Some(u32::from(u16::from_le_bytes([*a, *b]))),
            [252, a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }
}

/// bincode 1: numbers at full width, little-endian. Version 1's payloads; never negotiated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Legacy;

const LEGACY: Configuration<LittleEndian, Fixint, Limit<LIMIT>> =
    config::legacy().with_limit::<LIMIT>();

impl Codec for Legacy {
    const ID: u8 = 0;
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        encode(value, out, LEGACY)
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        decode(bytes, LEGACY)
    }

    fn variant(bytes: &[u8], _: &[&str]) -> Option<u32> {
        bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

/// What most messages fit into, in bytes.
const USUAL: usize = 256;

/// Into a slice, because a growing buffer would be asked for room at each byte. A message that
/// does not fit is written again into four times as much.
fn encode<M: Serialize, C: config::Config>(
    value: &M,
    out: &mut BytesMut,
    config: C,
) -> Result<(), CodecError> {
    let start = out.len();
    let mut room = USUAL;
    loop {
        out.resize(start + room, 0);
        let free = out.get_mut(start..).unwrap_or_default();
        match bincode::serde::encode_into_slice(value, free, config) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncodeError::UnexpectedEnd) if room < LIMIT => room *= 4,
            Err(error) => {
                out.truncate(start);
                return Err(CodecError::Unencodable(match error {
                    EncodeError::OtherString(text) => text,
                    _ => "this format has no form for it".into(),
                }));
            }
        }
    }
}

fn decode<M: DeserializeOwned, C: config::Config>(
    bytes: &[u8],
    config: C,
) -> Result<M, CodecError> {
    let (value, used) = bincode::serde::seed_decode_from_slice(Frugal::new(), bytes, config)
        .map_err(|e| CodecError::Malformed(describe(e)))?;
    match bytes.len() - used {
        0 => Ok(value),
        more => Err(CodecError::Trailing(more)),
    }
}

/// Its own words name Rust types; a peer's author wants to know what was wrong.
fn describe(error: DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early".into(),
        DecodeError::LimitExceeded => "it claims more than may be read".into(),
        DecodeError::OtherString(text) => text,
        // Their own words would bring the printing of every Rust type into a small agent.
        _ => "its bytes are no value of this type".into(),
    }
}
