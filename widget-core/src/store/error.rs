//! [`StoreError`]: its kind says what the caller can do, its source why it happened.

use std::error::Error;
use std::fmt;

use crate::id::AgentId;

/// A store could not do what it was asked. Nothing of it was done.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It cannot be written right now: the disk is full, or the database away. Try again later.
    Unavailable,
    /// There is no such row.
    NotFound,
    /// The row has changed since it was read. Read again.
    Conflict,
    /// The row kept changing while it was tried to change it. Try again later.
    Contended,
    /// The agent's memory is not the current one: a newer start of it took its place.
    Replaced(AgentId),
    /// There are as many rows of this sort as there may be. Nothing is wrong with the store.
    Full,
    /// Already in use by another process.
    InUse,
    /// Written by a newer version of Widget.
    Newer,
    /// It holds what it should not: damage, or an error in the store.
    Corrupt,
    /// The configuration makes no sense, or asks for what this build cannot do.
    Config,
}

impl StoreError {
    /// An error without a cause of its own.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error with its cause: another error, or a sentence.
    #[must_use]
    pub fn with(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StoreErrorKind::Unavailable => f.write_str("the store cannot be written right now"),
            StoreErrorKind::NotFound => f.write_str("there is no such row"),
            StoreErrorKind::Conflict => f.write_str("the row has changed since it was read"),
            StoreErrorKind::Contended => f.write_str("the row kept changing"),
            StoreErrorKind::Replaced(agent) => {
                write!(f, "a newer start of agent {agent} has taken its place")
            }
            StoreErrorKind::Full => f.write_str("there are as many rows as there may be"),
            StoreErrorKind::InUse => f.write_str("the store is in use by another process"),
            StoreErrorKind::Newer => f.write_str("the store was written by a newer version"),
            StoreErrorKind::Corrupt => f.write_str("the store holds what it should not"),
            StoreErrorKind::Config => f.write_str("the store cannot be set up"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self::new(kind)
    }
}
