//! The rules of a lease: which tasks an agent is given, in which order, and what it is to give up.
//! Pure, so that every store keeps the same ones.

use std::collections::{BTreeMap, BTreeSet};

use super::Delivery;
use crate::id::{AgentId, SpoolEpoch};
use crate::message::{Cancel, Held, KindRoom};
use crate::task::{Event, LEASE, Phase, Task};
use crate::time::Timestamp;

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
    /// Kinds of which the agent takes fewer than `room`.
    pub kinds: Vec<KindRoom>,
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
/// - A task of a kind that the agent has no room for waits, and so do later ones of its ordering
///   key; other kinds go on.
/// - If the store is older than the agent's memory, what was queued until the agent was given
///   something last, and the agent does not name, is [`Event::StoreBehind`]. So is what still waits
///   here although the agent names it: nothing that the agent says of it fits this store. All of
///   them are looked at, however little room there is, since this is done once.
/// - What waits for its time gives [`next_due`](Self::next_due).
#[derive(Debug)]
pub struct LeasePlan<'a> {
    request: &'a LeaseRequest,
    behind: Option<Timestamp>,
    kinds: BTreeMap<&'a str, u16>,
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
            kinds: request
                .kinds
                .iter()
                .map(|kind| (kind.kind.as_str(), kind.room))
                .collect(),
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
            _ if self.may_be_older(task) && !named => Step::Apply(Event::StoreBehind),
            Phase::Leased { .. } if !named => match self.take_of_its_kind(task) {
                Step::Full => Step::Skip,
                step => step,
            },
            Phase::Accepted { .. } | Phase::Running { .. } if named => Step::Apply(Event::Heard),
            _ => Step::Skip,
        }
    }

    /// Looks at a queued task.
    pub fn queued(&mut self, task: &Task) -> Step {
        if self.may_be_older(task) {
            return Step::Apply(Event::StoreBehind);
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
            _ => match self.take_of_its_kind(task) {
                // Those that may be older are still to come.
                Step::Full if self.behind.is_some() => Step::Skip,
                step => step,
            },
        }
    }

    /// Whether [`queued`](Self::queued) would skip every task of this kind and ordering key, so that a
    /// store need not read one.
    #[must_use]
    pub fn passes_over(&self, kind: &str, ordering_key: Option<&str>) -> bool {
        self.behind.is_none()
            && match ordering_key {
                Some(key) => self.busy_keys.contains(key),
                // One with a key has others wait for it.
                None => self.kinds.get(kind) == Some(&0),
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

    /// Whether the agent may know more of this task than the store. What was queued after the agent
    /// was given something last cannot have been among that.
    fn may_be_older(&self, task: &Task) -> bool {
        self.behind.is_some_and(|until| task.created <= until)
    }

    fn take_of_its_kind(&mut self, task: &Task) -> Step {
        let Some(room) = self.kinds.get(task.kind.as_str()).copied() else {
            return self.take(task);
        };
        let Some(left) = room.checked_sub(1) else {
            return Step::Skip;
        };
        let step = self.take(task);
        if step != Step::Full
            && let Some(room) = self.kinds.get_mut(task.kind.as_str())
        {
            *room = left;
        }
        step
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
