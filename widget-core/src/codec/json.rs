//! JSON, for people and for programs that have nothing else, such as a shell with curl.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use serde::de::IgnoredAny;
use serde::{Serialize, de::DeserializeOwned};

use super::{Codec, CodecError};

/// The longest text of an error, in bytes.
const MAX_TEXT: usize = 300;

/// JSON (RFC 8259): a message is an object with its name as the only key, such as
/// `{"request_work": {…}}`, or its name alone if it carries nothing, such as `"unsupported"`. Ids
/// are text, times RFC 3339, payloads the values that they are. Further keys are ignored.
///
/// It has no form for payloads that are no JSON. Numbers that are not finite are written as `null`,
/// which is refused where it is read; times outside of the years 1970 to 9999 as their ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Codec for Json {
    const ID: u8 = 3;
    const CONTENT_TYPE: &'static str = "application/json";

    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        let start = out.len();
        let written = serde_json::to_writer((&mut *out).writer(), value);
        if let Err(error) = written {
            out.truncate(start);
            return Err(CodecError::Unencodable(error.to_string()));
        }
        Ok(())
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
        let value = match values.next() {
            Some(value) => value.map_err(|e| CodecError::Malformed(describe(&e)))?,
            None => return Err(CodecError::Malformed("it ends too early".into())),
        };
        let rest = bytes.get(values.byte_offset()..).unwrap_or_default();
        // A line's end is no second message.
        match rest.trim_ascii().len() {
            0 => Ok(value),
            more => Err(CodecError::Trailing(more)),
        }
    }

    fn variant(bytes: &[u8], names: &[&str]) -> Option<u32> {
        let name = name(bytes)?;
        let known = names.iter().position(|known| *known == name);
        let position = known.and_then(|at| u32::try_from(at).ok());
        Some(position.unwrap_or(u32::MAX))
    }
}

/// The name of the message, if all of it is JSON.
fn name(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.trim_ascii();
    if bytes.first() == Some(&b'{') {
        let message: BTreeMap<String, IgnoredAny> = serde_json::from_slice(bytes).ok()?;
        return (message.len() == 1).then(|| message.into_keys().next())?;
    }
    serde_json::from_slice(bytes).ok()
}

/// What was wrong, in no more words than a peer can use: the text may quote what came.
fn describe(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
