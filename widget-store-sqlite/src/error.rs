//! What goes wrong inside, and what that means to a caller.

use std::error::Error as StdError;

use rusqlite::ErrorCode;
use widget_core::store::{StoreError, StoreErrorKind};

/// An error on its way to becoming a [`StoreError`]. A type of our own, so that `?` takes both.
#[derive(Debug)]
pub(crate) enum Error {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// It is known already what it means.
    Store(StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A row holds what no version of this store has written.
    pub(crate) fn damaged(why: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Store(StoreError::with(StoreErrorKind::Corrupt, why))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreErrorKind> for Error {
    fn from(kind: StoreErrorKind) -> Self {
        Self::Store(kind.into())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::damaged(error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::Sqlite(error) => Self::with(kind(&error), error),
            Error::Store(error) => error,
        }
    }
}

fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted,
        ) => StoreErrorKind::Unavailable,
        // Damage, a broken constraint, a type that does not fit: trying again changes nothing.
        _ => StoreErrorKind::Corrupt,
    }
}

/// The answer of a store whose threads have ended.
pub(crate) fn closed() -> StoreError {
    StoreError::with(StoreErrorKind::Unavailable, "the store has been closed")
}
