//! The rules of a lease: which tasks an agent is given, in which order, and what it is to give up.
//! Pure, so that every store keeps the same ones.

use std::collections::BTreeSet;

use super::StoreErrorKind;
use crate::id::{AgentId, SpoolEpoch, StoreEpoch};
use crate::message::{Cancel, Held};
use crate::task::{Event, LEASE, Phase, Task};
use crate::time::Timestamp;

/// An agent opens a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Who.
    pub agent: AgentId,
    /// For which memory of it.
    pub epoch: SpoolEpoch,
    /// The highest sequence it has seen, and of which store.
    pub seen: Option<(StoreEpoch, u64)>,
    /// Now, by the server's wall clock.
    pub now: Timestamp,
}

/// What an admission came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The store's memory.
    pub store: StoreEpoch,
    /// The highest sequence that this agent was given.
    pub sequence: u64,
}

/// What a task store keeps of an agent: whose leases count, and how many it gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The memory that was last admitted.
    pub epoch: Option<SpoolEpoch>,
    /// The highest sequence given.
    pub sequence: u64,
    /// The agent has seen more than this store gave: what the store knows of this agent's
    /// unfinished tasks is older than the truth, until the next lease has put that right.
    pub behind: bool,
}

impl Delivery {
    /// Takes an admission. `fresh` becomes the store's epoch if the agent has seen more of the
    /// current one than the store knows of.
    pub fn admit(
        &mut self,
        admission: &Admission,
        store: &mut StoreEpoch,
        fresh: StoreEpoch,
    ) -> Admitted {
        if let Some((seen_store, seen)) = admission.seen
            && seen_store == *store
            && seen > self.sequence
        {
            *store = fresh;
            self.sequence = seen;
            self.behind = true;
        }
        self.epoch = Some(admission.epoch);
        Admitted {
            store: *store,
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

/// An agent asks for tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseRequest {
    /// Who.
    pub agent: AgentId,
    /// For which memory of it.
    pub epoch: SpoolEpoch,
    /// At most so many tasks.
    pub room: usize,
    /// At most so many bytes of input, but at least one task if there is room for any.
    pub bytes: usize,
    /// Every task that the agent has and has not seen the end of.
    pub holding: Vec<Held>,
    /// Now, by the server's wall clock.
    pub now: Timestamp,
}

/// What an agent is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leased {
    /// The tasks, in order, in their new state.
    pub tasks: Vec<Task>,
    /// What it is to give up.
    pub cancel: Vec<Cancel>,
    /// When a task becomes due that is held back until then.
    pub next_due: Option<Timestamp>,
}

/// What is to be done with a task that the plan has looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing; go on.
    Skip,
    /// Apply this; a [`Event::Lease`] also hands the task out.
    Apply(Event),
    /// Nothing, and nothing for any further queued task: there is no more room.
    Full,
}

/// Decides which tasks an agent is given. Show it first every leased, accepted and running task
/// of the agent in the order of their sequence ([`held`](Self::held)), then the queued ones by
/// priority, highest first, and age, oldest first ([`queued`](Self::queued)), until it is full.
///
/// - A leased task that the agent does not name is handed over again, with the same attempt.
/// - A queued task waits while an earlier one of its ordering key is held or waits itself; other
///   keys and tasks without a key go on.
/// - What waits for its time gives [`next_due`](Self::next_due).
#[derive(Debug)]
pub struct LeasePlan<'a> {
    request: &'a LeaseRequest,
    behind: bool,
    busy_keys: BTreeSet<String>,
    taken: usize,
    bytes: usize,
    next_due: Option<Timestamp>,
}

impl<'a> LeasePlan<'a> {
    /// A plan for this request of an agent whose delivery is this.
    #[must_use]
    pub fn new(request: &'a LeaseRequest, delivery: &Delivery) -> Self {
        Self {
            request,
            behind: delivery.behind,
            busy_keys: BTreeSet::new(),
            taken: 0,
            bytes: 0,
            next_due: None,
        }
    }

    /// Looks at a leased, accepted or running task.
    pub fn held(&mut self, task: &Task) -> Step {
        if let Some(key) = &task.ordering_key {
            self.busy_keys.insert(key.clone());
        }
        let named = |held: &&Held| held.task == task.id && held.attempt == task.state.attempt;
        let named = self.request.holding.iter().any(|held| named(&held));
        match &task.state.phase {
            _ if self.behind && !named => Step::Apply(Event::StoreBehind),
            Phase::Leased { .. } if !named => match self.take(task) {
                Step::Full => Step::Skip,
                step => step,
            },
            Phase::Accepted { .. } | Phase::Running { .. } if named => Step::Apply(Event::Heard),
            _ => Step::Skip,
        }
    }

    /// Looks at a queued task.
    pub fn queued(&mut self, task: &Task) -> Step {
        if self.behind {
            // The agent names what the store has forgotten to have given.
            let mut held = self.request.holding.iter();
            return match held.any(|held| held.task == task.id) {
                true => Step::Skip,
                false => Step::Apply(Event::StoreBehind),
            };
        }
        if let Some(key) = &task.ordering_key
            && !self.busy_keys.insert(key.clone())
        {
            return Step::Skip;
        }
        if task.state.ttl_at <= self.request.now {
            return Step::Skip;
        }
        match &task.state.phase {
            Phase::Queued {
                not_before: Some(due),
            } if *due > self.request.now => {
                self.next_due = Some(self.next_due.map_or(*due, |earliest| earliest.min(*due)));
                Step::Skip
            }
            _ => self.take(task),
        }
    }

    /// What of the agent's list it is to give up. `find` gives the task of an id.
    ///
    /// # Errors
    /// Whatever `find` says.
    pub fn cancels<E>(
        &self,
        mut find: impl FnMut(crate::id::TaskId) -> Result<Option<Task>, E>,
    ) -> Result<Vec<Cancel>, E> {
        let mut cancels = Vec::new();
        for held in self.request.holding.iter().filter(|held| !held.cancel_seen) {
            let task = find(held.task)?;
            let gone = task.is_none_or(|task| {
                task.agent != self.request.agent
                    || task.state.cancel_requested
                    || task.state.name().is_terminal()
                    || task.state.attempt != held.attempt
            });
            if gone {
                cancels.push(Cancel {
                    task: held.task,
                    attempt: held.attempt,
                });
            }
        }
        Ok(cancels)
    }

    /// When a task becomes due that is held back until then.
    #[must_use]
    pub const fn next_due(&self) -> Option<Timestamp> {
        self.next_due
    }

    fn take(&mut self, task: &Task) -> Step {
        let bytes = self.bytes.saturating_add(task.input.len());
        if self.taken >= self.request.room || (self.taken > 0 && bytes > self.request.bytes) {
            return Step::Full;
        }
        self.taken += 1;
        self.bytes = bytes;
        let until = self.request.now.after(LEASE);
        Step::Apply(Event::Lease {
            epoch: self.request.epoch,
            until,
        })
    }
}
