//! [`StateName`]: the thirteen words for where a task is, the same in code, API, page and wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a task is, in one word. On the wire by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Waits to be handed out.
    Queued,
    /// Handed out; the agent has yet to accept.
    Leased,
    /// The agent has it and will start it.
    Accepted,
    /// The handler has started.
    Running,
    /// Ended: the handler did what it was asked.
    Succeeded,
    /// Ended: the handler says that it could not.
    Failed,
    /// Ended: the handler gave up because it was asked to.
    Stopped,
    /// Ended: it ran longer than its timeout.
    TimedOut,
    /// Ended: it may have happened, in part or whole, and nobody can say.
    Interrupted,
    /// Ended before it started, because somebody asked.
    Cancelled,
    /// Ended before it started, because its ttl had passed.
    Expired,
    /// Ended before it started: the agent does not take it.
    Rejected,
    /// Ended because its agent was deleted.
    Lost,
}

impl StateName {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 13] = [
        Self::Queued,
        Self::Leased,
        Self::Accepted,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Stopped,
        Self::TimedOut,
        Self::Interrupted,
        Self::Cancelled,
        Self::Expired,
        Self::Rejected,
        Self::Lost,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
        }
    }

    /// Whether nothing can change it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Leased | Self::Accepted | Self::Running
        )
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text names no state; the message lists those there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a state: queued, leased, accepted, running, succeeded, failed, stopped, timed_out, \
     interrupted, cancelled, expired, rejected or lost"
)]
pub struct InvalidState;

impl FromStr for StateName {
    type Err = InvalidState;

    fn from_str(text: &str) -> Result<Self, InvalidState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(InvalidState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_word_and_from_json() {
        for state in StateName::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
        }
        assert_eq!("done".parse::<StateName>(), Err(InvalidState));
    }
}
