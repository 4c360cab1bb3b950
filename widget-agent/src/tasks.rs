//! [`Ledger`]: the tasks that the agent has, how far each is, and what is still to be said of them.
//! Pure state: no clock, no connection, no disk. It outlives connections, so nothing that is to be
//! said is lost with one; what has to outlive the process too, it notes.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::{Command, Seen, Update, UpdateItem, Verdict, WorkTask};
use widget_core::spool::{End, Process, Record, Spent};
use widget_core::stop::StopSignal;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};
use widget_core::time::Timestamp;

use crate::entry::{Entry, Next, Stage};
use crate::notes::Notes;
use crate::sorted::Sorted;

/// The most bytes of one `Update`, unless a single item is larger.
const MAX_UPDATE: usize = 1024 * 1024 + 512 * 1024;
/// What an item takes beside its texts, generously.
const ITEM: usize = 64;

/// The tasks of an agent. `J` is what starts a task's handler; each is given out at most once.
#[derive(Debug)]
pub(crate) struct Ledger<J> {
    pub(crate) entries: Sorted<TaskId, Entry<J>>,
    pub(crate) limits: Limits,
    pub(crate) process: Process,
    pub(crate) spent: Spent,
    pub(crate) seen: Option<Seen>,
    pub(crate) notes: Notes,
    pub(crate) version: u64,
    /// The task of which something was said and answered last.
    told: Option<TaskId>,
    pub(crate) closed: bool,
    /// The spool keeps nothing for now.
    pub(crate) stalled: bool,
    /// No task is taken until then: the last one did not fit into the spool.
    pub(crate) full_until: Option<Timestamp>,
}

/// What bounds a ledger.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// The most tasks at a time.
    pub(crate) tasks: usize,
    /// The most that run at a time, of kinds that have such a limit.
    pub(crate) kinds: Sorted<String, u16>,
    /// There is a durable spool, which is to keep what becomes of tasks.
    pub(crate) durable: bool,
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
    /// How often its handler failed before and asked for another attempt.
    pub(crate) failures: u32,
    /// How often the agent was lost before while it had the task.
    pub(crate) losses: u32,
    pub(crate) token: StopSignal,
}

impl<J> Ledger<J> {
    /// Within these limits. The process is this one.
    pub(crate) fn new(mut limits: Limits, process: Process) -> Self {
        limits.tasks = limits.tasks.min(Command::MAX_HOLDING);
        Self {
            entries: Sorted::default(),
            limits,
            process,
            spent: Spent::default(),
            seen: None,
            notes: Notes::default(),
            version: 0,
            told: None,
            closed: false,
            stalled: false,
            full_until: None,
        }
    }

    /// What is to be kept.
    pub(crate) const fn notes(&mut self) -> &mut Notes {
        &mut self.notes
    }

    /// Looks at a task that the server hands out. True if it is new here: then it is to be
    /// prepared and [taken](Self::take).
    pub(crate) fn meet(&mut self, task: &WorkTask) -> bool {
        if self.closed {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&task.task) {
            if task.attempt < entry.attempt {
                return false;
            }
            let again = task.attempt > entry.attempt && entry.asked_to_retry();
            if !again && !entry.gave_up() {
                if entry.adopt(task.attempt) {
                    self.version += 1;
                    let (task, attempt) = (task.task, task.attempt);
                    self.note(task, Record::Adopted { task, attempt });
                }
                return false;
            }
            // Its verdict did not arrive, or was not waited for.
            self.forget(task.task, false);
        }
        if self.entries.len() >= self.limits.tasks || self.stalled {
            return false;
        }
        if self.spent.contains(task.sequence) {
            let failure = Failure::new(
                "already_delivered",
                "this task was run here before, and how it ended is no longer known",
            );
            let finish = Finish::without(FinishKind::Interrupted, failure);
            self.insert(task, Stage::Over(AgentEvent::Finish(finish)));
            return false;
        }
        true
    }

    /// Takes a task that [`meet`](Self::meet) asked for, or says why it is not taken.
    pub(crate) fn take(
        &mut self,
        task: &WorkTask,
        prepared: Result<Prepared<J>, Failure>,
        now: Timestamp,
    ) {
        match prepared {
            Ok(prepared) => {
                let ttl_at = now.after(Duration::from_millis(task.ttl_ms));
                let (job, slot) = (prepared.job, false);
                let entry = self.insert(task, Stage::Waiting { job, ttl_at, slot });
                if let Some(entry) = entry {
                    entry.accept_due = true;
                    entry.idempotent = prepared.idempotent;
                    entry.start_first = prepared.start_first;
                }
                self.record(task.clone(), prepared.idempotent);
            }
            Err(failure) => {
                let last = AgentEvent::Reject(failure);
                self.insert(task, Stage::Over(last.clone()));
                // Kept for its number alone.
                let input = Payload::null();
                let kind = task.kind.clone();
                let ordering_key = None;
                self.record(
                    WorkTask {
                        input,
                        kind,
                        ordering_key,
                        ..*task
                    },
                    false,
                );
                let task = task.task;
                self.note(task, Record::Over { task, last });
            }
        }
    }

    pub(crate) fn record(&mut self, task: WorkTask, idempotent: bool) {
        if let Some(entry) = self.entries.get_mut(&task.task) {
            entry.recorded = true;
        }
        let (id, task) = (task.task, Box::new(task));
        self.note(id, Record::Taken { task, idempotent });
    }

    /// The server wants a task given up. True if that is news.
    pub(crate) fn cancel(&mut self, task: TaskId, attempt: Attempt) -> bool {
        let entry = self.entries.get_mut(&task);
        let Some(entry) = entry.filter(|entry| entry.attempt == attempt && !entry.cancel_seen)
        else {
            return false;
        };
        let last = entry.cancel();
        self.version += 1;
        self.note(task, Record::CancelSeen { task });
        if let Some(last) = last {
            self.end(task, last);
        }
        true
    }

    /// What is to be said next, at most so many items. It stays due until it is
    /// [settled](Self::settle), so a message that was lost is simply made again. Of a task with news
    /// that the spool has not kept yet, nothing is said. Tasks take turns, so those that always have
    /// something to say do not keep others from it.
    pub(crate) fn update(&self, most: usize) -> Option<Update> {
        let mut items = Vec::new();
        let mut bytes = 0_usize;
        let turn = |behind: bool| {
            let entries = self.entries.iter();
            entries.filter(move |(task, _)| (Some(**task) > self.told) == behind)
        };
        for (task, entry) in turn(true).chain(turn(false)) {
            if !self.notes.is_kept(entry.noted) {
                continue;
            }
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

    /// Takes what the server made of an update.
    pub(crate) fn settle(&mut self, update: &Update, verdicts: &[Verdict], now: Timestamp) {
        self.told = update.items.last().map(|item| item.task);
        for (item, verdict) in update.items.iter().zip(verdicts) {
            let entry = self.entries.get_mut(&item.task);
            // An answer to an attempt that was given up in favour of a later one says nothing.
            let Some(entry) = entry.filter(|entry| entry.attempt == item.attempt) else {
                continue;
            };
            let ok = *verdict == Verdict::Ok;
            match entry.settle(&item.event, ok, now) {
                Next::Stay if entry.heard => self.version += 1,
                Next::Stay => {}
                Next::Forget => {
                    let spent = (ok || entry.started) && !entry.asked_to_retry();
                    self.forget(item.task, spent);
                }
                Next::Late(last) => self.end(item.task, last),
            }
        }
    }

    /// Nobody takes this news, perhaps because it is too long: an output or a progress is left out,
    /// so that the rest can be said. False if there is none in it.
    pub(crate) fn shorten(&mut self, update: &Update) -> bool {
        let mut shorter = false;
        for item in &update.items {
            let Some(entry) = self.entries.get_mut(&item.task) else {
                continue;
            };
            if !entry.shorten(&item.event) {
                continue;
            }
            shorter = true;
            if let (AgentEvent::Finish(_), Stage::Over(last)) = (&item.event, &entry.stage) {
                let (task, last) = (item.task, last.clone());
                self.note(task, Record::Over { task, last });
            }
        }
        shorter
    }

    /// Whether [`starts`](Self::starts) has something to do, but for what has expired.
    pub(crate) fn can_start(&self) -> bool {
        let goes = |entry: &Entry<J>| entry.goes() && self.notes.is_kept(entry.noted);
        !self.closed && (self.next_ready().is_some() || self.entries.values().any(goes))
    }

    /// When the first task expires that has not started.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(Entry::expires).min()
    }

    /// Ends what has expired, gives free slots to those that are ready, by priority and age, and
    /// gives the tasks that are to be started now.
    pub(crate) fn starts(&mut self, now: Timestamp) -> Vec<Start<J>> {
        let expired = |(task, entry): (&TaskId, &Entry<J>)| {
            let expired = entry.expires().is_some_and(|at| at < now);
            expired.then(|| (*task, entry.expired()))
        };
        let expired: Vec<_> = self.entries.iter().filter_map(expired).collect();
        for (task, last) in expired {
            self.end(task, last);
        }
        let mut starts = Vec::new();
        if self.closed {
            return starts;
        }
        while let Some(task) = self.next_ready() {
            let entry = self.entries.get_mut(&task);
            if entry.is_some_and(|entry| entry.take_slot(now)) {
                let process = self.process.clone();
                self.note(task, Record::Started { task, process });
            }
        }
        for (task, entry) in self.entries.iter_mut() {
            if self.notes.is_kept(entry.noted) {
                starts.extend(entry.start(*task));
            }
        }
        starts
    }

    /// A handler says how far it is. Only the latest word is kept.
    pub(crate) fn progress(&mut self, task: TaskId, progress: Payload) {
        if let Some(entry) = self.running(task) {
            entry.progress = Some(progress);
        }
    }

    /// A handler has written this.
    pub(crate) fn write(&mut self, task: TaskId, text: &str) {
        if let Some(entry) = self.running(task) {
            entry.output.push(text);
        }
    }

    /// A handler says that it will not come back: what ends the agent or the host is its success.
    pub(crate) fn leaving(&mut self, task: TaskId, end: End) {
        if let Some(entry) = self.running(task) {
            entry.leaving = true;
            self.note(task, Record::Leaving { task, end });
        }
    }

    /// A handler has ended with this last word. If it had [timed out](Self::timed_out), that is told
    /// beside the end that the server knows.
    pub(crate) fn finish(&mut self, task: TaskId, last: AgentEvent) {
        let Some(entry) = self.entries.get_mut(&task) else {
            return;
        };
        match &entry.stage {
            Stage::Running(_) | Stage::Stuck => {
                entry.stuck = false;
                self.end(task, last);
            }
            Stage::Over(_) if std::mem::take(&mut entry.stuck) => entry.late = Some(last),
            _ => {}
        }
    }

    /// A handler that cannot be dropped has not ended in time: this is its end for the server, but it
    /// goes on and keeps its slot until it [finishes](Self::finish).
    pub(crate) fn timed_out(&mut self, task: TaskId, last: AgentEvent) {
        if let Some(entry) = self.running(task) {
            entry.stuck = true;
            self.end(task, last);
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

    /// The agent ends and drops what still runs. What may be started again waits for the next start, and
    /// that is no loss. True if there is such a task.
    pub(crate) fn give_up(&mut self) -> bool {
        let again = |(task, entry): (&TaskId, &Entry<J>)| {
            let runs = matches!(entry.stage, Stage::Running(_));
            (runs && entry.idempotent && !entry.leaving).then_some(*task)
        };
        let tasks: Vec<TaskId> = self.entries.iter().filter_map(again).collect();
        for task in &tasks {
            let failure = Failure::new("agent_left", "the agent ended while it ran");
            let (after_ms, lost) = (0, false);
            let last = AgentEvent::Retry {
                failure,
                after_ms,
                lost,
            };
            self.end(*task, last);
        }
        !tasks.is_empty()
    }

    fn running(&mut self, task: TaskId) -> Option<&mut Entry<J>> {
        let entry = self.entries.get_mut(&task);
        entry.filter(|entry| matches!(entry.stage, Stage::Running(_)))
    }

    /// The task is over, with this last word.
    pub(crate) fn end(&mut self, task: TaskId, last: AgentEvent) {
        if let Some(entry) = self.entries.get_mut(&task) {
            entry.progress = None;
            entry.accept_due = false;
            entry.stage = Stage::Over(last.clone());
            self.note(task, Record::Over { task, last });
        }
    }

    pub(crate) fn insert(&mut self, task: &WorkTask, stage: Stage<J>) -> Option<&mut Entry<J>> {
        self.version += 1;
        self.entries.insert(task.task, Entry::new(task, stage));
        self.entries.get_mut(&task.task)
    }

    pub(crate) fn forget(&mut self, task: TaskId, spent: bool) {
        self.version += 1;
        let spent = spent && self.entries.get(&task).is_some_and(|entry| !entry.foreign);
        self.note(task, Record::Forgotten { task, spent });
        if let Some(entry) = self.entries.remove(&task)
            && spent
        {
            self.spent.insert(entry.sequence);
        }
    }

    /// Notes a change of a task that is to be kept.
    pub(crate) fn note(&mut self, task: TaskId, record: Record) {
        let entry = self.entries.get_mut(&task);
        if let Some(entry) = entry.filter(|entry| self.limits.durable && entry.recorded) {
            entry.noted = self.notes.add(record);
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
