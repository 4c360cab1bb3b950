//! What a transaction of the [writer](crate::writer) is in SQLite.

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::writer::Transact;

impl Transact for Connection {
    type Error = Error;

    fn begin(&self) -> Result<()> {
        if !self.is_autocommit() {
            // Left over from a commit that failed and could not even be taken back.
            execute(self, "ROLLBACK")?;
        }
        execute(self, "BEGIN IMMEDIATE")
    }

    fn is_open(&self) -> bool {
        !self.is_autocommit()
    }

    fn alone<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        execute(self, "SAVEPOINT job")?;
        let result = work(self);
        if result.is_err() && self.is_open() {
            execute(self, "ROLLBACK TO job")?;
        }
        if self.is_open() {
            execute(self, "RELEASE job")?;
        }
        result
    }

    fn commit(&self) -> Result<()> {
        let result = execute(self, "COMMIT");
        if result.is_err()
            && self.is_open()
            && let Err(error) = self.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be taken back");
        }
        result
    }
}

fn execute(connection: &Connection, statement: &str) -> Result<()> {
    connection.prepare_cached(statement)?.execute(())?;
    Ok(())
}
