//! Values that cases and plugins' own tests are built of: fixed ids, fixed times, a seeded source
//! of noise.

use std::time::Duration;

use crate::Payload;
use crate::access::{Secret, Verifier};
use crate::id::{AgentId, SpoolEpoch, StoreEpoch, TaskId};
use crate::report::Report;
use crate::task::NewTask;
use crate::time::Timestamp;

/// When every case begins: 2026-11-22T15:25:05.007Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_361_105_007);

/// So many seconds after [`NOW`]; before it if negative.
#[must_use]
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis().saturating_add(secs.saturating_mul(1_000)))
}

/// So many seconds.
#[must_use]
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Agent number `n`.
#[must_use]
pub const fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// The id of task number `n`.
#[must_use]
pub const fn task_id(n: u8) -> TaskId {
    TaskId::from_bytes([n; 16])
}

/// Spool epoch number `n`.
#[must_use]
pub const fn epoch(n: u8) -> SpoolEpoch {
    SpoolEpoch::from_bytes([n; 16])
}

/// Store epoch number `n`.
#[must_use]
pub const fn store_epoch(n: u8) -> StoreEpoch {
    StoreEpoch::from_bytes([n; 16])
}

/// Secret number `n`.
#[must_use]
pub const fn secret(n: u8) -> Secret {
    Secret::from_bytes([n; 32])
}

/// Verifier number `n`: a stand-in, not the digest of the secret with that number.
#[must_use]
pub const fn verifier(n: u8) -> Verifier {
    Verifier::from_bytes([n; 32])
}

/// JSON text.
#[must_use]
pub fn json(text: &str) -> Payload {
    Payload::from_json_text(text.to_owned())
}

/// A plain task: number `n`, for this agent, queued at [`NOW`].
#[must_use]
pub fn new_task(n: u8, agent: AgentId) -> NewTask {
    NewTask::new(task_id(n), agent, "reindex", json("{\"n\":1}"), NOW)
}

/// A plain report: number `seq`, taken so many seconds after [`NOW`].
#[must_use]
pub fn report(seq: u64, secs: i64) -> Report {
    Report {
        seq,
        at: at(secs),
        total_memory: 16_000_000_000,
        used_memory: 1_000_000_000 + seq,
        average_cpu: 12.5,
        gauges: vec![("queue.depth".into(), 3.25)],
        thinned: None,
    }
}

/// A seeded source of noise, the same on every machine.
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// Noise of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What each number adds to the seed (splitmix64).
    pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The next 64 bits (splitmix64).
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`, which is at least 1.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.bits().to_le_bytes()[0]).collect()
    }
}
