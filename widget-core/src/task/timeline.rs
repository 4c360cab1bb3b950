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
