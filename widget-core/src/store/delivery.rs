//! What a task store keeps of an agent: whose leases count, how many tasks it was given, and
//! whether the store turned out to be older than the agent's memory.

use super::StoreErrorKind;
use crate::id::{AgentId, SpoolEpoch, StoreEpoch};
use crate::message::Seen;
use crate::time::Timestamp;

/// An agent opens a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Who.
    pub agent: AgentId,
    /// For which memory of it.
    pub epoch: SpoolEpoch,
    /// What it has seen of a store, this one or another.
    pub seen: Option<Seen>,
    /// Now, by the server's wall clock.
    pub now: Timestamp,
}

/// What an admission came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The store's memory.
    pub store: StoreEpoch,
    /// What the agent has seen was this store, perhaps before it was restored.
    pub known: bool,
    /// The highest sequence that this agent was given.
    pub sequence: u64,
}

/// The epochs of a store: the one it is in, and those before, each ended by a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEpochs {
    /// The one it is in.
    pub current: StoreEpoch,
    /// Those before, oldest first.
    pub earlier: Vec<StoreEpoch>,
}

impl StoreEpochs {
    /// Of a store that was never restored.
    #[must_use]
    pub const fn new(current: StoreEpoch) -> Self {
        Self {
            current,
            earlier: Vec::new(),
        }
    }

    /// Whether the store was ever in one of these.
    #[must_use]
    pub fn know_any(&self, epochs: &[StoreEpoch]) -> bool {
        epochs
            .iter()
            .any(|epoch| *epoch == self.current || self.earlier.contains(epoch))
    }

    fn begin(&mut self, fresh: StoreEpoch) {
        let ended = std::mem::replace(&mut self.current, fresh);
        self.earlier.push(ended);
    }
}

/// What a task store keeps of an agent: whose leases count, and how many it gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The memory that was last admitted.
    pub epoch: Option<SpoolEpoch>,
    /// The highest sequence given.
    pub sequence: u64,
    /// The agent has seen more than this store gave: what the store knows of this agent's
    /// unfinished tasks that were queued until then is older than the truth, until the next lease
    /// has put that right.
    pub behind: Option<Timestamp>,
}

impl Delivery {
    /// Takes an admission. If the agent has seen more than the store knows of, the store was
    /// restored: `fresh` then becomes its epoch, unless another agent has shown the same before.
    pub fn admit(
        &mut self,
        admission: &Admission,
        store: &mut StoreEpochs,
        fresh: StoreEpoch,
    ) -> Admitted {
        let seen = admission.seen.as_ref();
        let known = seen.is_some_and(|seen| store.know_any(&seen.stores));
        if let Some(seen) = seen.filter(|seen| known && seen.sequence > self.sequence) {
            if seen.stores.contains(&store.current) {
                store.begin(fresh);
            }
            self.sequence = seen.sequence;
            self.behind = self.behind.max(Some(seen.at));
        }
        self.epoch = Some(admission.epoch);
        Admitted {
            store: store.current,
            known,
            sequence: self.sequence,
        }
    }

    /// Whether this epoch may lease.
    ///
    /// # Errors
    /// [`Replaced`](StoreErrorKind::Replaced) if it is not the one last admitted.
    pub fn check(&self, agent: AgentId, epoch: SpoolEpoch) -> Result<(), StoreErrorKind> {
        if self.epoch == Some(epoch) {
            Ok(())
        } else {
            Err(StoreErrorKind::Replaced(agent))
        }
    }

    /// The number of the next task that is handed out for the first time.
    pub fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
