//! [`Pass`]: what a browser keeps of a token that a person has signed in with. It proves that the token was
//! shown here; whether it is still good, its row says each time.
//!
//! base64url (RFC 4648, without padding) of 72 bytes: what is kept of the token's secret, the end in
//! seconds since 1970 UTC (big-endian), and the HMAC-SHA-256 (RFC 2104) of a word and these by the store's
//! session key, which is a new one each time the store is opened.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use widget_core::access::Verifier;
use widget_core::store::SessionKey;
use widget_core::time::Timestamp;

const CLAIMS: usize = 40;
const SEALED: usize = CLAIMS + 32;
/// How long its text is.
const TEXT: usize = 96;
/// No session of an agent is ever taken for one of these.
const WORD: &[u8] = b"widget page\0";

/// What a browser keeps of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) token: Verifier,
    pub(crate) expiry: Timestamp,
}

impl Pass {
    /// Its text, sealed by this key.
    pub(crate) fn seal(&self, key: &SessionKey) -> String {
        let claims = self.claims();
        let mut bytes = [0; SEALED];
        let (first, last) = bytes.split_at_mut(CLAIMS);
        first.copy_from_slice(&claims);
        last.copy_from_slice(&mac(key, &claims).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What this text says, if it was sealed by this key.
    pub(crate) fn open(text: &str, key: &SessionKey) -> Option<Self> {
        if text.len() != TEXT {
            return None;
        }
        let mut bytes = [0; SEALED];
        let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (claims, seal) = bytes.get(..decoded)?.split_first_chunk::<CLAIMS>()?;
        mac(key, claims).verify_slice(seal).ok()?;
        let (token, rest) = claims.split_first_chunk::<32>()?;
        let (expiry, _) = rest.split_first_chunk::<8>()?;
        let seconds = i64::from_be_bytes(*expiry);
        Some(Self {
            token: Verifier::from_bytes(*token),
            expiry: Timestamp::from_millis(seconds.saturating_mul(1_000)),
        })
    }

    fn claims(&self) -> [u8; CLAIMS] {
        let mut claims = [0; CLAIMS];
        let seconds = self.expiry.as_secs().to_be_bytes();
        let parts = [self.token.as_bytes().as_slice(), &seconds];
        for (place, byte) in claims.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        claims
    }
}

fn mac(key: &SessionKey, claims: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(WORD);
    mac.update(claims);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SessionKey = SessionKey::from_bytes([7; 32]);

    fn pass() -> Pass {
        Pass {
            token: Verifier::from_bytes([5; 32]),
            expiry: Timestamp::from_millis(1_800_000_000_000),
        }
    }

    #[test]
    fn what_was_sealed_opens_to_the_same_and_by_the_same_key_only() {
        let text = pass().seal(&KEY);
        assert_eq!(text.len(), TEXT);
        assert_eq!(Pass::open(&text, &KEY), Some(pass()));
        assert_eq!(Pass::open(&text, &SessionKey::from_bytes([8; 32])), None);
    }

    #[test]
    fn no_character_can_be_changed() {
        let text = pass().seal(&KEY);
        for place in 0..text.len() {
            let (before, rest) = text.split_at(place);
            let other = if rest.starts_with('A') { "B" } else { "A" };
            let changed = format!("{before}{other}{}", &rest[1..]);
            assert_eq!(Pass::open(&changed, &KEY), None, "{place}");
        }
        assert_eq!(Pass::open("", &KEY), None);
        assert_eq!(Pass::open(&"\u{fc}".repeat(TEXT / 2), &KEY), None);
    }
}
