//! [`Ledger`]: the tasks that the agent has, how far each is, and what is still to be said of them.
//! Pure state: no clock, no connection. It outlives connections, so nothing that is to be said is
//! lost with one.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, StoreEpoch, TaskId};
use widget_core::message::{Command, Held, Seen, Update, UpdateItem, Verdict, WorkTask};
use widget_core::stop::StopSignal;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};
use widget_core::time::{Mono, Timestamp};

use crate::entry::{Entry, Next, Stage};
use crate::sorted::Sorted;
use widget_core::spool::Spent;

/// The most bytes of one `Update`, unless a single item is larger.
const MAX_UPDATE: usize = 1024 * 1024 + 512 * 1024;
/// What an item takes beside its texts, generously.
const ITEM: usize = 64;

/// The tasks of an agent. `J` is what starts a task's handler; each is given out at most once.
#[derive(Debug)]
pub(crate) struct Ledger<J> {
    entries: Sorted<TaskId, Entry<J>>,
    capacity: usize,
    spent: Spent,
    store: Option<StoreEpoch>,
    highest: u64,
    version: u64,
    closed: bool,
}

/// A task that can be run.
#[derive(Debug)]
pub(crate) struct Prepared<J> {
    /// Starts its handler.
    pub(crate) job: J,
    /// Whether it may be started again after a loss.
    pub(crate) idempotent: bool,
    /// Whether the server has to know of the start before it happens.
    pub(crate) start_first: bool,
}

/// A task whose handler is to be started now.
#[derive(Debug)]
pub(crate) struct Start<J> {
    pub(crate) task: TaskId,
    pub(crate) attempt: Attempt,
    pub(crate) kind: String,
    pub(crate) job: J,
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotent: bool,
    pub(crate) token: StopSignal,
}

impl<J> Ledger<J> {
    /// For at most so many tasks at a time.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: Sorted::default(),
            capacity: capacity.min(Command::MAX_HOLDING),
            spent: Spent::default(),
            store: None,
            highest: 0,
            version: 0,
            closed: false,
        }
    }

    /// A server welcomed the agent, with its store's epoch and the number of tasks it gave.
    pub(crate) fn welcomed(&mut self, store: StoreEpoch, sequence: u64) {
        if self.store != Some(store) {
            // A store that was restored goes on above what we have seen; one that begins below is
            // another store, whose numbers mean other tasks.
            if sequence < self.highest {
                self.spent = Spent::default();
                self.highest = 0;
            }
            self.store = Some(store);
        }
        self.highest = self.highest.max(sequence);
    }

    /// The highest sequence seen, and of which store.
    pub(crate) fn seen(&self) -> Option<Seen> {
        self.store.map(|store| Seen {
            stores: vec![store],
            sequence: self.highest,
            at: Timestamp::default(),
        })
    }

    /// Whether the agent may go over to a server with this store for no better reason than its
    /// place in the list. To another store, the tasks that are here would mean nothing.
    pub(crate) fn may_move_to(&self, store: StoreEpoch) -> bool {
        self.store == Some(store) || self.entries.len() == 0
    }

    /// Looks at a task that the server hands out. True if it is new here: then it is to be
    /// prepared and [taken](Self::take).
    pub(crate) fn meet(&mut self, task: &WorkTask) -> bool {
        self.highest = self.highest.max(task.sequence);
        if self.closed {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&task.task) {
            if task.attempt < entry.attempt {
                return false;
            }
            if task.attempt == entry.attempt || !entry.asked_to_retry() {
                self.version += u64::from(entry.adopt(task.attempt));
                return false;
            }
            // The new attempt is the answer to a retry whose verdict did not arrive.
            self.entries.remove(&task.task);
            self.version += 1;
        }
        if self.entries.len() >= self.capacity {
            return false;
        }
        if self.spent.contains(task.sequence) {
            let failure = Failure::new(
                "already_delivered",
                "this task was run here before, and how it ended is no longer known",
            );
            let finish = Finish::without(FinishKind::Interrupted, failure);
            self.insert(task, Stage::Over(AgentEvent::Finish(finish)), true);
            return false;
        }
        true
    }

    /// Takes a task that [`meet`](Self::meet) asked for, or says why it is not taken.
    pub(crate) fn take(
        &mut self,
        task: &WorkTask,
        prepared: Result<Prepared<J>, Failure>,
        now: Mono,
    ) {
        match prepared {
            Ok(prepared) => {
                let ttl_at = now.after(Duration::from_millis(task.ttl_ms));
                self.insert(
                    task,
                    Stage::Waiting {
                        job: prepared.job,
                        ttl_at,
                    },
                    false,
                );
                if let Some(entry) = self.entries.get_mut(&task.task) {
                    entry.accept_due = true;
                    entry.idempotent = prepared.idempotent;
                    entry.start_first = prepared.start_first;
                }
            }
            Err(failure) => self.insert(task, Stage::Over(AgentEvent::Reject(failure)), false),
        }
    }

    /// The server wants a task given up. True if that is news.
    pub(crate) fn cancel(&mut self, task: TaskId, attempt: Attempt) -> bool {
        let entry = self.entries.get_mut(&task);
        let Some(entry) = entry.filter(|entry| entry.attempt == attempt && !entry.cancel_seen)
        else {
            return false;
        };
        entry.cancel();
        self.version += 1;
        true
    }

    /// How many more tasks there is room for.
    pub(crate) fn room(&self) -> u16 {
        if self.closed {
            return 0;
        }
        u16::try_from(self.capacity.saturating_sub(self.entries.len())).unwrap_or(u16::MAX)
    }

    /// Every task that the agent has, from its receipt to the verdict on its end.
    pub(crate) fn holding(&self) -> Vec<Held> {
        let held = |(task, entry): (&TaskId, &Entry<J>)| Held {
            task: *task,
            attempt: entry.attempt,
            cancel_seen: entry.cancel_seen,
        };
        self.entries.iter().map(held).collect()
    }

    /// Changes whenever [`holding`](Self::holding) or [`room`](Self::room) do.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// How many tasks it has.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is to be said next, at most so many items. It stays due until it is
    /// [settled](Self::settle), so a message that was lost is simply made again.
    pub(crate) fn update(&mut self, most: usize, now: Mono) -> Option<Update> {
        for entry in self.entries.values_mut() {
            entry.expire(now);
        }
        let mut items = Vec::new();
        let mut bytes = 0_usize;
        for (task, entry) in self.entries.iter() {
            for event in entry.due() {
                bytes = bytes.saturating_add(size(&event));
                if items.len() >= most || (!items.is_empty() && bytes > MAX_UPDATE) {
                    return Some(Update { items });
                }
                let (task, attempt) = (*task, entry.attempt);
                items.push(UpdateItem {
                    task,
                    attempt,
                    event,
                });
            }
        }
        (!items.is_empty()).then_some(Update { items })
    }

    /// Takes what the server made of an update, and gives the tasks that are to be started.
    pub(crate) fn settle(
        &mut self,
        update: &Update,
        verdicts: &[Verdict],
        now: Mono,
    ) -> Vec<Start<J>> {
        let mut starts = Vec::new();
        for (item, verdict) in update.items.iter().zip(verdicts) {
            let entry = self.entries.get_mut(&item.task);
            // An answer to an attempt that was given up in favour of a later one says nothing.
            let Some(entry) = entry.filter(|entry| entry.attempt == item.attempt) else {
                continue;
            };
            match entry.settle(&item.event, *verdict == Verdict::Ok) {
                Next::Stay => {}
                Next::Forget => self.forget(item.task),
                Next::Start if self.closed => {}
                Next::Start => {
                    entry.expire(now);
                    starts.extend(entry.start(item.task));
                }
            }
        }
        starts
    }

    /// Nobody takes this news, perhaps because it is too long: an output or a progress is left out,
    /// so that the rest can be said. False if there is none in it.
    pub(crate) fn shorten(&mut self, update: &Update) -> bool {
        let mut shorter = false;
        for item in &update.items {
            if let Some(entry) = self.entries.get_mut(&item.task) {
                shorter |= entry.shorten(&item.event);
            }
        }
        shorter
    }

    /// A handler says how far it is. Only the latest word is kept.
    pub(crate) fn progress(&mut self, task: TaskId, progress: Payload) {
        if let Some(entry) = self.entries.get_mut(&task)
            && matches!(entry.stage, Stage::Running(_))
        {
            entry.progress = Some(progress);
        }
    }

    /// A handler has ended with this last word.
    pub(crate) fn finish(&mut self, task: TaskId, last: AgentEvent) {
        if let Some(entry) = self.entries.get_mut(&task)
            && matches!(entry.stage, Stage::Running(_))
        {
            entry.progress = None;
            entry.stage = Stage::Over(last);
        }
    }

    /// Takes and starts no more tasks, and asks those that run to stop.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.version += 1;
        for entry in self.entries.values() {
            if let Stage::Running(token) = &entry.stage {
                token.ask();
            }
        }
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

    fn insert(&mut self, task: &WorkTask, stage: Stage<J>, started: bool) {
        self.version += 1;
        self.entries
            .insert(task.task, Entry::new(task, stage, started));
    }

    fn forget(&mut self, task: TaskId) {
        self.version += 1;
        if let Some(entry) = self.entries.remove(&task)
            && entry.started
            && !entry.asked_to_retry()
        {
            self.spent.insert(entry.sequence);
        }
    }
}

/// About how many bytes an item takes on the wire.
fn size(event: &AgentEvent) -> usize {
    let failure = |failure: &Failure| failure.code.len() + failure.message.len();
    let texts = match event {
        AgentEvent::Progress(progress) => progress.len(),
        AgentEvent::Reject(why) | AgentEvent::Retry { failure: why, .. } => failure(why),
        AgentEvent::Finish(finish) => {
            finish.output.as_ref().map_or(0, Payload::len)
                + finish.failure.as_ref().map_or(0, failure)
        }
        AgentEvent::Output(chunk) => chunk.text.len(),
        AgentEvent::Accept { .. }
        | AgentEvent::Start
        | AgentEvent::CancelConfirmed
        | AgentEvent::Expire => 0,
    };
    ITEM.saturating_add(texts)
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
mod tests;
