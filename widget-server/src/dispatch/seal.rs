//! Sessions as text: what a request shows that has no connection to speak for it.
//!
//! Under a [`seal`](crate::seal): agent id, spool epoch, store epoch, and the expiry in seconds since 1970
//! UTC (big-endian). Every server with the store can check it, and none keeps a table.

use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::store::SessionKey;
use widget_core::time::Timestamp;

use crate::seal;

const CLAIMS: usize = 56;
const WORD: &[u8] = b"widget session\0";

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
    /// Its text, sealed by this key.
    pub(super) fn seal(&self, key: &SessionKey) -> String {
        let claims = [
            self.agent.as_bytes().as_slice(),
            self.epoch.as_bytes(),
            self.store.as_bytes(),
            &self.expiry.as_secs().to_be_bytes(),
        ];
        seal::seal(key, WORD, &claims.concat())
    }

    /// `None` for whatever was not sealed with this key. Whether it has expired is not looked at.
    pub(super) fn open(text: &str, key: &SessionKey) -> Option<Self> {
        let claims: [u8; CLAIMS] = seal::open(key, WORD, text)?;
        let (agent, rest) = claims.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<16>()?;
        let (store, rest) = rest.split_first_chunk::<16>()?;
        let (seconds, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            agent: AgentId::from_bytes(*agent),
            epoch: SpoolEpoch::from_bytes(*epoch),
            store: StoreEpoch::from_bytes(*store),
            expiry: Timestamp::from_secs(i64::from_be_bytes(*seconds)),
        })
    }
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
        // The header of each request has it.
        assert_eq!(text.len(), 118);
        assert_eq!(Session::open(&text, &KEY), Some(session()));
    }
}
