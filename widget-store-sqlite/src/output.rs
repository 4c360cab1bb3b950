//! What tasks write while they run, as far as it is kept.
//!
//! A chunk costs what it has itself, however much there is already: it is put behind the others as a
//! part of its own, or to the last part if both are small, and the parts that fall out of the end go.

use rusqlite::{Connection, params};
use widget_core::id::{Attempt, TaskId};
use widget_core::task::{Chunk, Extent, Streamed, TAIL};

use crate::error::Result;
use crate::rows::{self, Cells};

/// The longest part, in bytes.
const PART: usize = 64 * 1024;
/// A part is made longer up to this, in bytes: a handler that writes by the line would otherwise
/// leave a row for each.
const SMALL: usize = 8 * 1024;

const BY_ID: &str = "SELECT number FROM tasks WHERE id = ?1";
pub(crate) const EXTENT: &str = "SELECT attempt, length, head FROM outputs WHERE task = ?1";
const SET_EXTENT: &str = "INSERT OR REPLACE INTO outputs VALUES (?1, ?2, ?3, ?4)";
pub(crate) const PARTS: &str =
    "SELECT position, text FROM output_parts WHERE task = ?1 ORDER BY position";
pub(crate) const LAST: &str = "
    SELECT position, octet_length(text) FROM output_parts WHERE task = ?1 AND position >= ?2
    ORDER BY position DESC LIMIT 1";
const ADD: &str = "INSERT INTO output_parts VALUES (?1, ?2, ?3)";
const PART_AT: &str = "SELECT text FROM output_parts WHERE task = ?1 AND position = ?2";
pub(crate) const EXTEND: &str =
    "UPDATE output_parts SET text = ?3 WHERE task = ?1 AND position = ?2";
/// Deletes parts that begin at the first of these or later, and before the second.
pub(crate) const TRIM: &str =
    "DELETE FROM output_parts WHERE task = ?1 AND position >= ?2 AND position < ?3";

pub(crate) fn read(connection: &Connection, id: TaskId) -> Result<Option<Streamed>> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    let number = rows::first(statement.query([id.as_bytes()])?, |cells| cells.take())?;
    let Some(number) = number else {
        return Ok(None);
    };
    let Some(extent) = extent(connection, number)? else {
        return Ok(None);
    };
    let (mut head, mut tail) = (String::new(), String::new());
    let end = rows::limit(extent.head);
    let mut statement = connection.prepare_cached(PARTS)?;
    let mut parts = statement.query([number])?;
    while let Some(row) = parts.next()? {
        let mut cells = Cells::new(row);
        let position: i64 = cells.take()?;
        let text: String = cells.take()?;
        let side = if position < end { &mut head } else { &mut tail };
        side.push_str(&text);
    }
    tail.drain(..tail.ceil_char_boundary(tail.len().saturating_sub(TAIL)));
    Ok(Some(Streamed {
        attempt: extent.attempt,
        length: extent.length,
        head,
        tail,
    }))
}

/// Adds what an attempt of the task in this row has written further.
pub(crate) fn push(
    connection: &Connection,
    number: i64,
    attempt: Attempt,
    chunk: &Chunk,
) -> Result<()> {
    let mut extent = extent(connection, number)?.unwrap_or_default();
    let Some(added) = extent.push(attempt, chunk) else {
        return Ok(());
    };
    if added.anew {
        trim(connection, number, 0, i64::MAX)?;
    }
    if !added.head.is_empty() {
        append(connection, number, 0, added.head)?;
    }
    let border = rows::limit(extent.head);
    if added.gap {
        trim(connection, number, border, i64::MAX)?;
    }
    if !added.tail.is_empty() {
        let end = append(connection, number, border, added.tail)?;
        // A part that ends within what is to be kept began at most this much before it.
        trim(connection, number, border, end - rows::limit(TAIL + PART))?;
    }
    connection.prepare_cached(SET_EXTENT)?.execute(params![
        number,
        extent.attempt.0,
        extent.length.cast_signed(),
        border,
    ])?;
    Ok(())
}

fn extent(connection: &Connection, number: i64) -> Result<Option<Extent>> {
    let mut statement = connection.prepare_cached(EXTENT)?;
    rows::first(statement.query([number])?, |cells| {
        Ok(Extent {
            attempt: Attempt(cells.take()?),
            length: cells.number()?,
            head: usize::try_from(cells.number()?).unwrap_or(usize::MAX),
        })
    })
}

/// Puts text behind the parts that begin at `first` or later, or there if there are none; says where
/// it ends.
fn append(connection: &Connection, number: i64, first: i64, mut text: &str) -> Result<i64> {
    let mut statement = connection.prepare_cached(LAST)?;
    let last = rows::first(statement.query([number, first])?, |cells| {
        Ok((cells.take::<i64>()?, cells.take::<i64>()?))
    })?;
    let mut end = last.map_or(first, |(position, length)| position.saturating_add(length));
    if let Some((position, length)) = last
        && length.saturating_add(rows::limit(text.len())) <= rows::limit(SMALL)
    {
        let mut statement = connection.prepare_cached(PART_AT)?;
        let mut part: String = statement.query_row([number, position], |row| row.get(0))?;
        part.push_str(text);
        let mut statement = connection.prepare_cached(EXTEND)?;
        statement.execute(params![number, position, part])?;
        return Ok(end.saturating_add(rows::limit(text.len())));
    }
    let mut statement = connection.prepare_cached(ADD)?;
    while !text.is_empty() {
        let (part, rest) = text.split_at(text.floor_char_boundary(PART));
        statement.execute(params![number, end, part])?;
        end = end.saturating_add(rows::limit(part.len()));
        text = rest;
    }
    Ok(end)
}

fn trim(connection: &Connection, number: i64, from: i64, before: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(TRIM)?;
    statement.execute([number, from, before])?;
    Ok(())
}
