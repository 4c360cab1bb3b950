//! Sessions as text: what a request shows that has no connection to speak for it.
//!
//! base64url (RFC 4648, without padding) of 88 bytes: agent id, spool epoch, store epoch, expiry in
//! seconds since 1970 UTC (big-endian), and the HMAC-SHA-256 (RFC 2104) of these by the store's
//! session key. So every server with the store can check it, and none keeps a table.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::store::SessionKey;
use widget_core::time::Timestamp;

const CLAIMS: usize = 56;
const SEALED: usize = CLAIMS + 32;
/// 88 bytes in base64 without padding.
const TEXT: usize = 118;

/// What a session says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) agent: AgentId,
    pub(super) epoch: SpoolEpoch,
    pub(super) store: StoreEpoch,
    /// In whole seconds.
    pub(super) expiry: Timestamp,
}

impl Session {
    pub(super) fn seal(&self, key: &SessionKey) -> String {
        let mut bytes = [0; SEALED];
        let claims = self.claims();
        let (first, last) = bytes.split_at_mut(CLAIMS);
        first.copy_from_slice(&claims);
        last.copy_from_slice(&mac(key, &claims).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for whatever was not sealed with this key. Whether it has expired is not looked at.
    pub(super) fn open(text: &str, key: &SessionKey) -> Option<Self> {
        if text.len() != TEXT {
            return None;
        }
        let mut bytes = [0; SEALED];
        let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (claims, seal) = bytes.get(..decoded)?.split_first_chunk::<CLAIMS>()?;
        mac(key, claims).verify_slice(seal).ok()?;
        let (agent, rest) = claims.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<16>()?;
        let (store, rest) = rest.split_first_chunk::<16>()?;
        let (expiry, _) = rest.split_first_chunk::<8>()?;
        let seconds = i64::from_be_bytes(*expiry);
        Some(Self {
            agent: AgentId::from_bytes(*agent),
            epoch: SpoolEpoch::from_bytes(*epoch),
            store: StoreEpoch::from_bytes(*store),
            expiry: Timestamp::from_millis(seconds.saturating_mul(1_000)),
        })
    }

    fn claims(&self) -> [u8; CLAIMS] {
        let mut claims = [0; CLAIMS];
        let seconds = (self.expiry.as_millis() / 1_000).to_be_bytes();
        let parts = [
            self.agent.as_bytes().as_slice(),
            self.epoch.as_bytes(),
            self.store.as_bytes(),
            &seconds,
        ];
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
    mac.update(claims);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SessionKey = SessionKey::from_bytes([7; 32]);

    fn session() -> Session {
        Session {
            agent: AgentId::from_u128(1),
            epoch: SpoolEpoch::from_bytes([2; 16]),
            store: StoreEpoch::from_bytes([3; 16]),
            expiry: Timestamp::from_millis(1_800_000_000_000),
        }
    }

    #[test]
    fn what_was_sealed_opens_to_the_same() {
        let text = session().seal(&KEY);
        assert_eq!(text.len(), TEXT);
        assert_eq!(Session::open(&text, &KEY), Some(session()));
    }

    #[test]
    fn another_key_opens_nothing() {
        let text = session().seal(&SessionKey::from_bytes([8; 32]));
        assert_eq!(Session::open(&text, &KEY), None);
    }

    #[test]
    fn no_character_can_be_changed_and_none_left_out() {
        let text = session().seal(&KEY);
        for place in 0..text.len() {
            let (before, rest) = text.split_at(place);
            let other = if rest.starts_with('A') { "B" } else { "A" };
            let changed = format!("{before}{other}{}", &rest[1..]);
            assert_eq!(Session::open(&changed, &KEY), None, "{place}");
            assert_eq!(Session::open(before, &KEY), None, "{place}");
        }
        assert_eq!(Session::open(&format!("{text}A"), &KEY), None);
        assert_eq!(Session::open(&"ü".repeat(TEXT / 2), &KEY), None);
    }
}
