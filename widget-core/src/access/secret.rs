//! [`Secret`], and the [`Verifier`] that is kept of it.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;
use crate::fixed::Fixed;

/// Thirty-two random bytes that prove something to whoever has their [`Verifier`].
///
/// In binary formats these bytes, in human-readable ones 43 characters of base64url, of which each
/// secret has one text. Shows nothing in `Debug`, and takes the same time to compare whatever differs.
///
/// ```
/// use widget_core::access::Secret;
///
/// let secret = Secret::from_bytes([7; 32]);
/// assert_eq!(secret.text().len(), 43);
/// assert_eq!(secret.text().parse(), Ok(secret.clone()));
/// assert_eq!(format!("{secret:?}"), "Secret");
/// ```
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// These bytes, which must be random
    /// ([`Runtime::secret`](crate::runtime::Runtime::secret)).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 43 characters, for whoever is to have it. There is no `Display`, so that it gets into no
    /// text by chance.
    #[must_use]
    pub fn text(&self) -> String {
        text::encode(&self.0)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        // Hidden from the compiler, which might stop at the first difference.
        black_box(pairs.fold(0, |all, (one, two)| black_box(all | (one ^ two)))) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A text is no [`Secret`]. It does not say which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret, which is 43 characters of A-Z, a-z, 0-9, - and _")]
pub struct InvalidSecret;

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        text::decode(text).map(Self).ok_or(InvalidSecret)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.text())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            deserializer.deserialize_tuple(32, Fixed).map(Self)
        }
    }
}

/// What is kept of a [`Secret`]: a digest, from which nobody makes the secret again. The server makes
/// it, in its `access` module.
///
/// No secret itself: it opens nothing, and `Debug` shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verifier([u8; 32]);

impl Verifier {
    /// The one of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", text::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_alike_if_every_byte_is() {
        let secret = Secret::from_bytes([7; 32]);
        assert_eq!(secret, Secret::from_bytes([7; 32]));
        for place in 0..32 {
            let mut bytes = [7; 32];
            bytes[place] ^= 1;
            assert_ne!(secret, Secret::from_bytes(bytes), "{place}");
        }
    }

    #[test]
    fn json_holds_its_text() {
        let secret = Secret::from_bytes([255; 32]);
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(json, format!("\"{}8\"", "_".repeat(42)));
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), secret);
        let error = serde_json::from_str::<Secret>("\"hunter2\"").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn a_secret_has_one_text(text in "[A-Za-z0-9_-]{41,44}") {
            if let Ok(secret) = text.parse::<Secret>() {
                prop_assert_eq!(secret.text(), text);
            }
        }
    }
}
