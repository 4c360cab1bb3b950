//! [`TaskState`]: where a task is and all that its rules need to know.

use serde::{Deserialize, Serialize};

use super::{Outcome, StateName};
use crate::id::{Attempt, SpoolEpoch};
use crate::payload::Payload;
use crate::time::Timestamp;

/// Where a task is. Changed only by [`apply`](Self::apply).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// The number of its last lease.
    pub attempt: Attempt,
    /// By when it must have started.
    pub ttl_at: Timestamp,
    /// Somebody asked for its end while the agent had it.
    pub cancel_requested: bool,
    /// Its handler may be started again after a loss, as the agent said when it accepted.
    pub idempotent: bool,
    /// An earlier attempt may have started, so it can no longer be said to have done nothing.
    pub started_before: bool,
    /// How often its handler failed and asked for another attempt.
    pub failures: u32,
    /// How often its agent was lost while it had it. At [`MAX_LOSSES`](super::MAX_LOSSES) it ends.
    pub losses: u32,
    /// How far it is, with what belongs to that.
    pub phase: Phase,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits to be handed out.
    Queued {
        /// Not before this.
        not_before: Option<Timestamp>,
    },
    /// Handed out.
    Leased {
        /// The memory of the agent that was given it.
        epoch: SpoolEpoch,
        /// When the lease ends.
        until: Timestamp,
    },
    /// The agent has it.
    Accepted {
        /// The memory of the agent that holds it.
        epoch: SpoolEpoch,
        /// When the agent last named it, to within an hour.
        heard: Timestamp,
    },
    /// The handler has started.
    Running {
        /// The memory of the agent that holds it.
        epoch: SpoolEpoch,
        /// When the server learned of the start.
        since: Timestamp,
        /// When the agent last named it, to within an hour.
        heard: Timestamp,
        /// What the handler last said of its progress.
        progress: Option<Payload>,
    },
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// How far the last attempt was known to have come.
        reached: Reached,
    },
}

/// How far an attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// The agent was never told to go on.
    Waiting,
    /// The agent was told to go on.
    Accepted,
    /// The handler had started.
    Running,
}

impl TaskState {
    /// A task that was just queued.
    #[must_use]
    pub fn queued(ttl_at: Timestamp, not_before: Option<Timestamp>) -> Self {
        Self {
            attempt: Attempt::default(),
            ttl_at,
            cancel_requested: false,
            idempotent: false,
            started_before: false,
            failures: 0,
            losses: 0,
            phase: Phase::Queued { not_before },
        }
    }

    /// The state in one word.
    #[must_use]
    pub fn name(&self) -> StateName {
        match &self.phase {
            Phase::Queued { .. } => StateName::Queued,
            Phase::Leased { .. } => StateName::Leased,
            Phase::Accepted { .. } => StateName::Accepted,
            Phase::Running { .. } => StateName::Running,
            Phase::Ended { outcome, .. } => outcome.state,
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            Phase::Queued { .. }
            | Phase::Leased { .. }
            | Phase::Accepted { .. }
            | Phase::Running { .. } => None,
        }
    }

    /// The memory of the agent that was given it and has not ended it.
    #[must_use]
    pub fn held_by(&self) -> Option<SpoolEpoch> {
        match &self.phase {
            Phase::Leased { epoch, .. }
            | Phase::Accepted { epoch, .. }
            | Phase::Running { epoch, .. } => Some(*epoch),
            Phase::Queued { .. } | Phase::Ended { .. } => None,
        }
    }
}
