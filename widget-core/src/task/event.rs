//! What can happen to a task: said by its agent ([`AgentEvent`]) or found by the server.

use serde::{Deserialize, Serialize};

use super::{Chunk, Failure, Finish, FinishKind};
use crate::id::{Attempt, SpoolEpoch};
use crate::payload::Payload;
use crate::time::Timestamp;

/// What an agent says of a task. On the wire by position: new ones go to the end.
///
/// A later one implies the earlier ones: `Start` of a leased task is `Accept` and `Start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentEvent {
    /// The agent has it and will start it as soon as the server says ok.
    Accept {
        /// Whether its handler may be started again after a loss.
        idempotent: bool,
    },
    /// The agent does not take it.
    Reject(Failure),
    /// The handler is about to start.
    Start,
    /// The handler says how far it is.
    Progress(Payload),
    /// The handler has ended.
    Finish(Finish),
    /// The handler failed and may be started again (idempotent handlers only).
    Retry {
        /// What went wrong.
        failure: Failure,
        /// Not to be handed out again for so long, in milliseconds.
        after_ms: u64,
        /// The handler did not fail: the agent died while it ran. Counted apart.
        lost: bool,
    },
    /// The task was cancelled before it started, and never will.
    CancelConfirmed,
    /// The task's ttl passed before it started.
    Expire,
    /// The handler has written this.
    Output(Chunk),
}

/// What happens to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It is handed to its agent, or handed over again because the agent does not name it.
    Lease {
        /// The memory of the agent that is to hold it.
        epoch: SpoolEpoch,
        /// Until when the agent must have accepted.
        until: Timestamp,
    },
    /// The lease ran out without a word.
    LeaseEnded,
    /// Its ttl passed while it waited.
    TtlPassed,
    /// The agent has not named it for too long.
    NoWord,
    /// The agent names it among those it holds.
    Heard,
    /// Somebody asks for its end.
    Cancel,
    /// It goes out to a version 1 collector, which can say nothing of what becomes of it.
    HandedToV1,
    /// The agent has lost its memory.
    SpoolLost,
    /// The server has lost its memory: what it knows of this task is older than the truth.
    StoreBehind,
    /// The agent was deleted.
    AgentDeleted,
    /// The agent says something of this attempt.
    Said(Attempt, AgentEvent),
}

impl Event {
    /// The cause that the timeline shows.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Lease { .. } => "handed to the agent",
            Self::LeaseEnded => "the agent did not accept in time",
            Self::TtlPassed => "its ttl passed before it could start",
            Self::NoWord => "no word from the agent for too long",
            Self::Heard => "named by the agent",
            Self::Cancel => "cancel was asked for",
            Self::HandedToV1 => "handed to a version 1 collector, which cannot confirm",
            Self::SpoolLost => "the agent lost its memory",
            Self::StoreBehind => "the server's store was restored or emptied",
            Self::AgentDeleted => "the agent was deleted",
            Self::Said(_, said) => match said {
                AgentEvent::Accept { .. } => "the agent has it",
                AgentEvent::Reject(_) => "the agent does not take it",
                AgentEvent::Start => "the handler starts",
                AgentEvent::Progress(_) => "the handler is under way",
                AgentEvent::Finish(last) => match last.kind {
                    FinishKind::TimedOut => "its timeout passed",
                    FinishKind::Interrupted => "the agent cannot say how it ended",
                    FinishKind::Succeeded | FinishKind::Failed | FinishKind::Stopped => {
                        "the handler ended"
                    }
                },
                AgentEvent::Retry { lost: true, .. } => "the agent died while the handler ran",
                AgentEvent::Retry { .. } => "the handler failed and is to be tried again",
                AgentEvent::CancelConfirmed => "the agent confirms the cancel",
                AgentEvent::Expire => "the agent found its ttl passed",
                AgentEvent::Output(_) => "the handler has written something",
            },
        }
    }
}
