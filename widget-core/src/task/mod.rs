//! Tasks: one piece of work for one agent, the states it passes through and what is kept of it.
//!
//! | state | what leads on |
//! |---|---|
//! | queued | a lease, a cancel, the end of its ttl |
//! | leased | the agent accepts or rejects it, or the lease ends |
//! | accepted | the agent starts it, confirms a cancel, or finds the ttl passed |
//! | running | the agent finishes it or, if it is idempotent, retries it |
//! | terminal | nothing; a finish that comes late is kept as evidence beside it |
//!
//! The rules stand once, in [`TaskState::apply`]. Stores keep rows and know nothing of them.

mod apply;
mod event;
mod name;
mod outcome;
mod output;
mod state;
mod timeline;

use std::time::Duration;

pub use apply::{Applied, Fault};
pub use event::{AgentEvent, Event};
pub use name::{InvalidState, StateName};
pub use outcome::{Failure, Finish, FinishKind, Outcome};
pub use output::{Addition, Chunk, Extent, HEAD, MAX_CHUNK, Streamed, TAIL};
pub use state::{Phase, Reached, TaskState};
pub use timeline::{Actor, TIMELINE_FIRST, TIMELINE_LAST, TimelineEntry};

use crate::id::{AgentId, TaskId};
use crate::payload::Payload;
use crate::store::AuditEntry;
use crate::time::Timestamp;

/// The kind of the task that ends an agent.
pub const SHUTDOWN: &str = "shutdown";
/// The kind of the task that starts an agent's program anew.
pub const RESTART: &str = "restart";
/// How often an agent may be lost while it has a task that may be repeated. Then it ends as failed
/// with code `crash_loop`: most likely the task is what kills the agent.
pub const MAX_LOSSES: u32 = 3;
/// How long a task may wait for its start, unless said otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// The same for [`SHUTDOWN`] and [`RESTART`]: one that comes hours late would surprise.
pub const SHUTDOWN_TTL: Duration = Duration::from_secs(10 * 60);
/// The longest ttl that can be asked for: a year.
pub const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How long an accepted or running task may go unmentioned by its agent, beyond its ttl (while
/// accepted) and its timeout, before it is ended as interrupted.
pub const NO_WORD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a lease lasts: within it the agent must accept.
pub const LEASE: Duration = Duration::from_secs(30);
/// The longest kind, ordering key or idempotency key, in bytes.
pub const MAX_NAME: usize = 64;

/// Whether this may name a kind of task: `[a-z0-9_.-]{1,64}`.
#[must_use]
pub fn is_kind(kind: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    (1..=MAX_NAME).contains(&kind.len()) && kind.bytes().all(allowed)
}

/// A task that is to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Made by the caller, so that a repeated insert can be told apart from a second task.
    pub id: TaskId,
    /// Who is to run it.
    pub agent: AgentId,
    /// What kind of work it is, see [`is_kind`].
    pub kind: String,
    /// JSON text for the handler, at most [`MAX_INPUT`](crate::payload::MAX_INPUT) bytes.
    pub input: Payload,
    /// Now, by the server's wall clock.
    pub created: Timestamp,
    /// How long after `created` it may start at the latest.
    pub ttl: Duration,
    /// How long it may run from its start; none is for ever.
    pub timeout: Option<Duration>,
    /// Not to be handed out before.
    pub not_before: Option<Timestamp>,
    /// Higher goes first.
    pub priority: i16,
    /// Tasks of one agent and key run one after the other.
    pub ordering_key: Option<String>,
    /// What makes it the only one, if anything.
    pub once: Once,
    /// Who asked for it.
    pub by: Actor,
    /// The same by name, such as `token:deploy`, if it has one.
    pub asked_by: Option<String>,
    /// How many queued tasks its agent may have, this one included; none is no limit.
    pub most: Option<usize>,
    /// What is written with it into the audit list.
    pub audit: Option<AuditEntry>,
}

impl NewTask {
    /// A task without anything special: normal priority, no timeout, the default ttl of its kind.
    #[must_use]
    pub fn new(id: TaskId, agent: AgentId, kind: &str, input: Payload, created: Timestamp) -> Self {
        Self {
            id,
            agent,
            kind: kind.to_owned(),
            input,
            created,
            ttl: if kind == SHUTDOWN || kind == RESTART {
                SHUTDOWN_TTL
            } else {
                DEFAULT_TTL
            },
            timeout: None,
            not_before: None,
            priority: 0,
            ordering_key: None,
            once: Once::No,
            by: Actor::Server,
            asked_by: None,
            most: None,
            audit: None,
        }
    }

    /// The task as it is right after it was queued.
    #[must_use]
    pub fn into_task(self) -> Task {
        let entry = TimelineEntry {
            at: self.created,
            state: StateName::Queued,
            cause: format!("asked for by {}", self.by),
            actor: self.by,
        };
        Task {
            id: self.id,
            agent: self.agent,
            kind: self.kind,
            input: self.input,
            created: self.created,
            ttl: self.ttl,
            timeout: self.timeout,
            not_before: self.not_before,
            priority: self.priority,
            ordering_key: self.ordering_key,
            idempotency_key: match self.once {
                Once::Key(key) => Some(key),
                Once::No | Once::WhilePending => None,
            },
            asked_by: self.asked_by,
            sequence: None,
            state: TaskState::queued(self.created.after(self.ttl), self.not_before),
            evidence: None,
            timeline: vec![entry],
            left_out: 0,
            revision: Revision::default(),
        }
    }
}

/// What makes a new task the only one of its sort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Once {
    /// Nothing: each insert queues one more.
    #[default]
    No,
    /// An unfinished task of the same agent and kind is answered instead of a new one.
    WhilePending,
    /// A task that was inserted with the same key, for whatever agent, is answered instead.
    Key(String),
}

/// Which version of a task's row is meant: 0 when inserted, one more with each change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// One piece of work for one agent, with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Which task this is.
    pub id: TaskId,
    /// Who is to run it.
    pub agent: AgentId,
    /// What kind of work it is.
    pub kind: String,
    /// JSON text for the handler.
    pub input: Payload,
    /// When it was queued.
    pub created: Timestamp,
    /// How long after `created` it may start at the latest.
    pub ttl: Duration,
    /// How long it may run from its start.
    pub timeout: Option<Duration>,
    /// Before which it was not to be handed out, as it was asked for. What holds it back now is in
    /// its state.
    pub not_before: Option<Timestamp>,
    /// Higher goes first.
    pub priority: i16,
    /// Tasks of one agent and key run one after the other.
    pub ordering_key: Option<String>,
    /// The key that it was inserted with, see [`Once::Key`].
    pub idempotency_key: Option<String>,
    /// Who asked for it, by name, if it has one: see [`NewTask::asked_by`].
    pub asked_by: Option<String>,
    /// Its number among the tasks handed to this agent, given with the first lease.
    pub sequence: Option<u64>,
    /// Where it is.
    pub state: TaskState,
    /// What an agent said of its end after it had ended otherwise.
    pub evidence: Option<Finish>,
    /// Each change of state, oldest first, as [`record`](Self::record) keeps them.
    pub timeline: Vec<TimelineEntry>,
    /// How many entries are missing in the timeline after its first [`TIMELINE_FIRST`]. If any are,
    /// one entry more stands there and says so.
    pub left_out: u64,
    /// The version of the row that this was read from.
    pub revision: Revision,
}

impl Task {
    /// Adds to the timeline. Of a long one the first [`TIMELINE_FIRST`] and the last
    /// [`TIMELINE_LAST`] entries are kept, and between them one that says how many are left out.
    pub fn record(&mut self, entry: Option<TimelineEntry>) {
        self.timeline.extend(entry);
        let said = usize::from(self.left_out > 0);
        if self.timeline.len() <= TIMELINE_FIRST + said + TIMELINE_LAST {
            return;
        }
        if said > 0 {
            self.timeline.remove(TIMELINE_FIRST);
        }
        self.left_out = self.left_out.saturating_add(1);
        if let Some(entry) = self.timeline.get_mut(TIMELINE_FIRST) {
            *entry = entry.left_out(self.left_out);
        }
    }

    /// How many bytes it carries: input, progress, outputs, failures and timeline.
    #[must_use]
    pub fn size(&self) -> usize {
        let said = match &self.state.phase {
            Phase::Running { progress, .. } => progress.as_ref(),
            Phase::Ended { outcome, .. } => outcome.output.as_ref(),
            Phase::Queued { .. } | Phase::Leased { .. } | Phase::Accepted { .. } => None,
        };
        let late = self.evidence.as_ref();
        let late = late.and_then(|finish| finish.output.as_ref());
        let payloads = [Some(&self.input), said, late].into_iter().flatten();
        let ended = self
            .state
            .outcome()
            .and_then(|outcome| outcome.failure.as_ref());
        let late = self
            .evidence
            .as_ref()
            .and_then(|finish| finish.failure.as_ref());
        let failures = [ended, late].into_iter().flatten();
        let failures = failures.map(|failure| failure.code.len() + failure.message.len());
        let causes = self.timeline.iter().map(|entry| entry.cause.len());
        payloads
            .map(Payload::len)
            .chain(failures)
            .chain(causes)
            .sum()
    }

    /// When something must happen to it by itself: its ttl, its lease or its silence runs out.
    /// What then happens says [`overdue`](Self::overdue).
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let timeout = self.timeout.unwrap_or_default();
        match &self.state.phase {
            Phase::Queued { .. } => Some(self.state.ttl_at),
            Phase::Leased { until, .. } => Some(*until),
            Phase::Accepted { heard, .. } => Some(heard.after(NO_WORD + self.ttl + timeout)),
            Phase::Running { heard, .. } => Some(heard.after(NO_WORD + timeout)),
            Phase::Ended { .. } => None,
        }
    }

    /// The event that is due at [`due_at`](Self::due_at); none for a task that has ended.
    #[must_use]
    pub fn overdue(&self) -> Option<Event> {
        match &self.state.phase {
            Phase::Queued { .. } => Some(Event::TtlPassed),
            Phase::Leased { .. } => Some(Event::LeaseEnded),
            Phase::Accepted { .. } | Phase::Running { .. } => Some(Event::NoWord),
            Phase::Ended { .. } => None,
        }
    }
}
