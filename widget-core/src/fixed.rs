//! [`Fixed`]: reads so many bytes.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};

/// Reads bytes of a known number in a loop. serde's own way with arrays has the code of an element once
/// for each.
pub(crate) struct Fixed<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for Fixed<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
        let mut bytes = [0; N];
        for (position, byte) in bytes.iter_mut().enumerate() {
            let next = seq.next_element()?;
            *byte = next.ok_or_else(|| A::Error::invalid_length(position, &self))?;
        }
        Ok(bytes)
    }
}
