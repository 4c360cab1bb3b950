//! The timeline of a task: each change of state with when, why and who.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::StateName;
use crate::time::Timestamp;

/// Who caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The agent that has the task.
    Agent,
    /// The server by itself, or the program that embeds it.
    Server,
    /// A caller of the admin API.
    Api,
    /// Somebody at the page.
    Page,
}

impl Actor {
    /// The word that API and stores use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Server => "server",
            Self::Api => "api",
            Self::Page => "page",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many entries of a timeline are kept from its beginning.
pub const TIMELINE_FIRST: usize = 32;
/// How many are kept from its end, so that a task that is retried for a year stays readable.
pub const TIMELINE_LAST: usize = 96;

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When, by the server's wall clock.
    pub at: Timestamp,
    /// The state that it led to.
    pub state: StateName,
    /// Why, in a few words.
    pub cause: String,
    /// Who caused it.
    pub actor: Actor,
}

impl TimelineEntry {
    /// What stands for this entry and all others that were left out before it, `count` in all.
    #[must_use]
    pub fn left_out(&self, count: u64) -> Self {
        Self {
            at: self.at,
            state: self.state,
            cause: match count {
                1 => "1 change is left out here".into(),
                _ => format!("{count} changes are left out here, this was the last of them"),
            },
            actor: Actor::Server,
        }
    }
}
