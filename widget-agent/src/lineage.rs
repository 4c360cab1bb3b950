//! What the ledger knows of the store that gives it tasks: the epochs that it had, and the sequence
//! numbers that mean tasks of it.

use widget_core::message::{Seen, Welcome, Work};
use widget_core::spool::{Record, Spent};
use widget_core::time::Timestamp;

use crate::tasks::Ledger;

impl<J> Ledger<J> {
    /// A server welcomed the agent. False if its store is another one than before: whatever was
    /// delivered until now, that one does not have.
    pub(crate) fn welcomed(&mut self, welcome: &Welcome) -> bool {
        let same = self.is_same(welcome);
        if !same {
            self.begin_anew();
        }
        let mut seen = self.seen.take().unwrap_or_else(|| Seen {
            stores: Vec::new(),
            sequence: 0,
            at: Timestamp::default(),
        });
        let news = !seen.stores.contains(&welcome.store) || seen.sequence < welcome.sequence;
        if !seen.stores.contains(&welcome.store) {
            let over = (seen.stores.len() + 1).saturating_sub(Seen::MAX_STORES);
            seen.stores.drain(..over);
            seen.stores.push(welcome.store);
        }
        seen.sequence = seen.sequence.max(welcome.sequence);
        self.seen = Some(seen);
        if news {
            self.note_seen();
        }
        same
    }

    /// Tasks have come: their numbers and when that was, by the server's clock.
    pub(crate) fn saw(&mut self, work: &Work) {
        let highest = work.tasks.iter().map(|task| task.sequence).max();
        let (Some(highest), Some(seen)) = (highest, &mut self.seen) else {
            return;
        };
        seen.sequence = seen.sequence.max(highest);
        seen.at = seen.at.max(work.at);
        self.note_seen();
    }

    /// What was seen of the store.
    pub(crate) fn seen(&self) -> Option<Seen> {
        self.seen.clone()
    }

    /// Whether the agent may go over to the server of this welcome for no better reason than its
    /// place in the list. To another store, the tasks that are here would mean nothing.
    pub(crate) fn may_move_to(&self, welcome: &Welcome) -> bool {
        self.entries.len() == 0 || (self.is_same(welcome) && self.seen.is_some())
    }

    fn is_same(&self, welcome: &Welcome) -> bool {
        let stores = self.seen.as_ref().map_or(&[][..], |seen| &seen.stores);
        welcome.known || stores.is_empty() || stores.contains(&welcome.store)
    }

    fn begin_anew(&mut self) {
        self.seen = None;
        self.spent = Spent::default();
        // A number of the old store must not come to be spent for the new one.
        for entry in self.entries.values_mut() {
            entry.foreign = true;
        }
        if self.limits.durable {
            self.notes.add(Record::OtherStore);
        }
    }

    fn note_seen(&mut self) {
        if let Some(seen) = self.seen.clone().filter(|_| self.limits.durable) {
            self.notes.add(Record::Seen(seen));
        }
    }
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
