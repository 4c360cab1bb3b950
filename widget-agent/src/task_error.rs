//! [`TaskError`]: what a handler gives back when it could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::shared::explain;

/// What a handler gives back when it could not do what it was asked.
///
/// Every error becomes one with `?`, under the code `failed`. Like such catch-all types it is no
/// [`Error`] itself.
///
/// ```
/// use std::time::Duration;
/// use widget_agent::TaskError;
///
/// let closed = TaskError::new("no_such_shelf", "there is no shelf 7").permanent();
/// let busy = TaskError::new("busy", "somebody prints").retry_after(Duration::from_secs(60));
/// # drop((closed, busy));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TaskError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) again: Again,
}

/// Whether a handler that failed wants to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// As its policy says.
    Unsaid,
    /// Not before this time has passed.
    After(Duration),
    /// It would fail again.
    Never,
}

impl TaskError {
    /// With a stable word for programs, at most 64 bytes, and a sentence for people, at most 4 KiB;
    /// what is longer is cut off.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            again: Again::Unsaid,
        }
    }

    /// Asks for another attempt, not before this time has passed, whatever the handler's
    /// [policy](crate::RetryPolicy) says of pauses. Heard only of handlers that are idempotent, and only
    /// while attempts are left: those of the policy, or 5 without one. Else it is a failure like any
    /// other.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.again = Again::After(pause);
        self
    }

    /// Says that another attempt would fail as well: the task ends now, whatever the handler's
    /// [policy](crate::RetryPolicy) says.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.again = Again::Never;
        self
    }
}

impl<E: Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::new("failed", explain(&error))
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}
