//! Identifiers: of agents and tasks (UUIDs), of the memories behind them (epochs), and the numbers
//! that fence and order messages.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::fixed::Fixed;
use crate::time::Timestamp;

/// A text is not an identifier: it must be a UUID such as `0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form 0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        ///
        /// Sixteen bytes in binary formats, a hyphenated UUID in human-readable ones.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The identifier with exactly these bytes (big-endian order of the UUID's text).
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes, in the order of the UUID's text.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// A new identifier: a version 7 UUID of this time and 74 random bits, so identifiers
            /// made later sort later.
            #[must_use]
            pub fn generate(at: Timestamp, random: [u64; 2]) -> Self {
                let [a, b] = random.map(u64::to_le_bytes);
                let noise = [a[0], a[1], a[2], a[3], a[4], b[0], b[1], b[2], b[3], b[4]];
                let millis = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(*uuid::Builder::from_unix_timestamp_millis(millis, &noise).as_uuid().as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(Uuid::from_bytes_ref(&self.0).as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(|id| Self(id.into_bytes())).map_err(|_| InvalidId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    deserializer.deserialize_tuple(16, Fixed).map(Self)
                }
            }
        }
    };
}

id! {
    /// Who an agent is: made at its first start and kept in its state directory.
    AgentId
}

id! {
    /// Which task is meant.
    TaskId
}

id! {
    /// The memory of an agent: made with its spool. A new one means that whatever the agent had
    /// not delivered is gone.
    SpoolEpoch
}

id! {
    /// The memory of a server: made with its store. A new one means that the store was emptied or
    /// restored from a backup. All epochs of one store begin alike, so that it knows those of its own also
    /// when a restore made it forget them.
    StoreEpoch
}

impl StoreEpoch {
    /// How many bytes all epochs of a store have in common.
    const LINEAGE: usize = 10;

    /// Whether the two are epochs of one store, or of copies of it.
    #[must_use]
    pub fn is_of_the_store_of(&self, other: &Self) -> bool {
        self.0[..Self::LINEAGE] == other.0[..Self::LINEAGE]
    }

    /// A later epoch of this one's store, as new as that one is.
    #[must_use]
    pub fn followed_by(&self, fresh: &Self) -> Self {
        // FNV-1a: whatever differs in the fresh one is to differ in the few bytes that are left.
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let fold = fresh.0.iter().fold(0xcbf2_9ce4_8422_2325, fold);
        let mut bytes = self.0;
        let end = bytes[Self::LINEAGE..].iter_mut();
        for (byte, new) in end.zip(fold.to_be_bytes().into_iter().skip(2)) {
            *byte = new;
        }
        Self(bytes)
    }
}

impl AgentId {
    /// The version 1 collector's id: the same 16 bytes, read as a big-endian number.
    #[must_use]
    pub const fn from_u128(id: u128) -> Self {
        Self(id.to_be_bytes())
    }

    /// The id as the number that version 1 sends.
    #[must_use]
    pub const fn as_u128(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// Which lease of a task is meant: 0 before the first, then rising by one with each lease.
///
/// Every message of an agent about a task names its attempt; a message of an older attempt changes
/// nothing.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The attempt after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = AgentId::from_u128(0x0192_d4a0_6c1e_7b44_9d2e_3f5a_8c7b_1e90);
        assert_eq!(id.to_string(), "0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("x".parse::<AgentId>(), Err(InvalidId));
    }

    #[test]
    fn ids_made_later_sort_later() {
        let early = TaskId::generate(Timestamp::from_millis(1_000), [u64::MAX; 2]);
        let late = TaskId::generate(Timestamp::from_millis(1_001), [0; 2]);
        assert!(early < late);
        assert_eq!(Uuid::from_bytes(*late.as_bytes()).get_version_num(), 7);
    }

    #[test]
    fn json_holds_text() {
        let id = AgentId::from_u128(1);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, "\"00000000-0000-0000-0000-000000000001\"");
        assert_eq!(serde_json::from_str::<AgentId>(&text).unwrap(), id);
    }
}
