//! A whole task store: rows under one lock, for the life of the process.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use widget_core::id::{AgentId, StoreEpoch, TaskId};
use widget_core::store::{
    Admission, Admitted, Bells, Delivery, Inserted, LeasePlan, LeaseRequest, Leased, OverdueQuery,
    Step, StoreEpochs, StoreError, StoreErrorKind, TaskChange, TaskPage, TaskQuery, TaskStore,
    WakeUp, fill_page, timeline_entry,
};
use widget_core::task::{
    Actor, Applied, Event, NewTask, Once, Phase, Revision, StateName, Streamed, Task,
};
use widget_core::time::Timestamp;

#[derive(Debug)]
pub(crate) struct ToyStore {
    rows: Mutex<Rows>,
    bells: Bells,
}

#[derive(Debug)]
struct Rows {
    epochs: StoreEpochs,
    /// By a number that rises with each insert.
    tasks: BTreeMap<u64, Task>,
    last: u64,
    deliveries: BTreeMap<AgentId, Delivery>,
    outputs: BTreeMap<TaskId, Streamed>,
}

impl ToyStore {
    /// An empty store; its epoch should be random.
    pub(crate) fn new(epoch: StoreEpoch) -> Self {
        let rows = Rows {
            epochs: StoreEpochs::new(epoch),
            tasks: BTreeMap::new(),
            last: 0,
            deliveries: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        Self {
            rows: Mutex::new(rows),
            bells: Bells::default(),
        }
    }

    /// Taken once in each method: the lock is the transaction.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.values().find(|task| task.id == id)
    }

    fn queued(&self, agent: AgentId) -> usize {
        let queued = |task: &&Task| task.state.name() == StateName::Queued && task.agent == agent;
        self.tasks.values().filter(queued).count()
    }

    /// The task that this one would repeat.
    fn repeated(&self, new: &NewTask) -> Option<&Task> {
        self.tasks.values().find(|task| {
            let same = match &new.once {
                Once::No => false,
                Once::Key(key) => task.idempotency_key.as_ref() == Some(key),
                Once::WhilePending => {
                    let pending = !task.state.name().is_terminal();
                    pending && task.agent == new.agent && task.kind == new.kind
                }
            };
            same || task.id == new.id
        })
    }
}

/// Applies an event, if the rules allow it; says whether that changed the task.
fn apply(task: &mut Task, event: &Event, now: Timestamp) -> bool {
    let Ok(Applied::Change(state)) = task.state.apply(event, now) else {
        return false;
    };
    let entry = timeline_entry(&task.state, &state, event, Actor::Server, now);
    task.record(entry);
    task.state = state;
    task.revision = Revision(task.revision.0 + 1);
    true
}

#[async_trait]
impl TaskStore for ToyStore {
    async fn insert(&self, new: NewTask) -> Result<Inserted, StoreError> {
        let mut rows = self.rows();
        if let Some(task) = rows.repeated(&new).cloned() {
            return Ok(Inserted { task, new: false });
        }
        if new.most.is_some_and(|most| rows.queued(new.agent) >= most) {
            return Err(StoreErrorKind::Full.into());
        }
        let task = new.into_task();
        rows.last += 1;
        let number = rows.last;
        rows.tasks.insert(number, task.clone());
        drop(rows);
        // Never before the commit: who is woken looks at once.
        self.bells.ring(task.agent);
        Ok(Inserted { task, new: true })
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.rows().task(id).cloned())
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let rows = self.rows();
        let before = query.before.unwrap_or(u64::MAX);
        let found = rows.tasks.range(..before).rev().filter(|(_, task)| {
            let states = &query.states;
            query.agent.is_none_or(|agent| agent == task.agent)
                && (states.is_empty() || states.contains(&task.state.name()))
        });
        let found = found.map(Ok::<_, StoreError>);
        let (page, more) = fill_page(found, query.limit, |(_, task)| task.size())?;
        let last = page.last().filter(|_| more);
        Ok(TaskPage {
            next: last.map(|(number, _)| **number),
            tasks: page.into_iter().map(|(_, task)| task.clone()).collect(),
        })
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let Rows {
            epochs,
            tasks,
            deliveries,
            last,
            ..
        } = &mut *self.rows();
        // It must differ from every epoch before it, and no more.
        let seen = admission.seen.as_ref().map_or(0, |seen| seen.sequence);
        let fresh = StoreEpoch::generate(admission.now, [*last, seen]);
        let delivery = deliveries.entry(admission.agent).or_default();
        let admitted = delivery.admit(admission, epochs, fresh);
        for task in tasks.values_mut() {
            let holder = task.state.held_by();
            if task.agent == admission.agent && holder.is_some_and(|by| by != admission.epoch) {
                apply(task, &Event::SpoolLost, admission.now);
            }
        }
        Ok(admitted)
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        let rows = &mut *self.rows();
        let delivery = rows.deliveries.entry(request.agent).or_default();
        delivery.check(request.agent, request.epoch)?;

        let all = rows.tasks.iter();
        let all = all.filter(|(_, task)| task.agent == request.agent && task.due_at().is_some());
        let (mut queued, mut held): (Vec<_>, Vec<_>) =
            all.partition(|(_, task)| matches!(task.state.phase, Phase::Queued { .. }));
        held.sort_by_key(|(_, task)| task.sequence);
        queued.sort_by_key(|(number, task)| (Reverse(task.priority), **number));

        let mut plan = LeasePlan::new(request, delivery);
        let mut steps = Vec::new();
        for (number, task) in held {
            steps.push((*number, plan.held(task)));
        }
        for (number, task) in queued {
            match plan.queued(task) {
                Step::Full => break,
                step => steps.push((*number, step)),
            }
        }

        let mut leased = Leased::default();
        for (number, step) in steps {
            if let Step::Apply(event) = step
                && let Some(task) = rows.tasks.get_mut(&number)
                && apply(task, &event, request.now)
                && matches!(event, Event::Lease { .. })
            {
                task.sequence = task.sequence.or_else(|| Some(delivery.next_sequence()));
                leased.tasks.push(task.clone());
            }
        }
        delivery.behind = None;
        leased.cancel = plan.cancels(|id| Ok::<_, StoreError>(rows.task(id).cloned()))?;
        leased.next_due = plan.next_due();
        Ok(leased)
    }

    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError> {
        let mut rows = self.rows();
        let task = rows.tasks.values_mut().find(|task| task.id == change.id);
        let task = task.ok_or(StoreErrorKind::NotFound)?;
        if task.revision != change.expected {
            return Err(StoreErrorKind::Conflict.into());
        }
        let rings = change.rings();
        task.state = change.state;
        task.evidence = change.evidence.or(task.evidence.take());
        task.record(change.entry);
        task.revision = Revision(task.revision.0 + 1);
        let (agent, revision, attempt) = (task.agent, task.revision, task.state.attempt);
        if let Some(chunk) = &change.chunk {
            let output = rows.outputs.entry(change.id).or_default();
            output.push(attempt, chunk);
        }
        drop(rows);
        if rings {
            self.bells.ring(agent);
        }
        Ok(revision)
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        let rows = self.rows();
        let is_due = |task: &&Task| {
            task.due_at().is_some_and(|due| due <= query.now)
                && (query.unnamed || task.overdue() != Some(Event::NoWord))
        };
        let mut due: Vec<Task> = rows.tasks.values().filter(is_due).cloned().collect();
        due.sort_by_key(Task::due_at);
        fill_page(due.into_iter().map(Ok), query.limit, Task::size).map(|(due, _)| due)
    }

    async fn prune_tasks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut pruned = 0;
        let Rows { tasks, outputs, .. } = &mut *self.rows();
        tasks.retain(|_, task| {
            let old = task.state.outcome().is_some_and(|end| end.at < before);
            let keep = !old || pruned == limit;
            pruned += usize::from(!keep);
            if !keep {
                outputs.remove(&task.id);
            }
            keep
        });
        Ok(pruned)
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        Ok(self.rows().outputs.get(&id).cloned())
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.bells.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.bells.ring(agent);
    }
}
