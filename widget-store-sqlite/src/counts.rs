//! How many rows there are of what has a limit: kept beside them, in the transaction that adds or takes
//! one, since to count ten thousand rows takes a hundred times as long as to add one.

use rusqlite::{Connection, params};
use widget_core::id::AgentId;
use widget_core::store::StoreErrorKind;
use widget_core::task::StateName;

use crate::error::Result;
use crate::rows;

/// Agents that have a row.
pub(crate) const AGENTS: Counted<'_> = Counted("agents", &[]);
/// Credentials that are good.
pub(crate) const CREDENTIALS: Counted<'_> = Counted("credentials", &[]);

pub(crate) const COUNT: &str = "SELECT many FROM counts WHERE what = ?1 AND agent = ?2";
pub(crate) const ADD: &str =
    "INSERT INTO counts VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET many = many + 1";
pub(crate) const TAKE: &str =
    "UPDATE counts SET many = many - 1 WHERE what = ?1 AND agent = ?2 RETURNING many";
pub(crate) const FORGET: &str = "DELETE FROM counts WHERE what = ?1 AND agent = ?2";

/// What is counted, and of which agent if not of all.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'a>(&'static str, &'a [u8]);

impl<'a> Counted<'a> {
    /// The queued tasks of this agent.
    pub(crate) fn queued(agent: &'a AgentId) -> Self {
        Self("queued", agent.as_bytes())
    }

    /// Whether there may be one more, if there may be so many.
    ///
    /// # Errors
    /// [`Full`](StoreErrorKind::Full) if not.
    pub(crate) fn has_room(self, connection: &Connection, most: Option<u64>) -> Result<()> {
        let Some(most) = most else {
            return Ok(());
        };
        let mut statement = connection.prepare_cached(COUNT)?;
        let there = rows::first(statement.query(params![self.0, self.1])?, |cells| {
            cells.take::<i64>()
        })?;
        match there.unwrap_or(0).cast_unsigned() < most {
            true => Ok(()),
            false => Err(StoreErrorKind::Full.into()),
        }
    }

    /// There is one more.
    pub(crate) fn add(self, connection: &Connection) -> Result<()> {
        let mut statement = connection.prepare_cached(ADD)?;
        statement.execute(params![self.0, self.1])?;
        Ok(())
    }

    /// There is one less.
    pub(crate) fn take(self, connection: &Connection) -> Result<()> {
        let mut statement = connection.prepare_cached(TAKE)?;
        let left = rows::first(statement.query(params![self.0, self.1])?, |cells| {
            cells.take::<i64>()
        })?;
        if left == Some(0) {
            let mut statement = connection.prepare_cached(FORGET)?;
            statement.execute(params![self.0, self.1])?;
        }
        Ok(())
    }
}

/// A task of this agent has gone from one state to another.
pub(crate) fn moved(
    connection: &Connection,
    agent: &AgentId,
    (from, to): (StateName, StateName),
) -> Result<()> {
    match (from == StateName::Queued, to == StateName::Queued) {
        (true, false) => Counted::queued(agent).take(connection),
        (false, true) => Counted::queued(agent).add(connection),
        _ => Ok(()),
    }
}
