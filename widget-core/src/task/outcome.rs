//! How a task ends: what the agent says of it ([`Finish`]) and what is kept ([`Outcome`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::StateName;
use crate::payload::Payload;
use crate::time::Timestamp;

/// Why something did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for programs, such as `unknown_kind`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Failure {
    /// A failure with this code and sentence.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// How the run of a handler ended. On the wire by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishKind {
    /// It did what it was asked.
    Succeeded,
    /// It could not.
    Failed,
    /// It gave up because it was asked to.
    Stopped,
    /// It ran longer than its timeout.
    TimedOut,
    /// The agent cannot say: it died in the middle, or has forgotten.
    Interrupted,
}

/// What an agent says of the end of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// How it ended.
    pub kind: FinishKind,
    /// What the handler gave back, whole or in part.
    pub output: Option<Payload>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// How many bytes the output had, if it was longer than
    /// [`MAX_OUTPUT`](crate::payload::MAX_OUTPUT): `output` is then a JSON string with its beginning.
    pub cut: Option<u64>,
}

impl Finish {
    /// It did what it was asked, with this to show.
    #[must_use]
    pub fn succeeded(output: Payload) -> Self {
        Self {
            kind: FinishKind::Succeeded,
            output: Some(output),
            failure: None,
            cut: None,
        }
    }

    /// It did not, for this reason.
    #[must_use]
    pub fn without(kind: FinishKind, failure: Failure) -> Self {
        Self {
            kind,
            output: None,
            failure: Some(failure),
            cut: None,
        }
    }
}

impl From<FinishKind> for StateName {
    fn from(kind: FinishKind) -> Self {
        match kind {
            FinishKind::Succeeded => Self::Succeeded,
            FinishKind::Failed => Self::Failed,
            FinishKind::Stopped => Self::Stopped,
            FinishKind::TimedOut => Self::TimedOut,
            FinishKind::Interrupted => Self::Interrupted,
        }
    }
}

/// How a task ended, for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The terminal state.
    pub state: StateName,
    /// What the handler gave back.
    pub output: Option<Payload>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// How many bytes the output had before it was cut, see [`Finish::cut`].
    pub cut: Option<u64>,
    /// When the server learned of it.
    pub at: Timestamp,
}

impl Outcome {
    /// Whether this is what the agent's words come to.
    #[must_use]
    pub fn agrees_with(&self, finish: &Finish) -> bool {
        self.state == finish.kind.into()
            && self.output == finish.output
            && self.failure == finish.failure
            && self.cut == finish.cut
    }
}
