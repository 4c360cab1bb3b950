//! Claims under a seal: text that proves that this server, or another one with its store, has written it.
//!
//! base64url (RFC 4648, without padding) of the claims and of the HMAC-SHA-256 (RFC 2104) of a word and
//! the claims by the store's session key. The word says what for, so that none is taken for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use widget_core::store::SessionKey;

/// How long a seal is, in bytes.
const SEAL: usize = 32;

/// The text of these claims.
pub(crate) fn seal(key: &SessionKey, word: &[u8], claims: &[u8]) -> String {
    let seal = mac(key, word, claims).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode([claims, &seal].concat())
}

/// The claims of a text, if they are so many bytes, under this key and for this.
pub(crate) fn open<const CLAIMS: usize>(
    key: &SessionKey,
    word: &[u8],
    text: &str,
) -> Option<[u8; CLAIMS]> {
    // What is too long is not even read.
    if text.len() != (CLAIMS + SEAL).saturating_mul(4).div_ceil(3) {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claims, seal) = bytes.split_first_chunk::<CLAIMS>()?;
    mac(key, word, claims).verify_slice(seal).ok()?;
    Some(*claims)
}

fn mac(key: &SessionKey, word: &[u8], claims: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(word);
    mac.update(claims);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SessionKey = SessionKey::from_bytes([7; 32]);
    const CLAIMS: [u8; 40] = [5; 40];

    #[test]
    fn what_was_sealed_opens_by_the_same_key_for_the_same_purpose_only() {
        let text = seal(&KEY, b"one", &CLAIMS);
        assert_eq!(open(&KEY, b"one", &text), Some(CLAIMS));
        assert_eq!(open::<40>(&KEY, b"another", &text), None);
        assert_eq!(
            open::<40>(&SessionKey::from_bytes([8; 32]), b"one", &text),
            None
        );
        assert_eq!(open::<39>(&KEY, b"one", &text), None);
    }

    #[test]
    fn no_character_can_be_changed_and_none_left_out() {
        let text = seal(&KEY, b"one", &CLAIMS);
        for place in 0..text.len() {
            let (before, rest) = text.split_at(place);
            let other = if rest.starts_with('A') { "B" } else { "A" };
            let changed = format!("{before}{other}{}", &rest[1..]);
            assert_eq!(open::<40>(&KEY, b"one", &changed), None, "{place}");
            assert_eq!(open::<40>(&KEY, b"one", before), None, "{place}");
        }
        assert_eq!(open::<40>(&KEY, b"one", &format!("{text}A")), None);
        assert_eq!(
            open::<40>(&KEY, b"one", &"\u{fc}".repeat(text.len() / 2)),
            None
        );
    }
}
