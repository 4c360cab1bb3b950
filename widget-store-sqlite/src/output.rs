//! What tasks write while they run, as far as it is kept.

use rusqlite::{Connection, params};
use widget_core::id::{Attempt, TaskId};
use widget_core::task::{Chunk, Streamed};

use crate::error::Result;
use crate::rows::{self, Cells};

const READ: &str = "SELECT attempt, length, head, tail FROM outputs \
    JOIN tasks ON tasks.number = outputs.task WHERE tasks.id = ?1";
const READ_ROW: &str = "SELECT attempt, length, head, tail FROM outputs WHERE task = ?1";
const WRITE: &str = "INSERT OR REPLACE INTO outputs VALUES (?1, ?2, ?3, ?4, ?5)";

pub(crate) fn read(connection: &Connection, id: TaskId) -> Result<Option<Streamed>> {
    let mut statement = connection.prepare_cached(READ)?;
    rows::first(statement.query([id.as_bytes()])?, streamed)
}

/// Adds what an attempt of the task in this row has written further.
pub(crate) fn push(
    connection: &Connection,
    number: i64,
    attempt: Attempt,
    chunk: &Chunk,
) -> Result<()> {
    let mut statement = connection.prepare_cached(READ_ROW)?;
    let mut kept = rows::first(statement.query([number])?, streamed)?.unwrap_or_default();
    kept.push(attempt, chunk);
    connection.prepare_cached(WRITE)?.execute(params![
        number,
        kept.attempt.0,
        kept.length.cast_signed(),
        kept.head,
        kept.tail,
    ])?;
    Ok(())
}

fn streamed(cells: &mut Cells<'_>) -> Result<Streamed> {
    Ok(Streamed {
        attempt: Attempt(cells.take()?),
        length: cells.number()?,
        head: cells.take()?,
        tail: cells.take()?,
    })
}
