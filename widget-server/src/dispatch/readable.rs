//! Whether a payload is JSON that every reader takes: the API embeds what agents say in lists, and
//! one reader that stumbles over one output would see none of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use widget_core::payload::Payload;

/// How deep its values may be nested. Readers stop somewhere above 120, and lists add some levels.
pub(crate) const MAX_DEPTH: usize = 100;

/// Whether a payload is JSON in UTF-8, of characters and numbers that there are, and at most
/// [`MAX_DEPTH`] deep. Nothing of it is kept.
pub(crate) fn is_json(payload: &Payload) -> bool {
    let mut text = serde_json::Deserializer::from_slice(payload.as_bytes());
    Levels(MAX_DEPTH).deserialize(&mut text).is_ok() && text.end().is_ok()
}

/// Reads a value that has at most so many levels.
#[derive(Clone, Copy)]
struct Levels(usize);

impl Levels {
    fn below<E: Error>(self) -> Result<Self, E> {
        let below = self.0.checked_sub(1).map(Self);
        below.ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while items.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while members.next_entry_seed(below, below)?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &[u8]) -> bool {
        is_json(&Payload::from_json_text(text.to_vec()))
    }

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn any_json_is_read() {
        for text in [
            &b"null"[..],
            br#" {"a": [1, -2, 1.5e300, true], "": {}, "a": "\u00e9\ud83e\udd80"} "#,
            b"123456789012345678901234567890",
            nested(MAX_DEPTH).as_bytes(),
        ] {
            assert!(reads(text), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_some_reader_stumbles_over_is_not_json() {
        for text in [
            &b""[..],
            b"{",
            b"1 2",
            b"NaN",
            b"\"\xff\"",
            b"{\"\xff\": 1}",
            b"\"\\ud800\"",
            b"1e400",
            nested(MAX_DEPTH + 1).as_bytes(),
            "[".repeat(1 << 20).as_bytes(),
        ] {
            let start = text.get(..9).unwrap_or(text);
            assert!(!reads(text), "{}", String::from_utf8_lossy(start));
        }
    }
}
