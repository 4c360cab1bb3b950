//! What the server answers.

use serde::{Deserialize, Serialize};

use super::Welcome;
use crate::id::{Attempt, TaskId};
use crate::payload::Payload;
use crate::task::StateName;
use crate::time::Timestamp;

/// An answer of the server. On the wire by position: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// To an opening: go on.
    Welcome(Welcome),
    /// Done. After a `Submit`: every report through this number is durable.
    Ack {
        /// The number.
        through: Option<u64>,
    },
    /// Tasks and cancels; empty when the wait is over.
    Work(Work),
    /// One for each item of an `Update`.
    Verdicts(Vec<Verdict>),
    /// Not now: the same again later.
    Busy {
        /// How long to wait before that, in milliseconds.
        retry_after_ms: u32,
    },
    /// The server does not know this command.
    Unsupported,
    /// No, and the same again will not help.
    Refused(Refusal),
    /// As `Work`, to an agent that has said that it reads this
    /// ([`extra::READS_ASSIGNED`](super::extra::READS_ASSIGNED)). It is read only with the feature
    /// `assigned`, and else unknown.
    // To read it is half a kilobyte of a small agent.
    #[cfg_attr(not(feature = "assigned"), serde(skip_deserializing))]
    Assigned(Assigned),
}

impl Response {
    /// The names of its variants in JSON that are read, in the order of their numbers.
    pub const NAMES: &[&str] = &[
        "welcome",
        "ack",
        "work",
        "verdicts",
        "busy",
        "unsupported",
        "refused",
        #[cfg(feature = "assigned")]
        "assigned",
    ];

    /// The word for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::Ack { .. } => "ack",
            Self::Work(_) => "work",
            Self::Verdicts(_) => "verdicts",
            Self::Busy { .. } => "busy",
            Self::Unsupported => "unsupported",
            Self::Refused(_) => "refused",
            Self::Assigned(_) => "assigned",
        }
    }

    /// A plain yes.
    pub const ACK: Self = Self::Ack { through: None };

    /// No, for this reason.
    #[must_use]
    pub fn refused(reason: RefusalReason, text: impl Into<String>) -> Self {
        Self::Refused(Refusal {
            reason,
            text: text.into(),
        })
    }
}

/// What the agent is to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Tasks to take, in order.
    pub tasks: Vec<WorkTask>,
    /// Tasks to give up.
    pub cancel: Vec<Cancel>,
    /// Now, by the server's wall clock. The agent gives it back in [`Seen`](super::Seen) and makes
    /// nothing else of it.
    pub at: Timestamp,
}

impl Work {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.cancel.is_empty()
    }
}

/// What the agent is to do, and who asked for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// What it is to do.
    pub work: Work,
    /// Who asked for each of its tasks, in their order, as the server's audit list names them:
    /// `token:deploy`, `local:1000`. Empty where that is not known.
    pub by: Vec<String>,
}

/// A task on its way to the agent. Times are spans from receipt: no clock of the agent decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkTask {
    /// Which task.
    pub task: TaskId,
    /// Which attempt this is.
    pub attempt: Attempt,
    /// Its number among the tasks handed to this agent.
    pub sequence: u64,
    /// What kind of work.
    pub kind: String,
    /// JSON text for the handler.
    pub input: Payload,
    /// It must have started within this, in milliseconds.
    pub ttl_ms: u64,
    /// It may run so long from its start, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Higher goes first.
    pub priority: i16,
    /// Tasks of one key run one after the other.
    pub ordering_key: Option<String>,
    /// How often its handler failed and asked for another attempt.
    pub failures: u32,
    /// How often its agent was lost while it had it.
    pub losses: u32,
}

/// A task that the agent is to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which task.
    pub task: TaskId,
    /// The attempt that the agent named.
    pub attempt: Attempt,
}

/// What the server makes of one item of an `Update`. After any of them the agent drops the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is committed, now or earlier.
    Ok,
    /// The server is at a later attempt, or took this one back.
    Stale,
    /// There is no such task.
    Unknown,
    /// It does not fit the state that the task is in.
    Refused(StateName),
}

/// Why the server says no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// For programs.
    pub reason: RefusalReason,
    /// For people: what was wrong and what to do.
    pub text: String,
}

/// Why the server says no, in one word. On the wire by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The two have no version of the protocol in common.
    Version,
    /// The credential does not prove the agent's id.
    Credential,
    /// A newer start of this agent took its place, or the agent was deleted.
    Replaced,
    /// A value that the server does not take, such as a CPU use of NaN.
    Invalid,
    /// More than a limit allows.
    TooLarge,
    /// The session is none of this server's, or is over: say Hello again.
    Session,
}

impl RefusalReason {
    /// The word for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Credential => "credential",
            Self::Replaced => "replaced",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Session => "session",
        }
    }
}
