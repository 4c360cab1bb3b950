//! [`TaskError`]: what a handler gives back when it could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::shared::explain;

/// What a handler gives back when it could not do what it was asked.
///
/// Every error becomes one with `?`, under the code `failed`. Like such catch-all types it is no
/// [`Error`] itself.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl TaskError {
    /// With a stable word for programs, at most 64 bytes, and a sentence for people, at most 4 KiB;
    /// what is longer is cut off.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retry_after: None,
        }
    }

    /// Asks for another attempt, not before this time has passed. Heard only of handlers that are
    /// idempotent; of others it is a failure like any other.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
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
