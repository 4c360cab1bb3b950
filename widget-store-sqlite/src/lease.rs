//! What an agent is given: admissions and leases, as [`LeasePlan`] says.

use rusqlite::{Connection, Row, params};
use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::store::{
    Admission, Admitted, Delivery, LeasePlan, LeaseRequest, Leased, Step, StoreEpochs,
    timeline_entry,
};
use widget_core::task::{Actor, Applied, Event, Revision, Task};
use widget_core::time::Timestamp;

use crate::error::{Error, Result};
use crate::rows::{self, Cells, task_columns};
use crate::{schema, tasks};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE agent = ?1 AND ",
            $rest
        )
    };
}
pub(crate) const HELD: &str =
    select!("state IN ('leased', 'accepted', 'running') ORDER BY sequence, number");
/// Only what tells whether a task is to be looked at: there may be thousands of a kind that the
/// agent has no room for.
pub(crate) const QUEUED: &str = "SELECT number, kind, ordering_key FROM tasks \
     WHERE agent = ?1 AND state = 'queued' ORDER BY priority DESC, number";
const DELIVERY: &str = "SELECT epoch, sequence, behind FROM deliveries WHERE agent = ?1";
const DELIVER: &str = "INSERT OR REPLACE INTO deliveries VALUES (?1, ?2, ?3, ?4)";
const EPOCHS: &str = "SELECT epoch FROM epochs ORDER BY number";
const NEW_EPOCH: &str = "INSERT INTO epochs (epoch) VALUES (?1)";
const OLD_EPOCHS: &str = "DELETE FROM epochs WHERE number <= (SELECT max(number) FROM epochs) - ?1";

/// Admits an agent's memory and takes back what an earlier one held.
pub(crate) fn admit(connection: &Connection, admission: &Admission) -> Result<Admitted> {
    let before = epochs(connection)?;
    let mut store = before.clone();
    let mut delivery = delivery(connection, admission.agent)?;
    let fresh = schema::generate_epoch(admission.now)?;
    let admitted = delivery.admit(admission, &mut store, fresh);
    if store != before {
        connection
            .prepare_cached(NEW_EPOCH)?
            .execute([store.current.as_bytes()])?;
        connection.execute(OLD_EPOCHS, [i64::from(StoreEpochs::KEPT)])?;
    }
    deliver(connection, admission.agent, &delivery)?;
    let mut statement = connection.prepare_cached(HELD)?;
    let held = rows::each(statement.query([admission.agent.as_bytes()])?, rows::task);
    // Changed only after all were looked at, and read anew: each may carry a good deal.
    let mut lost = Vec::new();
    for found in held {
        let (number, task) = found?;
        if task.state.held_by().is_some_and(|by| by != admission.epoch) {
            lost.push(number);
        }
    }
    for number in lost {
        if let Some((number, mut task)) = tasks::by_number(connection, number)? {
            let event = Event::SpoolLost;
            apply(connection, number, &mut task, &event, admission.now)?;
        }
    }
    Ok(admitted)
}

/// Answers a lease without writing; `None` if something is to be written.
pub(crate) fn look(connection: &Connection, request: &LeaseRequest) -> Result<Option<Leased>> {
    let delivery = delivery(connection, request.agent)?;
    delivery.check(request.agent, request.epoch)?;
    if delivery.behind.is_some() {
        return Ok(None);
    }
    let mut plan = LeasePlan::new(request, &delivery);
    let mut changes = false;
    show(connection, request.agent, &mut plan, |_, task, event| {
        changes |= matches!(
            task.state.apply(&event, request.now),
            Ok(Applied::Change(_))
        );
        !changes
    })?;
    if changes {
        return Ok(None);
    }
    finish(connection, &plan, Vec::new()).map(Some)
}

/// Gives an agent the tasks that are its next.
pub(crate) fn grant(connection: &Connection, request: &LeaseRequest) -> Result<Leased> {
    let before = delivery(connection, request.agent)?;
    before.check(request.agent, request.epoch)?;
    let mut plan = LeasePlan::new(request, &before);
    // Changed only after all were looked at: a change moves rows within the index that is read.
    let mut steps = Vec::new();
    show(
        connection,
        request.agent,
        &mut plan,
        |number, task, event| {
            steps.push((number, task, event));
            true
        },
    )?;
    let mut delivery = before;
    let mut given = Vec::new();
    for (number, mut task, event) in steps {
        let leases = matches!(event, Event::Lease { .. });
        if leases {
            task.sequence = task.sequence.or_else(|| Some(delivery.next_sequence()));
        }
        if apply(connection, number, &mut task, &event, request.now)? && leases {
            rows::read_timeline(connection, number, &mut task)?;
            given.push(task);
        }
    }
    delivery.behind = None;
    if delivery != before {
        deliver(connection, request.agent, &delivery)?;
    }
    finish(connection, &plan, given)
}

/// Shows a plan the tasks of an agent, and `visit` what is to be done with each, until it says
/// that it has seen enough or the plan that it is full.
fn show(
    connection: &Connection,
    agent: AgentId,
    plan: &mut LeasePlan<'_>,
    mut visit: impl FnMut(i64, Task, Event) -> bool,
) -> Result<()> {
    let mut visit = |number, task, step| match step {
        Step::Skip => true,
        Step::Apply(event) => visit(number, task, event),
        Step::Full => false,
    };
    let mut held = connection.prepare_cached(HELD)?;
    let mut rows = held.query([agent.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let (number, task) = rows::task(&mut Cells::new(row))?;
        let step = plan.held(&task);
        if !visit(number, task, step) {
            return Ok(());
        }
    }
    let mut queued = connection.prepare_cached(QUEUED)?;
    let mut rows = queued.query([agent.as_bytes()])?;
    while let Some(row) = rows.next()? {
        if plan.passes_over(text(row, 1)?.unwrap_or_default(), text(row, 2)?) {
            continue;
        }
        let Some((number, task)) = tasks::by_number(connection, row.get(0)?)? else {
            continue;
        };
        let step = plan.queued(&task);
        if !visit(number, task, step) {
            return Ok(());
        }
    }
    Ok(())
}

/// The text in a cell, read where it is.
fn text<'r>(row: &'r Row<'_>, cell: usize) -> Result<Option<&'r str>> {
    let text = row.get_ref(cell)?.as_str_or_null();
    Ok(text.map_err(rusqlite::Error::from)?)
}

fn finish(connection: &Connection, plan: &LeasePlan<'_>, tasks: Vec<Task>) -> Result<Leased> {
    Ok(Leased {
        tasks,
        cancel: plan.cancels(|id| {
            let found = tasks::by_id(connection, id)?;
            Ok::<_, Error>(found.map(|(_, task)| task))
        })?,
        next_due: plan.next_due(),
    })
}

/// Applies an event of the server if the rules allow it; says whether the task has changed.
fn apply(
    connection: &Connection,
    number: i64,
    task: &mut Task,
    event: &Event,
    now: Timestamp,
) -> Result<bool> {
    let Ok(Applied::Change(state)) = task.state.apply(event, now) else {
        return Ok(false);
    };
    let entry = timeline_entry(&task.state, &state, event, Actor::Server, now);
    let was = std::mem::replace(&mut task.state, state).name();
    task.revision = Revision(task.revision.0 + 1);
    tasks::update(connection, number, (was, task), entry.as_ref())?;
    Ok(true)
}

/// The last one is the one that the store is in.
fn epochs(connection: &Connection) -> Result<StoreEpochs> {
    let mut statement = connection.prepare_cached(EPOCHS)?;
    let epoch = |cells: &mut Cells<'_>| cells.take().map(StoreEpoch::from_bytes);
    let mut earlier = rows::all(statement.query(())?, epoch)?;
    let current = earlier.pop();
    let current = current.ok_or_else(|| Error::damaged("the store has no epoch"))?;
    Ok(StoreEpochs { current, earlier })
}

fn delivery(connection: &Connection, agent: AgentId) -> Result<Delivery> {
    let mut statement = connection.prepare_cached(DELIVERY)?;
    let found = rows::first(statement.query([agent.as_bytes()])?, rows::delivery)?;
    Ok(found.unwrap_or_default())
}

fn deliver(connection: &Connection, agent: AgentId, delivery: &Delivery) -> Result<()> {
    connection.prepare_cached(DELIVER)?.execute(params![
        agent.as_bytes(),
        delivery.epoch.as_ref().map(SpoolEpoch::as_bytes),
        delivery.sequence.cast_signed(),
        delivery.behind.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, zip};
    use widget_core::message::KindRoom;
    use widget_core::store::TaskStore;
    use widget_core::testkit::fixtures::{NOW, agent, epoch, new_task};
    use widget_core::testkit::run;

    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    #[test]
    fn a_lease_with_nothing_to_give_does_not_wait_for_the_writer() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
        let admission = Admission {
            agent: agent(1),
            epoch: epoch(1),
            seen: None,
            now: NOW,
        };
        let request = LeaseRequest {
            agent: agent(1),
            epoch: epoch(1),
            room: 4,
            bytes: 1_000,
            holding: Vec::new(),
            now: NOW,
            kinds: Vec::new(),
        };
        block_on(store.admit(&admission)).unwrap();
        let (hold, held) = async_channel::bounded::<()>(1);
        let busy = store.write(move |_| Ok(held.recv_blocking().is_ok()));
        let (_, leased) = run(zip(busy, async {
            let leased = store.lease(&request).await;
            hold.close();
            leased
        }));
        assert_eq!(leased.unwrap(), Leased::default());
    }

    #[test]
    fn tasks_of_a_kind_without_room_are_passed_over_unread() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
        let admission = Admission {
            agent: agent(1),
            epoch: epoch(1),
            seen: None,
            now: NOW,
        };
        let task = new_task(1, agent(1));
        let mut request = LeaseRequest {
            agent: agent(1),
            epoch: epoch(1),
            room: 4,
            bytes: 1_000,
            holding: Vec::new(),
            now: NOW,
            kinds: vec![KindRoom {
                kind: task.kind.clone(),
                room: 0,
            }],
        };
        block_on(store.admit(&admission)).unwrap();
        block_on(store.insert(task)).unwrap();
        let spoil = "UPDATE tasks SET life = 'what nobody can read'";
        block_on(store.write(|connection| Ok(connection.execute(spoil, ())?))).unwrap();
        assert_eq!(block_on(store.lease(&request)).unwrap(), Leased::default());
        request.kinds.clear();
        block_on(store.lease(&request)).unwrap_err();
    }
}
