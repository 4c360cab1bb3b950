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

    /// How many are kept, the current one included; the oldest are forgotten first.
    pub const KEPT: u32 = 1_024;

    /// Whether the store was ever in one of these, as far as it knows or can tell.
    #[must_use]
    pub fn know_any(&self, epochs: &[StoreEpoch]) -> bool {
        let is_ours = |epoch: &StoreEpoch| {
            epoch.is_of_the_store_of(&self.current) || self.earlier.contains(epoch)
        };
        epochs.iter().any(is_ours)
    }

    /// Whether the last of these is one of this store's that it has forgotten: a restore brought back a state
    /// from before it. Whoever says so has learnt of the current one by the next time.
    fn has_forgotten(&self, epochs: &[StoreEpoch]) -> bool {
        epochs.last().is_some_and(|last| {
            let is_known = *last == self.current || self.earlier.contains(last);
            last.is_of_the_store_of(&self.current) && !is_known
        })
    }

    fn begin(&mut self, fresh: StoreEpoch) {
        let mut fresh = self.current.followed_by(&fresh);
        // Chance, or a store that counts instead of throwing dice.
        while fresh == self.current || self.earlier.contains(&fresh) {
            fresh = self.current.followed_by(&fresh);
        }
        let ended = std::mem::replace(&mut self.current, fresh);
        self.earlier.push(ended);
        let over = (self.earlier.len() + 1).saturating_sub(Self::KEPT as usize);
        self.earlier.drain(..over);
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
    /// restored: one made of `fresh` then becomes its epoch, unless another agent has shown the same before.
    pub fn admit(
        &mut self,
        admission: &Admission,
        store: &mut StoreEpochs,
        fresh: StoreEpoch,
    ) -> Admitted {
        let seen = admission.seen.as_ref();
        let known = seen.is_some_and(|seen| store.know_any(&seen.stores));
        if let Some(seen) = seen.filter(|_| known) {
            let is_above = seen.sequence > self.sequence;
            // By the word of one agent nothing but its own tasks may be taken for old.
            let is_behind = is_above || store.has_forgotten(&seen.stores);
            if is_above && seen.stores.contains(&store.current) {
                store.begin(fresh);
            }
            if is_behind {
                self.sequence = self.sequence.max(seen.sequence);
                self.behind = self.behind.max(Some(seen.at));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::{NOW, agent, epoch, store_epoch};

    #[test]
    fn however_often_a_store_is_restored_it_keeps_few_epochs_and_knows_them_all() {
        let first = store_epoch(1);
        let (mut store, mut delivery) = (StoreEpochs::new(first), Delivery::default());
        let mut all = vec![first];
        for number in 0..2_000_u64 {
            let before = store.current;
            let admission = Admission {
                agent: agent(1),
                epoch: epoch(1),
                seen: Some(Seen {
                    stores: vec![before],
                    sequence: number + 1,
                    at: NOW,
                }),
                now: NOW,
            };
            let fresh = StoreEpoch::generate(NOW, [number, 0]);
            let admitted = delivery.admit(&admission, &mut store, fresh);
            assert!(admitted.known && admitted.store != before);
            all.push(admitted.store);
        }
        assert_eq!(store.earlier.len() + 1, 1_024);
        assert!(all.iter().all(|epoch| store.know_any(&[*epoch])));
        assert!(!store.know_any(&[store_epoch(2)]));
    }
}
