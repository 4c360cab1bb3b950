//! postcard, a second binary format with a written specification. The only file that names the
//! crate.

use bytes::{BufMut, BytesMut};
use serde::de::DeserializeSeed;
use serde::{Serialize, de::DeserializeOwned};

use super::{Codec, CodecError, frugal::Frugal};

/// postcard 1 (<https://postcard.jamesmunns.com/wire-format>): as small as [`Bincode`](super::Bincode),
/// specified, and read by other languages. Numbers are LEB128 varints.
#[derive(Debug, Clone, Copy, Default)]
pub struct Postcard;

impl Codec for Postcard {
    const ID: u8 = 2;
    const CONTENT_TYPE: &'static str = "application/vnd.widget.postcard";

    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        let start = out.len();
        let written = postcard::to_io(value, (&mut *out).writer());
        if let Err(error) = written {
            out.truncate(start);
            return Err(CodecError::Unencodable(error.to_string()));
        }
        Ok(())
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        let mut from = postcard::Deserializer::from_bytes(bytes);
        let value = Frugal::new()
            .deserialize(&mut from)
            .map_err(|e| CodecError::Malformed(describe(&e)))?;
        let rest = from
            .finalize()
            .map_err(|e| CodecError::Malformed(describe(&e)))?;
        match rest.len() {
            0 => Ok(value),
            more => Err(CodecError::Trailing(more)),
        }
    }

    fn variant(bytes: &[u8], _: &[&str]) -> Option<u32> {
        let mut variant = 0_u32;
        for (byte, shift) in bytes.iter().zip([0, 7, 14, 21, 28]) {
            let bits = u32::from(byte & 0x7f);
            let placed = bits << shift;
            // The fifth byte has room for four bits only.
            if placed >> shift != bits {
                return None;
            }
            variant |= placed;
            if byte & 0x80 == 0 {
                return Some(variant);
            }
        }
        None
    }
}

/// Its own words name its parts; a peer's author wants to know what was wrong.
fn describe(error: &postcard::Error) -> String {
    match error {
        postcard::Error::DeserializeUnexpectedEnd => "it ends too early".into(),
        _ => "its bytes are no value of this type".into(),
    }
}
