//! What an agent says and asks once it was welcomed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, SpoolEpoch, TaskId};
use crate::payload::Payload;
use crate::report::Report;
use crate::task::AgentEvent;

/// A request of an agent. On the wire by position: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// What the agent is and can do. Answered `Ack`.
    Describe(Describe),
    /// Reports. Answered `Ack` with the number up to which all is durable.
    Submit(Submit),
    /// Asks for tasks and waits for them. Answered `Work`.
    RequestWork(RequestWork),
    /// What became of tasks. Answered `Verdicts`, one for each item.
    Update(Update),
    /// The agent leaves. Answered `Ack`.
    Goodbye(Goodbye),
}

impl Command {
    /// The names of its variants in JSON, in the order of their numbers.
    pub const NAMES: &[&str] = &["describe", "submit", "request_work", "update", "goodbye"];
    /// The most items in one [`Update`].
    pub const MAX_ITEMS: usize = 64;
    /// The most tasks that one [`RequestWork`] may name as held.
    pub const MAX_HOLDING: usize = 4_096;

    /// How long the server is asked to wait with its answer: zero for all but `RequestWork`.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        match self {
            Self::RequestWork(request) => Duration::from_millis(request.wait_ms as u64),
            _ => Duration::ZERO,
        }
    }

    /// The word for logs and paths.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Describe(_) => "describe",
            Self::Submit(_) => "submit",
            Self::RequestWork(_) => "request-work",
            Self::Update(_) => "update",
            Self::Goodbye(_) => "goodbye",
        }
    }
}

/// What an agent is and can do: at most 256 KiB, said again when it changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Describe {
    /// Name of the host: at most 256 bytes.
    pub host: String,
    /// Operating system and its version: at most 256 bytes.
    pub os: String,
    /// Changes with each start of the host.
    pub boot: String,
    /// Version of the agent.
    pub version: String,
    /// Keys (at most 64 bytes) and values (at most 256) by which operators tell agents apart.
    pub labels: Vec<(String, String)>,
    /// Time between two samples, in milliseconds.
    pub interval_ms: u64,
    /// The kinds of task that it takes.
    pub handlers: Vec<HandlerInfo>,
}

impl Describe {
    /// How many bytes it carries: its texts and schemas.
    #[must_use]
    pub fn size(&self) -> usize {
        let labels = self
            .labels
            .iter()
            .map(|(key, value)| key.len() + value.len());
        let handlers = self
            .handlers
            .iter()
            .map(|of| of.kind.len() + of.schema.as_ref().map_or(0, Payload::len));
        let texts = [&self.host, &self.os, &self.boot, &self.version];
        texts
            .map(String::len)
            .into_iter()
            .chain(labels)
            .chain(handlers)
            .sum()
    }
}

/// One kind of task that an agent takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandlerInfo {
    /// The kind.
    pub kind: String,
    /// Whether a task of it may be started again after a loss.
    pub idempotent: bool,
    /// JSON Schema of its input, if it says one.
    pub schema: Option<Payload>,
}

/// Reports, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submit {
    /// The memory they come from.
    pub epoch: SpoolEpoch,
    /// The number before the first one that is sent or dropped here.
    pub after: u64,
    /// The reports, numbers rising.
    pub reports: Vec<Report>,
    /// How many numbers in this range are missing because they were thinned away or dropped.
    pub dropped: u64,
}

impl Submit {
    /// The last number that this covers: each number above `after` was either sent or dropped.
    #[must_use]
    pub fn through(&self) -> u64 {
        let sent = u64::try_from(self.reports.len()).unwrap_or(u64::MAX);
        self.after.saturating_add(sent).saturating_add(self.dropped)
    }
}

/// Asks for tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestWork {
    /// How many tasks the agent can take; 0 asks for cancels only.
    pub room: u16,
    /// How long to wait if there is nothing, in milliseconds.
    pub wait_ms: u32,
    /// Every task that the agent has taken and not seen the end of.
    pub holding: Vec<Held>,
    /// Kinds of which the agent takes fewer than `room`, because it runs only so many at a time.
    pub kinds: Vec<KindRoom>,
}

/// How many more tasks of one kind an agent can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindRoom {
    /// The kind.
    pub kind: String,
    /// How many; 0 is none for now.
    pub room: u16,
}

/// One task that an agent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which task.
    pub task: TaskId,
    /// Which attempt of it.
    pub attempt: Attempt,
    /// Whether the agent knows that it is to be cancelled.
    pub cancel_seen: bool,
}

/// What became of tasks: at least one item, at most [`Command::MAX_ITEMS`] and 1.5 MiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// The news, in the order in which they happened.
    pub items: Vec<UpdateItem>,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateItem {
    /// Which task.
    pub task: TaskId,
    /// Which attempt of it.
    pub attempt: Attempt,
    /// What happened.
    pub event: AgentEvent,
}

/// The agent leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Why, in a few words.
    pub reason: String,
    /// The task that makes it leave: it has succeeded when this arrives.
    pub task: Option<(TaskId, Attempt)>,
    /// The agent's memory ends with it.
    pub spool_gone: bool,
}
