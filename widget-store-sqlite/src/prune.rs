//! How reports leave a [`SqliteStore`](crate::SqliteStore): by age, or with their agent.
//!
//! Age is by `received`, the server's clock, but reports lie in the order of `at`, the agent's,
//! which may be anything. So each append notes which span of `at` it fell into in which span of
//! `received`: a row for ten minutes of an agent's reports. Pruning reads only those spans.

use rusqlite::Connection;
use widget_core::id::AgentId;
use widget_core::time::Timestamp;

use crate::error::Result;
use crate::reports;
use crate::rows;

/// Length of the spans: ten minutes. The span in which the border lies is read again by each call.
const SPAN: i64 = 10 * 60 * 1_000;
/// How many rows go in one transaction when all of an agent's go.
const SWEEP: usize = 5_000;
/// How many spans are looked up at once.
const SPANS: usize = 1_000;

const NOTE: &str = "INSERT OR IGNORE INTO arrivals VALUES (?1, ?2, ?3)";
pub(crate) const PAST: &str = "
    SELECT received_span, reporter, at_span FROM arrivals
    WHERE received_span < ?1 ORDER BY received_span LIMIT ?2";
pub(crate) const BORDER: &str = "
    SELECT received_span, reporter, at_span FROM arrivals WHERE received_span = ?1";
const FORGET: &str = "
    DELETE FROM arrivals WHERE received_span = ?1 AND reporter = ?2 AND at_span = ?3";
pub(crate) const OLD: &str = "
    SELECT at, epoch, seq FROM reports
    WHERE reporter = ?1 AND at BETWEEN ?2 AND ?3 AND received < ?4 LIMIT ?5";
pub(crate) const DELETE: &str = "
    DELETE FROM reports WHERE reporter = ?1 AND at = ?2 AND epoch = ?3 AND seq = ?4";
const DETACH: &str = "DELETE FROM reporters WHERE key = ?1";
const FORGET_MARKS: &str = "DELETE FROM watermarks WHERE reporter = ?1";

/// Notes where the reports of one batch lie.
pub(crate) struct Arrivals {
    reporter: i64,
    received_span: i64,
    noted: Option<i64>,
}

impl Arrivals {
    pub(crate) fn of(reporter: i64, received: Timestamp) -> Self {
        Self {
            reporter,
            received_span: received.as_millis().div_euclid(SPAN),
            noted: None,
        }
    }

    pub(crate) fn note(&mut self, connection: &Connection, at: Timestamp) -> Result<()> {
        let at_span = at.as_millis().div_euclid(SPAN);
        if self.noted != Some(at_span) {
            let mut statement = connection.prepare_cached(NOTE)?;
            statement.execute([self.received_span, self.reporter, at_span])?;
            self.noted = Some(at_span);
        }
        Ok(())
    }
}

/// Deletes at most `limit` reports received before this time; says how many.
pub(crate) fn older(connection: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let before = before.as_millis();
    let border = before.div_euclid(SPAN);
    let mut pruned = 0;
    loop {
        let past = spans(connection, PAST, &[border, rows::limit(SPANS)])?;
        if past.is_empty() {
            break;
        }
        for (received_span, reporter, at_span) in past {
            pruned += delete(connection, reporter, at_span, before, limit - pruned)?;
            if pruned >= limit {
                return Ok(pruned);
            }
            let mut statement = connection.prepare_cached(FORGET)?;
            statement.execute([received_span, reporter, at_span])?;
        }
    }
    for (_, reporter, at_span) in spans(connection, BORDER, &[border])? {
        pruned += delete(connection, reporter, at_span, before, limit - pruned)?;
        if pruned >= limit {
            break;
        }
    }
    Ok(pruned)
}

/// Takes an agent's reports and watermarks out of sight, and says under which key the reports lie.
pub(crate) fn detach(connection: &Connection, agent: AgentId) -> Result<Option<i64>> {
    let Some(reporter) = reports::find_reporter(connection, agent)? else {
        return Ok(None);
    };
    connection.prepare_cached(DETACH)?.execute([reporter])?;
    connection
        .prepare_cached(FORGET_MARKS)?
        .execute([reporter])?;
    Ok(Some(reporter))
}

/// Deletes some reports of a reporter that is gone; says whether they were the last.
pub(crate) fn sweep(connection: &Connection, reporter: i64) -> Result<bool> {
    let all = (i64::MIN, i64::MAX);
    Ok(delete_between(connection, reporter, all, i64::MAX, SWEEP)? < SWEEP)
}

fn spans(connection: &Connection, select: &str, given: &[i64]) -> Result<Vec<(i64, i64, i64)>> {
    let mut statement = connection.prepare_cached(select)?;
    rows::all(
        statement.query(rusqlite::params_from_iter(given))?,
        |cells| Ok((cells.take()?, cells.take()?, cells.take()?)),
    )
}

fn delete(
    connection: &Connection,
    reporter: i64,
    at_span: i64,
    received_before: i64,
    limit: usize,
) -> Result<usize> {
    let first = at_span.saturating_mul(SPAN);
    let span = (first, first.saturating_add(SPAN - 1));
    delete_between(connection, reporter, span, received_before, limit)
}

fn delete_between(
    connection: &Connection,
    reporter: i64,
    (first, last): (i64, i64),
    received_before: i64,
    limit: usize,
) -> Result<usize> {
    let mut statement = connection.prepare_cached(OLD)?;
    let old = statement.query([reporter, first, last, received_before, rows::limit(limit)])?;
    let old = rows::all(old, |cells| {
        Ok((cells.take()?, cells.take()?, cells.take()?))
    })?;
    let mut statement = connection.prepare_cached(DELETE)?;
    for (at, epoch, seq) in &old {
        statement.execute([reporter, *at, *epoch, *seq])?;
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;
    use widget_core::store::{LatestReport, ReportStore};
    use widget_core::testkit::fixtures::{NOW, agent, report};

    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    #[test]
    fn deleted_reports_are_out_of_sight_before_they_are_swept_away() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
        block_on(async {
            store.append_v1(agent(1), report(1, 0), NOW).await.unwrap();
            store
                .write(|connection| detach(connection, agent(1)))
                .await
                .unwrap();
            let latest = store.latest(&[agent(1)]).await.unwrap();
            assert_eq!(latest, [LatestReport::default()]);
            // What a crash leaves behind goes with its age.
            let later = Timestamp::from_millis(NOW.as_millis() + 1);
            assert_eq!(store.prune_reports(later, 10).await.unwrap(), 1);
        });
    }
}
