//! The reports of a [`SqliteStore`]. How they leave it stands in [`prune`](crate::prune).
//!
//! Reports have no index but their primary key, which begins with the reporter and the time, since a
//! second one would make each insert several times slower. What is asked of all agents at once is
//! merged from what each of them has.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use widget_core::id::AgentId;
use widget_core::report::Report;
use widget_core::store::{
    Appended, BucketQuery, Buckets, LatestReport, ReportBatch, ReportQuery, ReportStore,
    StoreError, StoredReport, Summary, Watermark,
};
use widget_core::time::Timestamp;

use crate::error::Result;
use crate::prune;
use crate::rows::{self, Cells};
use crate::store::SqliteStore;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT at, epoch, seq, received, total_memory, used_memory, average_cpu, gauges, thinned \
             FROM ",
            $rest
        )
    };
}
pub(crate) const NEWEST: &str = select!(
    "reports WHERE reporter = ?1 AND at >= ?2 AND at < ?3 AND (at, epoch, seq) < (?4, ?5, ?6)
     ORDER BY at DESC, epoch DESC, seq DESC LIMIT ?7"
);
pub(crate) const SPAN: &str = select!("reports WHERE reporter = ?1 AND at >= ?2 AND at < ?3");
pub(crate) const LATEST: &str = select!(
    "reporters JOIN reports ON reporter = reporters.key AND at = latest_at
        AND epoch = latest_epoch AND seq = latest_seq
     WHERE reporters.agent = ?1"
);
pub(crate) const DROPPED: &str = "
    SELECT dropped FROM reporters JOIN watermarks ON reporter = reporters.key
    WHERE reporters.agent = ?1";
const REPORTERS: &str = "SELECT key, agent FROM reporters";
const REPORTER: &str = "SELECT key FROM reporters WHERE agent = ?1";
const ADD_REPORTER: &str = "INSERT INTO reporters (agent) VALUES (?1)";
const MARK: &str =
    "SELECT key, through, dropped FROM watermarks WHERE reporter = ?1 AND epoch = ?2";
const ADD_MARK: &str =
    "INSERT INTO watermarks (reporter, epoch, through, dropped) VALUES (?1, ?2, ?3, 0)";
const MOVE_MARK: &str = "UPDATE watermarks SET through = ?2, dropped = ?3 WHERE key = ?1";
const ADD: &str = "INSERT INTO reports VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const NOTE_LATEST: &str = "
    UPDATE reporters SET latest_at = ?2, latest_epoch = ?3, latest_seq = ?4 WHERE key = ?1";

/// The epoch of version 1 collectors, which have none.
const NO_EPOCH: &[u8] = &[];

#[async_trait]
impl ReportStore for SqliteStore {
    async fn append(&self, batch: ReportBatch) -> std::result::Result<Appended, StoreError> {
        self.write(move |connection| append(connection, &batch))
            .await
    }

    async fn append_v1(
        &self,
        agent: AgentId,
        report: Report,
        received: Timestamp,
    ) -> std::result::Result<Appended, StoreError> {
        self.write(move |connection| append_v1(connection, agent, &report, received))
            .await
    }

    async fn reports(
        &self,
        query: &ReportQuery,
    ) -> std::result::Result<Vec<StoredReport>, StoreError> {
        let query = *query;
        self.read_long(move |connection| newest(connection, &query))
            .await
    }

    async fn summary(&self, query: &BucketQuery) -> std::result::Result<Summary, StoreError> {
        let query = *query;
        self.read_long(move |connection| summary(connection, &query))
            .await
    }

    async fn latest(
        &self,
        agents: &[AgentId],
    ) -> std::result::Result<Vec<LatestReport>, StoreError> {
        let agents = agents.to_vec();
        self.read(move |connection| {
            agents
                .iter()
                .map(|agent| latest(connection, *agent))
                .collect()
        })
        .await
    }

    async fn prune_reports(
        &self,
        received_before: Timestamp,
        limit: usize,
    ) -> std::result::Result<usize, StoreError> {
        self.write(move |connection| prune::older(connection, received_before, limit))
            .await
    }

    async fn delete_reports(&self, agent: AgentId) -> std::result::Result<(), StoreError> {
        let detached = self
            .write(move |connection| prune::detach(connection, agent))
            .await?;
        let Some(reporter) = detached else {
            return Ok(());
        };
        // They are gone already for everybody who asks; what is left is to make room.
        loop {
            let swept = self.write(move |connection| prune::sweep(connection, reporter));
            match swept.await {
                Ok(false) => {}
                Ok(true) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "deleted reports take up room until they are pruned");
                    return Ok(());
                }
            }
        }
    }
}

/// The reporter of this agent, if it has one.
pub(crate) fn find_reporter(connection: &Connection, agent: AgentId) -> Result<Option<i64>> {
    let mut statement = connection.prepare_cached(REPORTER)?;
    rows::first(statement.query([agent.as_bytes()])?, |cells| cells.take())
}

fn append(connection: &Connection, batch: &ReportBatch) -> Result<Appended> {
    let reporter = reporter(connection, batch.agent)?;
    let first = Watermark::first(batch.after);
    let (epoch, before) = mark(connection, reporter, batch.epoch.as_bytes(), first)?;
    let mut mark = before;
    let seqs = batch.reports.iter().map(|report| report.seq);
    let Some(new) = mark.advance(batch.after, batch.through, seqs) else {
        let through = before.through;
        return Ok(Appended { through, stored: 0 });
    };
    let mut stored = 0;
    let mut arrivals = prune::Arrivals::of(reporter, batch.received);
    for report in batch.reports.iter().skip(new.start) {
        add(
            connection,
            reporter,
            epoch,
            report.seq,
            report,
            batch.received,
        )?;
        arrivals.note(connection, report.at)?;
        stored += 1;
    }
    if mark != before {
        move_mark(connection, epoch, mark)?;
    }
    if let Some(last) = batch.reports.last().filter(|_| stored > 0) {
        note_latest(connection, reporter, last.at, epoch, last.seq)?;
    }
    let through = mark.through;
    Ok(Appended { through, stored })
}

fn append_v1(
    connection: &Connection,
    agent: AgentId,
    report: &Report,
    received: Timestamp,
) -> Result<Appended> {
    let reporter = reporter(connection, agent)?;
    let (epoch, mut mark) = mark(connection, reporter, NO_EPOCH, Watermark::first(0))?;
    mark.through = mark.through.saturating_add(1);
    add(connection, reporter, epoch, mark.through, report, received)?;
    prune::Arrivals::of(reporter, received).note(connection, report.at)?;
    move_mark(connection, epoch, mark)?;
    note_latest(connection, reporter, report.at, epoch, mark.through)?;
    let through = mark.through;
    Ok(Appended { through, stored: 1 })
}

fn reporter(connection: &Connection, agent: AgentId) -> Result<i64> {
    if let Some(found) = find_reporter(connection, agent)? {
        return Ok(found);
    }
    connection
        .prepare_cached(ADD_REPORTER)?
        .execute([agent.as_bytes()])?;
    Ok(connection.last_insert_rowid())
}

/// The watermark of this epoch and its key; `first` if there is none yet.
fn mark(
    connection: &Connection,
    reporter: i64,
    epoch: &[u8],
    first: Watermark,
) -> Result<(i64, Watermark)> {
    let mut statement = connection.prepare_cached(MARK)?;
    let found = rows::first(statement.query(params![reporter, epoch])?, |cells| {
        let key = cells.take()?;
        let (through, dropped) = (cells.number()?, cells.number()?);
        Ok((key, Watermark { through, dropped }))
    })?;
    if let Some(found) = found {
        return Ok(found);
    }
    connection.prepare_cached(ADD_MARK)?.execute(params![
        reporter,
        epoch,
        first.through.cast_signed()
    ])?;
    Ok((connection.last_insert_rowid(), first))
}

fn move_mark(connection: &Connection, key: i64, mark: Watermark) -> Result<()> {
    let (through, dropped) = (mark.through.cast_signed(), mark.dropped.cast_signed());
    connection
        .prepare_cached(MOVE_MARK)?
        .execute([key, through, dropped])?;
    Ok(())
}

fn add(
    connection: &Connection,
    reporter: i64,
    epoch: i64,
    seq: u64,
    report: &Report,
    received: Timestamp,
) -> Result<()> {
    let gauges = match report.gauges.as_slice() {
        [] => None,
        gauges => Some(serde_json::to_string(gauges)?),
    };
    connection.prepare_cached(ADD)?.execute(params![
        reporter,
        report.at.as_millis(),
        epoch,
        seq.cast_signed(),
        received.as_millis(),
        report.total_memory.cast_signed(),
        report.used_memory.cast_signed(),
        report.average_cpu,
        gauges,
        rows::thinned(report.thinned.as_deref())?,
    ])?;
    Ok(())
}

fn note_latest(
    connection: &Connection,
    reporter: i64,
    at: Timestamp,
    epoch: i64,
    seq: u64,
) -> Result<()> {
    let mut statement = connection.prepare_cached(NOTE_LATEST)?;
    statement.execute([reporter, at.as_millis(), epoch, seq.cast_signed()])?;
    Ok(())
}

/// The bits of a report's number in the store that its number within its epoch takes.
const LOW: u64 = u32::MAX as u64;

/// The place of a report among all others: `at`, key of the epoch, number.
type Place = (i64, i64, u64);

/// Reads each reporter from its newest backwards, but only as far as it has reports that are newer
/// than the oldest one that still counts.
fn newest(connection: &Connection, query: &ReportQuery) -> Result<Vec<StoredReport>> {
    let (from, to) = (query.from.as_millis(), query.to.as_millis());
    let mut found: BTreeMap<Place, StoredReport> = BTreeMap::new();
    if query.limit == 0 {
        return Ok(Vec::new());
    }
    let (last_at, last_epoch, last_seq) = match query.before {
        Some((at, number)) => (at.as_millis(), (number >> 32).cast_signed(), number & LOW),
        None => (i64::MAX, i64::MAX, LOW),
    };
    let (last_seq, limit) = (last_seq.cast_signed(), rows::limit(query.limit));
    let mut statement = connection.prepare_cached(NEWEST)?;
    for (reporter, agent) in reporters(connection, query.agent)? {
        let bounds = [reporter, from, to, last_at, last_epoch, last_seq, limit];
        let mut rows = statement.query(bounds)?;
        while let Some(row) = rows.next()? {
            let (place, report) = stored(&mut Cells::new(row), agent)?;
            if found.len() >= query.limit {
                if found
                    .first_key_value()
                    .is_some_and(|(oldest, _)| *oldest > place)
                {
                    break;
                }
                found.pop_first();
            }
            found.insert(place, report);
        }
    }
    Ok(found.into_values().collect())
}

fn reporters(connection: &Connection, agent: Option<AgentId>) -> Result<Vec<(i64, AgentId)>> {
    if let Some(agent) = agent {
        let found = find_reporter(connection, agent)?;
        return Ok(found.map(|key| (key, agent)).into_iter().collect());
    }
    let mut statement = connection.prepare_cached(REPORTERS)?;
    rows::all(statement.query(())?, |cells| {
        Ok((cells.take()?, AgentId::from_bytes(cells.take()?)))
    })
}

fn summary(connection: &Connection, query: &BucketQuery) -> Result<Summary> {
    let mut buckets = Buckets::new(query);
    if let Some(reporter) = find_reporter(connection, query.agent)? {
        let mut statement = connection.prepare_cached(SPAN)?;
        let (from, to) = (query.from.as_millis(), query.to.as_millis());
        let mut rows = statement.query([reporter, from, to])?;
        while let Some(row) = rows.next()? {
            buckets.add(&stored(&mut Cells::new(row), query.agent)?.1.report);
        }
    }
    Ok(buckets.finish())
}

fn latest(connection: &Connection, agent: AgentId) -> Result<LatestReport> {
    let mut statement = connection.prepare_cached(LATEST)?;
    let last = rows::first(statement.query([agent.as_bytes()])?, |cells| {
        Ok(stored(cells, agent)?.1)
    })?;
    let report = match last {
        // Between two steps of a pruning it can be gone before all that came earlier.
        None => newest(connection, &newest_of(agent))?.pop(),
        last => last,
    };
    let mut statement = connection.prepare_cached(DROPPED)?;
    let dropped = rows::all(statement.query([agent.as_bytes()])?, |cells| cells.number())?;
    let dropped = dropped.into_iter().fold(0, u64::saturating_add);
    Ok(LatestReport { report, dropped })
}

fn newest_of(agent: AgentId) -> ReportQuery {
    ReportQuery {
        before: None,
        agent: Some(agent),
        from: Timestamp::from_millis(i64::MIN),
        to: Timestamp::from_millis(i64::MAX),
        limit: 1,
    }
}

fn stored(cells: &mut Cells<'_>, agent: AgentId) -> Result<(Place, StoredReport)> {
    let (at, epoch, seq) = (cells.take()?, cells.take::<i64>()?, cells.number()?);
    let received = cells.time()?;
    let report = Report {
        seq,
        at: Timestamp::from_millis(at),
        total_memory: cells.number()?,
        used_memory: cells.number()?,
        average_cpu: cells.take()?,
        gauges: match cells.take::<Option<String>>()? {
            Some(json) => serde_json::from_str(&json)?,
            None => Vec::new(),
        },
        thinned: rows::read_thinned(cells)?,
    };
    // Unique while an epoch has fewer than 2^32 reports: 136 years of one each second.
    let number = (epoch.cast_unsigned() << 32) | (seq & LOW);
    let stored = StoredReport {
        agent,
        number,
        received,
        report,
    };
    Ok(((at, epoch, seq), stored))
}
