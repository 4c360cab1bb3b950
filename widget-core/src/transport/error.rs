//! [`TransportError`]: its kind says what the caller can do, its source why it happened.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::Rejection;
use crate::frame::GoAway;
use crate::message::Refusal;

/// A call, a connect or a listener failed.
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// Nobody answers there. Try again later, or elsewhere.
    Unreachable,
    /// The connection has ended. Connect again; the call may or may not have had its effect.
    Closed,
    /// No answer in time; the connection is given up.
    Timeout,
    /// The other side does not keep to the protocol; the connection is given up.
    Protocol,
    /// This message is above the limit of so many bytes and was not sent. The connection goes on.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The server asks to come back after this time.
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The server says no; the same again will not help.
    Refused(Refusal),
    /// The server closed the connection and said why.
    GoneAway(GoAway),
    /// An address cannot be listened on.
    Bind,
    /// The configuration makes no sense, or asks for what this build cannot do.
    Config,
}

impl TransportError {
    /// An error without a cause of its own.
    #[must_use]
    pub const fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error with its cause: another error, or a sentence.
    #[must_use]
    pub fn with(kind: TransportErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> &TransportErrorKind {
        &self.kind
    }

    /// Whether the connection still works.
    #[must_use]
    pub const fn connection_lives(&self) -> bool {
        matches!(self.kind, TransportErrorKind::TooLarge { .. })
    }
}

impl From<Rejection> for TransportError {
    fn from(rejection: Rejection) -> Self {
        Self::new(match rejection {
            Rejection::Refused(refusal) => TransportErrorKind::Refused(refusal),
            Rejection::Busy { retry_after } => TransportErrorKind::Busy { retry_after },
        })
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TransportErrorKind::Unreachable => f.write_str("the server cannot be reached"),
            TransportErrorKind::Closed => f.write_str("the connection was closed"),
            TransportErrorKind::Timeout => f.write_str("no answer in time"),
            TransportErrorKind::Protocol => f.write_str("the peer does not keep to the protocol"),
            TransportErrorKind::TooLarge { limit } => {
                write!(f, "the message is longer than {limit} bytes")
            }
            TransportErrorKind::Busy { .. } => f.write_str("the server is busy"),
            TransportErrorKind::Refused(refusal) => write!(f, "refused: {}", refusal.text),
            TransportErrorKind::GoneAway(bye) => write!(f, "the server closed: {}", bye.text),
            TransportErrorKind::Bind => f.write_str("cannot listen"),
            TransportErrorKind::Config => f.write_str("cannot be set up"),
        }
    }
}

impl fmt::Debug for TransportError {
    // The same sentence: how the parts of every kind are printed would be much in a small agent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
