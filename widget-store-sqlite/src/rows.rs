//! Rows and the types that they hold.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, Rows, params};
use serde::{Deserialize, Serialize};
use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::report::Thinned;
use widget_core::store::Delivery;
use widget_core::task::{
    Actor, Finish, Phase, Revision, StateName, TIMELINE_FIRST, TIMELINE_LAST, Task, TaskState,
    TimelineEntry,
};
use widget_core::time::Timestamp;

use crate::error::{Error, Result};

/// The cells of a row, one after the other, in the order in which the statement names them.
pub(crate) struct Cells<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Cells<'r> {
    pub(crate) fn new(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: FromSql>(&mut self) -> Result<T> {
        let cell = self.row.get(self.next)?;
        self.next += 1;
        Ok(cell)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.take().map(Timestamp::from_millis)
    }

    pub(crate) fn some_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    /// SQLite has no unsigned numbers: those above 2^63 stand there as negative ones.
    pub(crate) fn number(&mut self) -> Result<u64> {
        self.take().map(i64::cast_unsigned)
    }

    pub(crate) fn payload(&mut self) -> Result<Option<Payload>> {
        Ok(self.take::<Option<Vec<u8>>>()?.map(Payload::from_json_text))
    }
}

/// All rows of an answer.
pub(crate) fn all<T>(
    mut rows: Rows<'_>,
    mut read: impl FnMut(&mut Cells<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Cells::new(row))?);
    }
    Ok(found)
}

/// The rows of an answer, one after the other.
pub(crate) fn each<'a, T>(
    mut rows: Rows<'a>,
    mut read: impl FnMut(&mut Cells<'_>) -> Result<T> + 'a,
) -> impl Iterator<Item = Result<T>> + 'a {
    std::iter::from_fn(move || match rows.next() {
        Ok(row) => row.map(|row| read(&mut Cells::new(row))),
        Err(error) => Some(Err(error.into())),
    })
}

/// The first row of an answer, if there is any.
pub(crate) fn first<T>(
    mut rows: Rows<'_>,
    read: impl FnOnce(&mut Cells<'_>) -> Result<T>,
) -> Result<Option<T>> {
    rows.next()?
        .map(|row| read(&mut Cells::new(row)))
        .transpose()
}

/// A count as SQLite takes it.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The columns that [`task`] reads, in its order.
macro_rules! task_columns {
    () => {
        "number, id, agent, kind, (SELECT input FROM inputs WHERE inputs.task = tasks.number), \
         created, ttl, timeout, asked_not_before, priority, ordering_key, idempotency_key, asked_by, \
         sequence, life, ttl_at, not_before, progress, output, evidence, evidence_output, revision"
    };
}
pub(crate) use task_columns;

/// A task without its timeline, and its number.
pub(crate) fn task(cells: &mut Cells<'_>) -> Result<(i64, Task)> {
    let number = cells.take()?;
    let task = Task {
        id: TaskId::from_bytes(cells.take()?),
        agent: AgentId::from_bytes(cells.take()?),
        kind: cells.take()?,
        input: cells.payload()?.unwrap_or_default(),
        created: cells.time()?,
        ttl: span(cells.take()?),
        timeout: cells.take::<Option<i64>>()?.map(span),
        not_before: cells.take::<Option<i64>>()?.map(Timestamp::from_millis),
        priority: cells.take()?,
        ordering_key: cells.take()?,
        idempotency_key: cells.take()?,
        asked_by: cells.take()?,
        sequence: cells.take::<Option<i64>>()?.map(i64::cast_unsigned),
        state: Life::read(cells)?,
        evidence: read_evidence(cells)?,
        timeline: Vec::new(),
        left_out: 0,
        revision: Revision(cells.number()?),
    };
    Ok((number, task))
}

/// A span as it is stored.
pub(crate) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn span(millis: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A state as it is stored: as JSON, and what JSON cannot hold to the last bit beside that.
pub(crate) struct Life {
    pub(crate) json: String,
    pub(crate) ttl_at: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) progress: Option<Payload>,
    pub(crate) output: Option<Payload>,
}

impl Life {
    pub(crate) fn of(state: &TaskState) -> Result<Self> {
        let mut plain = state.clone();
        let [progress, output] = payloads(&mut plain).map(|slot| slot.and_then(Option::take));
        Ok(Self {
            json: serde_json::to_string(&plain)?,
            ttl_at: state.ttl_at,
            not_before: match &state.phase {
                Phase::Queued { not_before } => *not_before,
                _ => None,
            },
            progress,
            output,
        })
    }

    fn read(cells: &mut Cells<'_>) -> Result<TaskState> {
        let mut state: TaskState = serde_json::from_str(&cells.take::<String>()?)?;
        state.ttl_at = cells.time()?;
        let due = cells.take::<Option<i64>>()?.map(Timestamp::from_millis);
        if let Phase::Queued { not_before } = &mut state.phase {
            *not_before = due;
        }
        for slot in payloads(&mut state) {
            let payload = cells.payload()?;
            if let Some(slot) = slot {
                *slot = payload;
            }
        }
        Ok(state)
    }
}

/// Where a state has its progress and its output.
fn payloads(state: &mut TaskState) -> [Option<&mut Option<Payload>>; 2] {
    match &mut state.phase {
        Phase::Running { progress, .. } => [Some(progress), None],
        Phase::Ended { outcome, .. } => [None, Some(&mut outcome.output)],
        Phase::Queued { .. } | Phase::Leased { .. } | Phase::Accepted { .. } => [None, None],
    }
}

/// A late end as JSON and its output.
pub(crate) fn evidence(finish: Option<&Finish>) -> Result<(Option<String>, Option<Payload>)> {
    let Some(mut finish) = finish.cloned() else {
        return Ok((None, None));
    };
    let output = finish.output.take();
    Ok((Some(serde_json::to_string(&finish)?), output))
}

fn read_evidence(cells: &mut Cells<'_>) -> Result<Option<Finish>> {
    let json: Option<String> = cells.take()?;
    let output = cells.payload()?;
    let Some(json) = json else {
        return Ok(None);
    };
    let finish: Finish = serde_json::from_str(&json)?;
    Ok(Some(Finish { output, ..finish }))
}

pub(crate) const TIMELINE: &str =
    "SELECT position, at, state, cause, actor FROM timeline WHERE task = ?1 ORDER BY position";
pub(crate) const ADD_ENTRY: &str = "
    INSERT INTO timeline (task, position, at, state, cause, actor)
    SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3, ?4, ?5 FROM timeline WHERE task = ?1
    RETURNING position";
pub(crate) const FORGET_ENTRY: &str = "DELETE FROM timeline WHERE task = ?1 AND position = ?2";

/// Reads the timeline of the task with this number.
pub(crate) fn read_timeline(connection: &Connection, number: i64, task: &mut Task) -> Result<()> {
    let mut statement = connection.prepare_cached(TIMELINE)?;
    let mut rows = all(statement.query([number])?, |cells| {
        let position: i64 = cells.take()?;
        Ok((position, entry(cells)?))
    })?;
    // One row more than is shown: the last one that is left out, which stands for all of those.
    if rows.len() > TIMELINE_FIRST + TIMELINE_LAST
        && let Some((position, entry)) = rows.get_mut(TIMELINE_FIRST)
    {
        let left_out = position
            .saturating_add(1)
            .saturating_sub(limit(TIMELINE_FIRST));
        task.left_out = left_out.unsigned_abs();
        *entry = entry.left_out(task.left_out);
    }
    task.timeline = rows.into_iter().map(|(_, entry)| entry).collect();
    Ok(())
}

fn entry(cells: &mut Cells<'_>) -> Result<TimelineEntry> {
    let at = cells.time()?;
    let state: String = cells.take()?;
    let cause = cells.take()?;
    let actor: String = cells.take()?;
    Ok(TimelineEntry {
        at,
        state: state.parse::<StateName>().map_err(Error::damaged)?,
        cause,
        actor: [Actor::Agent, Actor::Server, Actor::Api, Actor::Page]
            .into_iter()
            .find(|known| known.as_str() == actor)
            .ok_or_else(|| Error::damaged(format!("no actor is called {actor}")))?,
    })
}

/// Adds to the timeline of the task with this number, and keeps it bounded.
pub(crate) fn add_entry(connection: &Connection, number: i64, entry: &TimelineEntry) -> Result<()> {
    let mut statement = connection.prepare_cached(ADD_ENTRY)?;
    let added = params![
        number,
        entry.at.as_millis(),
        entry.state.as_str(),
        entry.cause,
        entry.actor.as_str(),
    ];
    let position: i64 = statement.query_row(added, |row| row.get(0))?;
    let forgotten = position - limit(TIMELINE_LAST + 1);
    if forgotten >= limit(TIMELINE_FIRST) {
        let mut statement = connection.prepare_cached(FORGET_ENTRY)?;
        statement.execute([number, forgotten])?;
    }
    Ok(())
}

/// What is kept of several samples, as JSON. Numbers of 32 bits go as such of 64, which come back
/// from text to the last bit.
#[derive(Serialize, Deserialize)]
struct ThinnedRow {
    count: u32,
    from: i64,
    used_memory: (u64, u64),
    average_cpu: (f64, f64),
    gauges: Vec<(f64, f64)>,
}

pub(crate) fn thinned(thinned: Option<&Thinned>) -> Result<Option<String>> {
    let Some(thinned) = thinned else {
        return Ok(None);
    };
    let (least, most) = thinned.average_cpu;
    let row = ThinnedRow {
        count: thinned.count,
        from: thinned.from.as_millis(),
        used_memory: thinned.used_memory,
        average_cpu: (f64::from(least), f64::from(most)),
        gauges: thinned.gauges.clone(),
    };
    Ok(Some(serde_json::to_string(&row)?))
}

pub(crate) fn read_thinned(cells: &mut Cells<'_>) -> Result<Option<Box<Thinned>>> {
    let Some(json) = cells.take::<Option<String>>()? else {
        return Ok(None);
    };
    let row: ThinnedRow = serde_json::from_str(&json)?;
    let (least, most) = row.average_cpu;
    #[allow(clippy::cast_possible_truncation)] // they were numbers of 32 bits
    let average_cpu = (least as f32, most as f32);
    Ok(Some(Box::new(Thinned {
        count: row.count,
        from: Timestamp::from_millis(row.from),
        used_memory: row.used_memory,
        average_cpu,
        gauges: row.gauges,
    })))
}

/// Reads epoch, sequence and behind.
pub(crate) fn delivery(cells: &mut Cells<'_>) -> Result<Delivery> {
    Ok(Delivery {
        epoch: cells
            .take::<Option<[u8; 16]>>()?
            .map(widget_core::id::SpoolEpoch::from_bytes),
        sequence: cells.number()?,
        behind: cells
            .take::<Option<i64>>()?
            .map(widget_core::time::Timestamp::from_millis),
    })
}
