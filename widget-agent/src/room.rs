//! What the ledger says of its room, its slots and its counts, and how it gets on with a spool that is
//! full.

use std::time::Duration;

use widget_core::id::TaskId;
use widget_core::message::{Held, KindRoom};
use widget_core::spool::Record;
use widget_core::time::Timestamp;

use crate::entry::{Entry, Stage};
use crate::tasks::Ledger;

/// How long no task is taken after one that did not fit into the spool.
const FULL: Duration = Duration::from_secs(10);

/// How many tasks there are, by how far they are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stages {
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) stuck: usize,
}

impl<J> Ledger<J> {
    /// How many more tasks there is room for.
    pub(crate) fn room(&self, now: Timestamp) -> u16 {
        let full = self.full_until.is_some_and(|until| now < until);
        if self.closed || self.stalled || full {
            return 0;
        }
        u16::try_from(self.limits.tasks.saturating_sub(self.entries.len())).unwrap_or(u16::MAX)
    }

    /// Room of the kinds that have a limit of their own.
    pub(crate) fn kinds(&self) -> Vec<KindRoom> {
        let kinds = self.limits.kinds.iter();
        kinds
            .map(|(kind, most)| {
                let held = self.entries.values().filter(|entry| entry.kind == *kind);
                let held = u16::try_from(held.count()).unwrap_or(u16::MAX);
                KindRoom {
                    kind: kind.clone(),
                    room: most.saturating_sub(held),
                }
            })
            .collect()
    }

    /// Every task that the agent has, from its receipt to the verdict on its end.
    pub(crate) fn holding(&self) -> Vec<Held> {
        let held = |(task, entry): (&TaskId, &Entry<J>)| Held {
            task: *task,
            attempt: entry.attempt,
            cancel_seen: entry.cancel_seen,
        };
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| !entry.heard)
            .map(held)
            .collect()
    }

    /// Changes whenever [`holding`](Self::holding), [`room`](Self::room) or [`kinds`](Self::kinds)
    /// do, but for the passing of time.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// How many tasks it has.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many there are by how far they are.
    pub(crate) fn stages(&self) -> Stages {
        let mut stages = Stages::default();
        for entry in self.entries.values() {
            match &entry.stage {
                Stage::Waiting { .. } | Stage::Ready { .. } | Stage::Starting { .. } => {
                    stages.waiting += 1;
                }
                Stage::Running(_) => stages.running += 1,
                Stage::Stuck => stages.stuck += 1,
                Stage::Over(_) => stages.stuck += usize::from(entry.stuck),
            }
        }
        stages
    }

    /// The task that is the next to get a slot: by priority, then by age.
    pub(crate) fn next_ready(&self) -> Option<TaskId> {
        let full = self.full_kinds();
        let ready = |(_, entry): &(&TaskId, &Entry<J>)| {
            matches!(entry.stage, Stage::Ready { .. }) && !full.contains(&entry.kind.as_str())
        };
        let ready = self.entries.iter().filter(ready);
        let next =
            ready.min_by_key(|(_, entry)| (std::cmp::Reverse(entry.priority), entry.sequence));
        next.map(|(task, _)| *task)
    }

    /// The kinds of which no more may start.
    fn full_kinds(&self) -> Vec<&str> {
        let full = |(kind, most): (&'_ String, &u16)| {
            let entries = self.entries.values();
            let taken = entries.filter(|entry| entry.has_slot() && entry.kind == *kind);
            taken.count() >= usize::from(*most)
        };
        let kinds = self.limits.kinds.iter();
        kinds
            .filter(|(kind, most)| full((kind, most)))
            .map(|(kind, _)| kind.as_str())
            .collect()
    }

    /// Whether no handler runs, but perhaps that of this task.
    pub(crate) fn none_runs_but(&self, task: Option<TaskId>) -> bool {
        let runs = |(id, entry): (&TaskId, &Entry<J>)| {
            Some(*id) != task && matches!(entry.stage, Stage::Running(_))
        };
        !self.entries.iter().any(runs)
    }

    /// Whether the ends of all tasks that have ended were said and heard.
    pub(crate) fn all_ends_are_said(&self) -> bool {
        !self
            .entries
            .values()
            .any(|entry| matches!(entry.stage, Stage::Over(_)))
    }

    /// The spool keeps nothing for now, or does so again. In the meantime no task is taken.
    pub(crate) fn stall(&mut self, stalled: bool) {
        self.version += u64::from(self.stalled != stalled);
        self.stalled = stalled;
    }

    /// The first of what is noted does not fit into the spool: an end goes without its output, a new
    /// task is not taken, so that the server hands it out again later. False if it is neither.
    pub(crate) fn make_fit(&mut self, now: Timestamp) -> bool {
        let task = match self.notes.first() {
            Some(Record::Taken { task, .. }) => {
                let task = task.task;
                self.notes.leave_out(task);
                self.entries.remove(&task);
                self.full_until = Some(now.after(FULL));
                self.version += 1;
                return true;
            }
            Some(Record::Over { task, .. }) => *task,
            // It comes again with the next task.
            Some(Record::Seen(_)) => {
                self.notes.leave_out_seen();
                return true;
            }
            _ => return false,
        };
        let Some(entry) = self.entries.get_mut(&task) else {
            return false;
        };
        let why = "it is done, but the agent's spool had no room for its output";
        let shorter = entry.leave_output_out("spool_full", why);
        if let Stage::Over(last) = &entry.stage {
            self.notes.end_with(task, last);
        }
        shorter
    }

    /// Whether everything that was noted is kept.
    pub(crate) const fn all_is_kept(&self) -> bool {
        self.notes.is_kept(self.notes.latest())
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
