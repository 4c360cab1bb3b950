//! [`Payload`]: the JSON text that travels as a task's input, output and progress, unread by
//! everything between the caller and the handler.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest input of a task, in bytes of JSON text.
pub const MAX_INPUT: usize = 256 * 1024;
/// The largest output of a task, in bytes of JSON text.
pub const MAX_OUTPUT: usize = 1024 * 1024;

/// JSON text that is passed on as it is. Cheap to clone.
///
/// Server, store and wire never look into it; only the API (which demands JSON) and a typed
/// handler do. Plain bytes in binary formats; in JSON the value that the text spells, which needs
/// the feature `json`.
///
/// ```
/// use widget_core::Payload;
///
/// let input = Payload::from_json_text(r#"{"index":"books"}"#);
/// assert_eq!(input.as_bytes(), br#"{"index":"books"}"#);
/// assert_eq!(Payload::null().as_bytes(), b"null");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// The JSON value `null`: no input, no output.
    #[must_use]
    pub const fn null() -> Self {
        Self(Bytes::from_static(b"null"))
    }

    /// Takes JSON text as it is. The caller vouches that it is JSON.
    #[must_use]
    pub fn from_json_text(text: impl Into<Bytes>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length of the text in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text has no bytes at all (which is not JSON).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            embedded::serialize(&self.0, serializer)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            embedded::deserialize(deserializer)
        } else {
            deserializer.deserialize_bytes(BytesVisitor)
        }
    }
}

struct BytesVisitor;

impl de::Visitor<'_> for BytesVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes of JSON text")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Payload, E> {
        Ok(Payload(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload(bytes.into()))
    }
}

#[cfg(feature = "json")]
mod embedded {
    //! The value that the text spells, embedded as it stands.

    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
    use serde_json::value::RawValue;

    use super::Payload;

    pub(super) fn serialize<S: Serializer>(text: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_slice(text)
            .map_err(|e| S::Error::custom(format_args!("payload is not JSON: {e}")))?;
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Payload, D::Error> {
        let value = Box::<RawValue>::deserialize(from)?;
        Ok(Payload::from_json_text(
            Box::<str>::from(value).into_string(),
        ))
    }
}

#[cfg(not(feature = "json"))]
mod embedded {
    //! Without a JSON library no value can be embedded, and a form that depends on features would
    //! be worse than none.

    use serde::{Deserializer, Serializer, de::Error as _, ser::Error as _};

    use super::Payload;

    const WHY: &str = "a payload in a human-readable format needs widget-core's feature `json`";

    pub(super) fn serialize<S: Serializer>(_: &[u8], _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(WHY))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(_: D) -> Result<Payload, D::Error> {
        Err(D::Error::custom(WHY))
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;

    #[test]
    fn json_embeds_the_value_to_the_letter() {
        let payload = Payload::from_json_text(r#"{"n": 1.50}"#);
        let text = serde_json::to_string(std::slice::from_ref(&payload)).unwrap();
        assert_eq!(text, r#"[{"n": 1.50}]"#);
        assert_eq!(
            serde_json::from_str::<[Payload; 1]>(&text).unwrap(),
            [payload]
        );
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        let broken = Payload::from_json_text("{");
        assert!(
            serde_json::to_string(&broken)
                .unwrap_err()
                .to_string()
                .contains("not JSON")
        );
    }
}
