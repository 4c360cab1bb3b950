//! [`Notes`]: changes of the ledger that are to be kept in a durable spool, each with a number. What
//! depends on a change waits until its number is kept.

use widget_core::id::TaskId;
use widget_core::spool::Record;
use widget_core::task::AgentEvent;

/// What is to be kept, in the order in which it happened.
///
/// It stays short: a task adds a few notes in its life, and while the spool does not keep them no
/// task is taken, started or ended for the server.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    waiting: Group,
    noted: u64,
    kept: u64,
}

/// Notes, each with its number: those that wait, or those that are being kept as one group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    numbers: Vec<u64>,
    pub(crate) records: Vec<Record>,
}

impl Notes {
    /// Notes a change, and gives its number.
    pub(crate) fn add(&mut self, record: Record) -> u64 {
        if matches!(record, Record::Seen(_)) {
            // Only the latest counts.
            self.drop_seen();
        }
        self.noted += 1;
        self.waiting.numbers.push(self.noted);
        self.waiting.records.push(record);
        self.noted
    }

    /// The number of the latest note.
    pub(crate) const fn latest(&self) -> u64 {
        self.noted
    }

    /// Whether everything through this number is kept.
    pub(crate) const fn is_kept(&self, number: u64) -> bool {
        number <= self.kept
    }

    /// Takes all that waits, if there is anything. It must come [back](Self::done).
    pub(crate) fn take(&mut self) -> Option<Group> {
        let some = !self.waiting.records.is_empty();
        some.then(|| std::mem::take(&mut self.waiting))
    }

    /// Of a group that was taken so many are kept. The rest waits again.
    pub(crate) fn done(&mut self, mut group: Group, kept: usize) {
        if let Some(last) = kept.checked_sub(1).and_then(|at| group.numbers.get(at)) {
            self.kept = *last;
        }
        let kept = kept.min(group.records.len());
        group.numbers.drain(..kept);
        group.records.drain(..kept);
        group.numbers.append(&mut self.waiting.numbers);
        group.records.append(&mut self.waiting.records);
        self.waiting = group;
        self.settle();
    }

    /// The first that waits.
    pub(crate) fn first(&self) -> Option<&Record> {
        self.waiting.records.first()
    }

    /// Leaves out what waits of a task. Not while a group is taken.
    pub(crate) fn leave_out(&mut self, task: TaskId) {
        self.drop_all(&|record| about(record) == Some(task));
        self.settle();
    }

    /// Leaves out what was seen of a store. Not while a group is taken.
    pub(crate) fn leave_out_seen(&mut self) {
        self.drop_seen();
        self.settle();
    }

    /// Another last word for a task whose end waits. Not while a group is taken.
    pub(crate) fn end_with(&mut self, task: TaskId, with: &AgentEvent) {
        for record in &mut self.waiting.records {
            if let Record::Over { task: over, last } = record
                && *over == task
            {
                *last = with.clone();
            }
        }
    }

    fn drop_seen(&mut self) {
        self.drop_all(&|record| matches!(record, Record::Seen(_)));
    }

    fn drop_all(&mut self, gone: &dyn Fn(&Record) -> bool) {
        let Group { numbers, records } = &mut self.waiting;
        let mut at = 0;
        while let Some(record) = records.get(at) {
            if gone(record) {
                records.remove(at);
                numbers.remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn settle(&mut self) {
        if self.waiting.records.is_empty() {
            self.kept = self.noted;
        }
    }
}

const fn about(record: &Record) -> Option<TaskId> {
    match record {
        Record::Seen(_) | Record::OtherStore => None,
        Record::Taken { task, .. } => Some(task.task),
        Record::Adopted { task, .. }
        | Record::CancelSeen { task }
        | Record::Started { task, .. }
        | Record::Leaving { task, .. }
        | Record::Over { task, .. }
        | Record::Forgotten { task, .. } => Some(*task),
    }
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
