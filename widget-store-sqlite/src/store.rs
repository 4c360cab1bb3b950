//! [`SqliteStore`]: its opening, its threads, its end.

use std::fs::File;
use std::path::PathBuf;

use rusqlite::Connection;
use widget_core::store::{Bells, StoreError, StoreErrorKind};

use crate::error::Result;
use crate::options::SqliteOptions;
use crate::readers::Readers;
use crate::writer::Writer;
use crate::{connect, directory};

/// Threads that read. Two, so that one long chart does not hold up everything else.
const READERS: usize = 2;

/// Agents, tasks and reports in one SQLite database.
///
/// Dropping it waits until what was begun is written and the files are closed; afterwards the
/// directory can be opened again.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they are to end: the last connection tidies the files up, and only the
    // writing one can.
    readers: Readers,
    writer: Writer,
    pub(crate) bells: Bells,
    _lock: File,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the store of a data directory, or makes a new one. Blocks while it does.
    ///
    /// # Errors
    /// - [`InUse`](StoreErrorKind::InUse) if another process has it;
    /// - [`Newer`](StoreErrorKind::Newer) if a newer version wrote it;
    /// - [`Corrupt`](StoreErrorKind::Corrupt) if it is damaged;
    /// - [`Config`](StoreErrorKind::Config) if the directory cannot be made or written, or holds
    ///   something else.
    ///
    /// The source of each names the path and the reason.
    pub fn open(options: &SqliteOptions) -> std::result::Result<Self, StoreError> {
        let lock = directory::claim(&options.directory)?;
        let path = options.directory.join("widget.db");
        let named = |error| connect::named(&path, error);
        let writer = connect::writer(&path, options).map_err(named)?;
        let readers = (0..READERS).map(|_| connect::reader(&path));
        let readers = readers.collect::<Result<Vec<_>>>().map_err(named)?;
        let no_thread = |error| StoreError::with(StoreErrorKind::Unavailable, error);
        Ok(Self {
            readers: Readers::start(readers).map_err(no_thread)?,
            writer: Writer::start(writer).map_err(no_thread)?,
            bells: Bells::default(),
            _lock: lock,
            path,
        })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.readers.read(work).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.writer.write(work, |_| {}).await
    }

    /// Writes, then does `after` as soon as it is durable, whether the caller still waits or not.
    pub(crate) async fn write_then<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.writer.write(work, after).await
    }
}
