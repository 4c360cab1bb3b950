//! [`SqliteStore`]: its opening, its threads, its end.

use std::sync::OnceLock;

use rusqlite::Connection;
use widget_core::store::{Bells, SessionKey, StoreError, StoreErrorKind};

use crate::connect;
use crate::directory::{self, Claim};
use crate::error::Result;
use crate::options::SqliteOptions;
use crate::readers::Readers;
use crate::writer::{Bounds, Writer};

/// Threads for short reads.
const READERS: usize = 2;
/// Threads for reads that may take long, such as charts: they hold up only each other.
const CHART_READERS: usize = 1;
/// How much the writing thread takes.
const WRITES: Bounds = Bounds {
    waiting: 1_024,
    group: 512,
};

/// Agents, tasks, reports, and who may come in, in one SQLite database.
///
/// Dropping it waits until what was begun is written and the files are closed; afterwards the
/// directory can be opened again.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they are to end: the last connection tidies the files up, and only the
    // writing one can.
    readers: Readers,
    chart_readers: Readers,
    writer: Writer<Connection>,
    pub(crate) bells: Bells,
    pub(crate) session_key: OnceLock<SessionKey>,
    _lock: Claim,
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
        directory::make_private(&path);
        let writer = connect::writer(&path, options).map_err(named)?;
        // Only now is it known to be ours.
        directory::keep_private(&path);
        let readers = |count| {
            (0..count)
                .map(|_| connect::reader(&path))
                .collect::<Result<_>>()
        };
        let (short, long) = (readers(READERS), readers(CHART_READERS));
        let no_thread = |error| StoreError::with(StoreErrorKind::Config, error);
        Ok(Self {
            readers: Readers::start(short.map_err(named)?).map_err(no_thread)?,
            chart_readers: Readers::start(long.map_err(named)?).map_err(no_thread)?,
            writer: Writer::start(writer, WRITES).map_err(no_thread)?,
            bells: Bells::default(),
            session_key: OnceLock::new(),
            _lock: lock,
        })
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.readers.read(work).await
    }

    /// Reads what may take long.
    pub(crate) async fn read_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.chart_readers.read(work).await
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

#[cfg(test)]
mod tests {
    use futures_lite::future::zip;
    use widget_core::testkit::run;

    use super::*;

    #[test]
    fn long_reads_hold_up_only_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
        let (hold, held) = async_channel::bounded::<()>(1);
        let long = || {
            let held = held.clone();
            store.read_long(move |_| Ok(held.recv_blocking().is_ok()))
        };
        let short = async {
            assert!(store.read(|_| Ok(true)).await.unwrap());
            assert!(store.write(|_| Ok(true)).await.unwrap());
            hold.close();
        };
        let ((one, two), ()) = run(zip(zip(long(), long()), short));
        assert!(!one.unwrap() && !two.unwrap());
    }
}
