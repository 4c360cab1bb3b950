//! [`Pin`]: by what an agent knows the authority of its server.

use std::fmt;
use std::str::FromStr;

use crate::access::text;

/// SHA-256 of an authority's certificate in DER.
///
/// The whole certificate and not its key alone: nothing has to be read from what is not trusted yet.
/// A certificate that is renewed is another one, even with the same key.
///
/// ```
/// use widget_core::tls::Pin;
///
/// let pin = Pin::of(b"the bytes of a certificate");
/// let text = pin.to_string();
/// assert_eq!((text.len(), text.parse()), (43, Ok(pin)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// That of this certificate, in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().zip(digest.as_ref()) {
            *place = *byte;
        }
        Self(bytes)
    }

    /// These 32 bytes.
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

/// A text is no [`Pin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a pin, which is 43 characters of A-Z, a-z, 0-9, - and _")]
pub struct InvalidPin;

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        text::decode(text).map(Self).ok_or(InvalidPin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sha_256_of_the_certificate() {
        // FIPS 180-2, B.1: the digest of "abc".
        let pin = Pin::of(b"abc");
        assert_eq!(pin.as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(pin.as_bytes()[28..], [0xf2, 0x00, 0x15, 0xad]);
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in ["", "abc", &"!".repeat(43)] {
            assert_eq!(text.parse::<Pin>(), Err(InvalidPin), "{text}");
        }
    }
}
