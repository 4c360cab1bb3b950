//! Connections to the database: one that writes, some that only read.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, OpenFlags};
use widget_core::store::{StoreError, StoreErrorKind};

use crate::error::{Error, Result};
use crate::options::SqliteOptions;
use crate::schema;

/// Large enough to write reports of many agents without reading pages again, in KiB.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Pages in the log before they are written into the database. Rare and large costs less than
/// often and small: the same pages are changed again and again.
const CHECKPOINT_PAGES: i64 = 16_000;
/// How long to wait for another program that looks at the database, such as a backup.
const BUSY: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 64;

/// The connection that writes, to a database of the current format.
pub(crate) fn writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection)?;
    schema::check(&connection)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let text = format!(
            "{} is on a disk that takes no write-ahead log",
            path.display()
        );
        return Err(StoreError::with(StoreErrorKind::Config, text).into());
    }
    // In this mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    schema::migrate(&mut connection)?;
    // A file that cannot be opened for writing is opened for reading instead, the database as well as
    // its log, and nobody would know before the first commit.
    if connection.is_readonly(MAIN_DB)? {
        let text = "it cannot be opened for writing: look at its owner and at the disk";
        return Err(StoreError::with(StoreErrorKind::Config, text).into());
    }
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    if let Some(bytes) = options.max_bytes {
        limit(&connection, bytes)?;
    }
    Ok(connection)
}

/// A connection that only reads. The database must be there and have the current format.
pub(crate) fn reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection)?;
    Ok(connection)
}

/// Names the file in an error of its opening.
pub(crate) fn named(path: &Path, error: Error) -> StoreError {
    let error = StoreError::from(error);
    let kind = match error.kind() {
        // Nothing was written yet: this is no passing trouble.
        StoreErrorKind::Unavailable => StoreErrorKind::Config,
        kind => kind.clone(),
    };
    let why =
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    StoreError::with(kind, format!("{}: {why}", path.display()))
}

fn prepare(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// SQLite never takes a limit below what is there already.
fn limit(connection: &Connection, bytes: u64) -> Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
    connection.pragma_update(
        None,
        "max_page_count",
        pages.clamp(1, i64::from(u32::MAX - 1)),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite calls FULL: less of it syncs at checkpoints only, and a power cut then takes
    /// commits that were answered.
    #[test]
    fn the_connection_that_writes_syncs_each_commit() {
        let directory = tempfile::TempDir::new().unwrap();
        let options = SqliteOptions::new(directory.path());
        let connection = writer(&directory.path().join("a.db"), &options).unwrap();
        let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        assert_eq!(ask("synchronous"), Ok(2));
        let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let mode = connection.pragma_query_value(None, "journal_mode", mode);
        assert_eq!(mode.as_deref(), Ok("wal"));
    }
}
