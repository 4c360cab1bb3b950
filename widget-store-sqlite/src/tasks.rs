//! The tasks of a [`SqliteStore`]. What an agent is given stands in [`lease`](crate::lease).

use async_trait::async_trait;
use rusqlite::{Connection, ToSql, params};
use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::store::{
    Admission, Admitted, Inserted, LeaseRequest, Leased, OverdueQuery, StoreError, StoreErrorKind,
    TaskChange, TaskPage, TaskQuery, TaskStore, WakeUp, fill_page,
};
use widget_core::task::{NewTask, Once, Revision, StateName, Streamed, Task, TimelineEntry};
use widget_core::time::Timestamp;

use crate::counts::{self, Counted};
use crate::error::Result;
use crate::rows::{self, task_columns};
use crate::store::SqliteStore;
use crate::{audit, lease, output};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", task_columns!(), " FROM tasks WHERE ", $rest)
    };
}
pub(crate) const BY_ID: &str = select!("id = ?1");
pub(crate) const BY_NUMBER: &str = select!("number = ?1");
pub(crate) const BY_KEY: &str = select!("idempotency_key = ?1");
// Without the hints SQLite walks through all that the agent ever had, to save the sorting.
pub(crate) const PENDING: &str = concat!(
    "SELECT ",
    task_columns!(),
    " FROM tasks INDEXED BY tasks_queued WHERE agent = ?1 AND kind = ?2 AND state = 'queued'
     UNION ALL SELECT ",
    task_columns!(),
    " FROM tasks INDEXED BY tasks_held WHERE agent = ?1 AND kind = ?2
        AND state IN ('leased', 'accepted', 'running')
     ORDER BY number LIMIT 1"
);
/// Not along all that the agent ever had, of which most has ended.
const UNFINISHED_OF_AGENT: &str = "
    WHERE number < ?1 AND number IN (
        SELECT number FROM tasks INDEXED BY tasks_queued WHERE agent = ?3 AND state = 'queued'
        UNION ALL SELECT number FROM tasks INDEXED BY tasks_held
        WHERE agent = ?3 AND state IN ('leased', 'accepted', 'running'))";
pub(crate) const OVERDUE: &str = select!("due_at <= ?1 ORDER BY due_at, number LIMIT ?2");
pub(crate) const OVERDUE_NAMED: &str =
    select!("due_at <= ?1 AND state IN ('queued', 'leased') ORDER BY due_at, number LIMIT ?2");
pub(crate) const INSERT: &str = "
    INSERT INTO tasks (id, agent, kind, created, ttl, timeout, priority, ordering_key,
        idempotency_key, revision, state, due_at, life, ttl_at, not_before, asked_not_before,
        asked_by)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const INSERT_INPUT: &str = "INSERT INTO inputs VALUES (?1, ?2)";
pub(crate) const UPDATE: &str = "
    UPDATE tasks SET sequence = ?2, revision = ?3, state = ?4, due_at = ?5, finished_at = ?6,
        life = ?7, not_before = ?8, progress = ?9, output = ?10, evidence = ?11,
        evidence_output = ?12, ttl_at = ?13
    WHERE number = ?1";
pub(crate) const PRUNE: &str = "
    DELETE FROM tasks WHERE number IN
        (SELECT number FROM tasks WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)";

#[async_trait]
impl TaskStore for SqliteStore {
    async fn insert(&self, task: NewTask) -> std::result::Result<Inserted, StoreError> {
        let bells = self.bells.clone();
        self.write_then(
            move |connection| insert(connection, &task),
            move |inserted| {
                if inserted.new {
                    bells.ring(inserted.task.agent);
                }
            },
        )
        .await
    }

    async fn task(&self, id: TaskId) -> std::result::Result<Option<Task>, StoreError> {
        self.read(move |connection| {
            let found = by_id(connection, id)?;
            found
                .map(|found| with_timeline(connection, found))
                .transpose()
        })
        .await
    }

    async fn tasks(&self, query: &TaskQuery) -> std::result::Result<TaskPage, StoreError> {
        let query = query.clone();
        self.read(move |connection| page(connection, &query)).await
    }

    async fn admit(&self, admission: &Admission) -> std::result::Result<Admitted, StoreError> {
        let admission = admission.clone();
        self.write(move |connection| lease::admit(connection, &admission))
            .await
    }

    async fn lease(&self, request: &LeaseRequest) -> std::result::Result<Leased, StoreError> {
        let look = request.clone();
        // Most calls find nothing to do, and those must not cost a sync.
        if let Some(leased) = self
            .read(move |connection| lease::look(connection, &look))
            .await?
        {
            return Ok(leased);
        }
        let request = request.clone();
        self.write(move |connection| lease::grant(connection, &request))
            .await
    }

    async fn replace(&self, change: TaskChange) -> std::result::Result<Revision, StoreError> {
        let (bells, rings) = (self.bells.clone(), change.rings());
        let replaced = self.write_then(
            move |connection| replace(connection, &change),
            move |(agent, _)| {
                if rings {
                    bells.ring(*agent);
                }
            },
        );
        Ok(replaced.await?.1)
    }

    async fn overdue(&self, query: &OverdueQuery) -> std::result::Result<Vec<Task>, StoreError> {
        let query = *query;
        self.read(move |connection| {
            let statement = if query.unnamed {
                OVERDUE
            } else {
                OVERDUE_NAMED
            };
            let mut statement = connection.prepare_cached(statement)?;
            let due = statement.query([query.now.as_millis(), rows::limit(query.limit)])?;
            let due = rows::each(due, |cells| {
                rows::task(cells).and_then(|found| with_timeline(connection, found))
            });
            fill_page(due, query.limit, Task::size).map(|(due, _)| due)
        })
        .await
    }

    async fn output(&self, id: TaskId) -> std::result::Result<Option<Streamed>, StoreError> {
        self.read(move |connection| output::read(connection, id))
            .await
    }

    async fn prune_tasks(
        &self,
        finished_before: Timestamp,
        limit: usize,
    ) -> std::result::Result<usize, StoreError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(PRUNE)?;
            Ok(statement.execute([finished_before.as_millis(), rows::limit(limit)])?)
        })
        .await
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.bells.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.bells.ring(agent);
    }
}

/// The task of this number, without its timeline.
pub(crate) fn by_number(connection: &Connection, number: i64) -> Result<Option<(i64, Task)>> {
    let mut statement = connection.prepare_cached(BY_NUMBER)?;
    rows::first(statement.query([number])?, rows::task)
}

/// The task of this id, without its timeline.
pub(crate) fn by_id(connection: &Connection, id: TaskId) -> Result<Option<(i64, Task)>> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    rows::first(statement.query([id.as_bytes()])?, rows::task)
}

/// Writes what can change of a task that was in this state, and what its timeline gains.
pub(crate) fn update(
    connection: &Connection,
    number: i64,
    (was, task): (StateName, &Task),
    entry: Option<&TimelineEntry>,
) -> Result<()> {
    counts::moved(connection, &task.agent, (was, task.state.name()))?;
    let life = rows::Life::of(&task.state)?;
    let (evidence, evidence_output) = rows::evidence(task.evidence.as_ref())?;
    connection.prepare_cached(UPDATE)?.execute(params![
        number,
        task.sequence.map(u64::cast_signed),
        task.revision.0.cast_signed(),
        task.state.name().as_str(),
        task.due_at().map(Timestamp::as_millis),
        task.state.outcome().map(|outcome| outcome.at.as_millis()),
        life.json,
        life.not_before.map(Timestamp::as_millis),
        life.progress.as_ref().map(Payload::as_bytes),
        life.output.as_ref().map(Payload::as_bytes),
        evidence,
        evidence_output.as_ref().map(Payload::as_bytes),
        life.ttl_at.as_millis(),
    ])?;
    entry.map_or(Ok(()), |entry| rows::add_entry(connection, number, entry))
}

/// The numbers of a page's tasks and of one more: the statement and what it is given.
// Only the numbers, since some have to be sorted.
pub(crate) fn list(query: &TaskQuery) -> (String, Vec<Box<dyn ToSql>>) {
    let before = query.before.and_then(|before| i64::try_from(before).ok());
    let limit = rows::limit(query.limit.saturating_add(1));
    let mut given: Vec<Box<dyn ToSql>> =
        vec![Box::new(before.unwrap_or(i64::MAX)), Box::new(limit)];
    let mut sql = "SELECT number FROM tasks".to_owned();
    sql.push_str(match query.agent {
        // There are few of them, however many have ended: found by their index, then sorted.
        None if unfinished_only(query) => {
            " INDEXED BY tasks_due WHERE due_at IS NOT NULL AND number < ?1"
        }
        None => " WHERE number < ?1",
        Some(agent) => {
            given.push(Box::new(*agent.as_bytes()));
            match unfinished_only(query) {
                true => UNFINISHED_OF_AGENT,
                false => " WHERE number < ?1 AND agent = ?3",
            }
        }
    });
    if !query.states.is_empty() {
        let names: Vec<_> = query
            .states
            .iter()
            .map(|state| format!("'{state}'"))
            .collect();
        sql.push_str(&format!(" AND state IN ({})", names.join(", ")));
    }
    sql.push_str(" ORDER BY number DESC LIMIT ?2");
    (sql, given)
}

fn unfinished_only(query: &TaskQuery) -> bool {
    !query.states.is_empty() && !query.states.iter().copied().any(StateName::is_terminal)
}

fn page(connection: &Connection, query: &TaskQuery) -> Result<TaskPage> {
    let (sql, given) = list(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query(rusqlite::params_from_iter(given))?;
    let numbers = rows::all(found, |cells| cells.take::<i64>())?;
    // One that is gone by now is left out.
    let found = numbers.into_iter().filter_map(|number| {
        let found = by_number(connection, number).transpose()?;
        Some(found.and_then(|found| Ok((found.0, with_timeline(connection, found)?))))
    });
    let (found, more) = fill_page(found, query.limit, |(_, task)| task.size())?;
    let next = found.last().filter(|_| more);
    Ok(TaskPage {
        next: next.map(|(number, _)| number.cast_unsigned()),
        tasks: found.into_iter().map(|(_, task)| task).collect(),
    })
}

fn with_timeline(connection: &Connection, (number, mut task): (i64, Task)) -> Result<Task> {
    rows::read_timeline(connection, number, &mut task)?;
    Ok(task)
}

fn insert(connection: &Connection, task: &NewTask) -> Result<Inserted> {
    let found = match found_by(connection, task)? {
        None => by_id(connection, task.id)?,
        found => found,
    };
    if let Some(found) = found {
        let task = with_timeline(connection, found)?;
        return Ok(Inserted { task, new: false });
    }
    let queued = Counted::queued(&task.agent);
    queued.has_room(connection, task.most.map(|most| most as u64))?;
    queued.add(connection)?;
    if let Some(entry) = &task.audit {
        audit::add(connection, entry)?;
    }
    let task = task.clone().into_task();
    let life = rows::Life::of(&task.state)?;
    connection.prepare_cached(INSERT)?.execute(params![
        task.id.as_bytes(),
        task.agent.as_bytes(),
        task.kind,
        task.created.as_millis(),
        rows::millis(task.ttl),
        task.timeout.map(rows::millis),
        task.priority,
        task.ordering_key,
        task.idempotency_key,
        task.state.name().as_str(),
        task.due_at().map(Timestamp::as_millis),
        life.json,
        life.ttl_at.as_millis(),
        life.not_before.map(Timestamp::as_millis),
        task.not_before.map(Timestamp::as_millis),
        task.asked_by,
    ])?;
    let number = connection.last_insert_rowid();
    connection
        .prepare_cached(INSERT_INPUT)?
        .execute(params![number, task.input.as_bytes()])?;
    for entry in &task.timeline {
        rows::add_entry(connection, number, entry)?;
    }
    Ok(Inserted { task, new: true })
}

fn found_by(connection: &Connection, task: &NewTask) -> Result<Option<(i64, Task)>> {
    match &task.once {
        Once::No => Ok(None),
        Once::Key(key) => {
            let mut statement = connection.prepare_cached(BY_KEY)?;
            rows::first(statement.query([key])?, rows::task)
        }
        Once::WhilePending => {
            let mut statement = connection.prepare_cached(PENDING)?;
            let found = statement.query(params![task.agent.as_bytes(), task.kind])?;
            rows::first(found, rows::task)
        }
    }
}

fn replace(connection: &Connection, change: &TaskChange) -> Result<(AgentId, Revision)> {
    let (number, mut task) = by_id(connection, change.id)?.ok_or(StoreErrorKind::NotFound)?;
    if task.revision != change.expected {
        return Err(StoreErrorKind::Conflict.into());
    }
    let was = std::mem::replace(&mut task.state, change.state.clone()).name();
    task.evidence = change.evidence.clone().or(task.evidence);
    task.revision = Revision(task.revision.0 + 1);
    update(connection, number, (was, &task), change.entry.as_ref())?;
    if let Some(chunk) = &change.chunk {
        output::push(connection, number, task.state.attempt, chunk)?;
    }
    if let Some(entry) = &change.audit {
        audit::add(connection, entry)?;
    }
    Ok((task.agent, task.revision))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    use futures_lite::future::{block_on, zip};
    use widget_core::task::Event;
    use widget_core::testkit::fixtures::{NOW, agent, new_task};
    use widget_core::testkit::run;

    use super::*;
    use crate::SqliteOptions;

    /// The frames of the log that end a transaction.
    fn commits(directory: &std::path::Path) -> usize {
        let log = std::fs::read(directory.join("widget.db-wal")).unwrap();
        let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        let frames = log[32..].chunks_exact(24 + word(&log[8..12]) as usize);
        frames.filter(|frame| word(&frame[4..8]) != 0).count()
    }

    #[test]
    fn changes_of_many_agents_that_wait_share_one_commit() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
        let task = |n| block_on(store.insert(new_task(n, agent(n)))).unwrap().task;
        let tasks: Vec<_> = (1..=64).map(task).collect();
        let before = commits(directory.path());
        let (hold, held) = async_channel::bounded::<()>(1);
        let busy = store.write(move |_| Ok(held.recv_blocking().is_ok()));
        let change = |task: &Task| {
            let Ok(widget_core::task::Applied::Change(state)) =
                task.state.apply(&Event::Cancel, NOW)
            else {
                panic!("a queued task can be cancelled");
            };
            store.replace(TaskChange {
                id: task.id,
                expected: task.revision,
                state,
                evidence: None,
                entry: None,
                chunk: None,
                audit: None,
            })
        };
        let mut changes: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::new();
        for task in &tasks {
            changes.push(Box::pin(change(task)));
        }
        // The first look at each puts it into the queue; the writer goes on after the last.
        let all = poll_fn(|context| {
            changes.retain_mut(|change| change.as_mut().poll(context).is_pending());
            hold.close();
            match changes.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        assert!(!run(zip(busy, all)).0.unwrap());
        // Two if the writer took the first of them along with the job that holds it up.
        assert!(commits(directory.path()) - before <= 2);
    }
}
