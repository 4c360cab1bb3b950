//! The audit list of a [`SqliteStore`](crate::SqliteStore). Entries are added by whatever job has the
//! effect that they tell of.

use rusqlite::{Connection, ToSql, params};
use widget_core::id::AgentId;
use widget_core::store::{Action, AuditEntry, AuditOrder, AuditPage, AuditQuery, AuditRecord};

use crate::error::Result;
use crate::rows::{self, Cells};

const ADD: &str = "
    INSERT INTO audit (at, who, token, agent, peer, action, target, before, after)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Adds to the list, in the transaction that is open.
pub(crate) fn add(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    connection.prepare_cached(ADD)?.execute(params![
        entry.at.as_millis(),
        entry.who,
        entry.token.map(u64::cast_signed),
        entry.agent.as_ref().map(AgentId::as_bytes),
        entry.peer,
        entry.action.as_str(),
        entry.target,
        entry.before,
        entry.after,
    ])?;
    Ok(())
}

/// A page of the list: the statement and what it is given.
pub(crate) fn list(query: &AuditQuery) -> (String, Vec<Box<dyn ToSql>>) {
    let mut given: Vec<Box<dyn ToSql>> = vec![Box::new(rows::limit(query.limit.saturating_add(1)))];
    let mut sql = "SELECT number, at, who, token, agent, peer, action, target, before, after \
                   FROM audit WHERE "
        .to_owned();
    let past = query
        .past
        .map(|past| i64::try_from(past).unwrap_or(i64::MAX));
    let (begins, order) = match query.order {
        AuditOrder::NewestFirst => {
            given.push(Box::new(past.unwrap_or(i64::MAX)));
            ("number < ?2", " ORDER BY number DESC LIMIT ?1")
        }
        AuditOrder::OldestFirst => {
            given.push(Box::new(past.unwrap_or(0)));
            ("number > ?2", " ORDER BY number LIMIT ?1")
        }
    };
    sql.push_str(begins);
    if let Some(since) = query.since {
        given.push(Box::new(since.as_millis()));
        sql.push_str(&format!(" AND at >= ?{}", given.len()));
    }
    let action = query
        .action
        .as_ref()
        .map(|action| action.as_str().to_owned());
    for (column, wanted) in [
        ("who", query.who.clone()),
        ("action", action),
        ("target", query.target.clone()),
    ] {
        if let Some(wanted) = wanted {
            given.push(Box::new(wanted));
            sql.push_str(&format!(" AND {column} = ?{}", given.len()));
        }
    }
    sql.push_str(order);
    (sql, given)
}

pub(crate) fn page(connection: &Connection, query: &AuditQuery) -> Result<AuditPage> {
    let (sql, given) = list(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query(rusqlite::params_from_iter(given))?;
    let mut entries = rows::all(found, record)?;
    let more = entries.len() > query.limit;
    entries.truncate(query.limit);
    let next = entries.last().filter(|_| more).map(|last| last.number);
    Ok(AuditPage { entries, next })
}

fn record(cells: &mut Cells<'_>) -> Result<AuditRecord> {
    let (number, at, who) = (cells.number()?, cells.time()?, cells.take::<String>()?);
    let token = cells.take::<Option<i64>>()?.map(i64::cast_unsigned);
    let agent = cells.take::<Option<[u8; 16]>>()?.map(AgentId::from_bytes);
    let [peer, action, target] = [cells.take()?, cells.take::<String>()?, cells.take()?];
    let [before, after] = [cells.take::<Option<String>>()?, cells.take()?];
    let action = Action::from(action.as_str());
    let mut entry = AuditEntry::new(at, &who, &peer, action, &target)
        .changing(before.as_deref(), after.as_deref());
    (entry.token, entry.agent) = (token, agent);
    Ok(AuditRecord { number, entry })
}
