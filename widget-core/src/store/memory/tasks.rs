//! The tasks of a [`MemoryStore`].

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::{AgentId, StoreEpoch, TaskId};
use crate::store::{
    Admission, Admitted, Delivery, Inserted, LeasePlan, LeaseRequest, Leased, OverdueQuery, Step,
    StoreEpochs, StoreError, StoreErrorKind, TaskChange, TaskPage, TaskQuery, TaskStore, WakeUp,
    fill_page, timeline_entry,
};
use crate::task::{Actor, Applied, Event, NewTask, Once, Phase, Revision, Streamed, Task};
use crate::time::Timestamp;

#[derive(Debug, Clone)]
pub(super) struct Tasks {
    epochs: StoreEpochs,
    /// By number, in the order of their inserts.
    rows: BTreeMap<u64, Task>,
    numbers: BTreeMap<TaskId, u64>,
    keys: BTreeMap<String, TaskId>,
    /// The numbers of the tasks that have not ended, so that no lease looks at the others.
    unfinished: BTreeMap<AgentId, BTreeSet<u64>>,
    /// What was written, by the number of the task.
    outputs: BTreeMap<u64, Streamed>,
    deliveries: BTreeMap<AgentId, Delivery>,
    last_number: u64,
    /// None ended before this, so that no row is looked at while all are young.
    first_end: Option<Timestamp>,
}

impl Tasks {
    pub(super) fn new(epoch: StoreEpoch) -> Self {
        Self {
            epochs: StoreEpochs::new(epoch),
            rows: BTreeMap::new(),
            numbers: BTreeMap::new(),
            keys: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            outputs: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            last_number: 0,
            first_end: None,
        }
    }

    fn get(&self, id: TaskId) -> Option<&Task> {
        self.rows.get(self.numbers.get(&id)?)
    }

    fn unfinished(&self, agent: AgentId) -> impl Iterator<Item = (u64, &Task)> {
        let numbers = self.unfinished.get(&agent).into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.rows.get(number)?)))
    }

    fn queued(&self, agent: AgentId) -> usize {
        self.unfinished(agent)
            .filter(|(_, task)| matches!(task.state.phase, Phase::Queued { .. }))
            .count()
    }

    /// Puts a task that was written where it belongs: among the unfinished ones or not.
    fn file(&mut self, number: u64) {
        let Some(task) = self.rows.get(&number) else {
            return;
        };
        let numbers = self.unfinished.entry(task.agent).or_default();
        if let Some(end) = task.state.outcome() {
            numbers.remove(&number);
            self.first_end = Some(self.first_end.map_or(end.at, |first| first.min(end.at)));
        } else {
            numbers.insert(number);
        }
        if numbers.is_empty() {
            self.unfinished.remove(&task.agent);
        }
    }

    fn found_by(&self, task: &NewTask) -> Option<&Task> {
        match &task.once {
            Once::No => None,
            Once::Key(key) => self.get(*self.keys.get(key)?),
            Once::WhilePending => self
                .unfinished(task.agent)
                .map(|(_, row)| row)
                .find(|row| row.kind == task.kind),
        }
    }

    /// Applies an event of the server to a row, if the rules allow it there; says whether it
    /// changed.
    fn apply(&mut self, number: u64, event: &Event, now: Timestamp) -> bool {
        let Some(task) = self.rows.get_mut(&number) else {
            return false;
        };
        let Ok(Applied::Change(state)) = task.state.apply(event, now) else {
            return false;
        };
        let entry = timeline_entry(&task.state, &state, event, Actor::Server, now);
        task.record(entry);
        task.state = state;
        task.revision = Revision(task.revision.0 + 1);
        self.file(number);
        true
    }
}

impl MemoryStore {
    /// Looks at a task without a copy of it. Nobody else has the store meanwhile.
    pub fn peek<T>(&self, id: TaskId, look: impl FnOnce(&Task) -> T) -> Option<T> {
        self.rows().tasks.get(id).map(look)
    }
}

#[async_trait]
impl TaskStore for MemoryStore {
    async fn insert(&self, task: NewTask) -> Result<Inserted, StoreError> {
        let rows = &mut *self.rows();
        let tasks = &mut rows.tasks;
        if let Some(found) = tasks.found_by(&task).or_else(|| tasks.get(task.id)) {
            return Ok(Inserted {
                task: found.clone(),
                new: false,
            });
        }
        if task
            .most
            .is_some_and(|most| tasks.queued(task.agent) >= most)
        {
            return Err(StoreErrorKind::Full.into());
        }
        if let Some(entry) = &task.audit {
            rows.access.write(entry.clone());
        }
        let task = task.into_task();
        tasks.last_number += 1;
        if let Some(key) = &task.idempotency_key {
            tasks.keys.insert(key.clone(), task.id);
        }
        tasks.numbers.insert(task.id, tasks.last_number);
        tasks.rows.insert(tasks.last_number, task.clone());
        tasks.file(tasks.last_number);
        self.bells.ring(task.agent);
        Ok(Inserted { task, new: true })
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.rows().tasks.get(id).cloned())
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let rows = self.rows();
        let wanted = |task: &Task| {
            query.agent.is_none_or(|agent| agent == task.agent)
                && (query.states.is_empty() || query.states.contains(&task.state.name()))
        };
        let older = rows
            .tasks
            .rows
            .range(..query.before.unwrap_or(u64::MAX))
            .rev();
        let found = older
            .filter(|(_, task)| wanted(task))
            .map(Ok::<_, StoreError>);
        let (found, more) = fill_page(found, query.limit, |(_, task)| task.size())?;
        let next = found.last().filter(|_| more).map(|(number, _)| **number);
        Ok(TaskPage {
            tasks: found.into_iter().map(|(_, task)| task.clone()).collect(),
            next,
        })
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let tasks = &mut self.rows().tasks;
        // A new epoch must only differ from every earlier one.
        let fresh = StoreEpoch::generate(
            admission.now,
            [
                tasks.last_number,
                admission.seen.as_ref().map_or(0, |seen| seen.sequence),
            ],
        );
        let delivery = tasks.deliveries.entry(admission.agent).or_default();
        let admitted = delivery.admit(admission, &mut tasks.epochs, fresh);
        let others: Vec<u64> = tasks
            .unfinished(admission.agent)
            .filter(|(_, task)| task.state.held_by().is_some_and(|by| by != admission.epoch))
            .map(|(number, _)| number)
            .collect();
        for number in others {
            tasks.apply(number, &Event::SpoolLost, admission.now);
        }
        Ok(admitted)
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        let tasks = &mut self.rows().tasks;
        let mut delivery = tasks
            .deliveries
            .get(&request.agent)
            .copied()
            .unwrap_or_default();
        delivery.check(request.agent, request.epoch)?;

        let (mut queued, mut held): (Vec<_>, Vec<_>) = tasks
            .unfinished(request.agent)
            .partition(|(_, task)| matches!(task.state.phase, Phase::Queued { .. }));
        held.sort_by_key(|(_, task)| task.sequence);
        queued.sort_by_key(|(number, task)| (std::cmp::Reverse(task.priority), *number));

        let mut plan = LeasePlan::new(request, &delivery);
        let mut steps = Vec::with_capacity(held.len());
        for (number, task) in held {
            steps.push((number, plan.held(task)));
        }
        for (number, task) in queued {
            match plan.queued(task) {
                Step::Full => break,
                step => steps.push((number, step)),
            }
        }

        let mut leased = Leased::default();
        for (number, step) in steps {
            let Step::Apply(event) = step else { continue };
            if tasks.apply(number, &event, request.now)
                && matches!(event, Event::Lease { .. })
                && let Some(task) = tasks.rows.get_mut(&number)
            {
                task.sequence = task.sequence.or_else(|| Some(delivery.next_sequence()));
                leased.tasks.push(task.clone());
            }
        }
        let Ok(cancel) =
            plan.cancels(|id| Ok::<_, std::convert::Infallible>(tasks.get(id).cloned()));
        leased.cancel = cancel;
        leased.next_due = plan.next_due();
        delivery.behind = None;
        tasks.deliveries.insert(request.agent, delivery);
        Ok(leased)
    }

    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError> {
        let rows = &mut *self.rows();
        let tasks = &mut rows.tasks;
        let number = *tasks
            .numbers
            .get(&change.id)
            .ok_or(StoreErrorKind::NotFound)?;
        let task = tasks
            .rows
            .get_mut(&number)
            .ok_or(StoreErrorKind::NotFound)?;
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
            let output = tasks.outputs.entry(number).or_default();
            output.push(attempt, chunk);
        }
        tasks.file(number);
        if let Some(entry) = change.audit {
            rows.access.write(entry);
        }
        if rings {
            self.bells.ring(agent);
        }
        Ok(revision)
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        let rows = self.rows();
        let numbers = rows.tasks.unfinished.values().flatten();
        let mut due: Vec<_> = numbers
            .filter_map(|number| rows.tasks.rows.get(number))
            .filter(|task| task.due_at().is_some_and(|due| due <= query.now))
            .filter(|task| query.unnamed || task.overdue() != Some(Event::NoWord))
            .collect();
        due.sort_by_key(|task| task.due_at());
        let due = due.into_iter().map(|task| Ok(task.clone()));
        fill_page(due, query.limit, Task::size).map(|(due, _)| due)
    }

    async fn prune_tasks(
        &self,
        finished_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let tasks = &mut self.rows().tasks;
        if tasks.first_end.is_none_or(|first| first >= finished_before) {
            return Ok(0);
        }
        let old = |task: &Task| {
            task.state
                .outcome()
                .is_some_and(|end| end.at < finished_before)
        };
        let gone: Vec<u64> = tasks
            .rows
            .iter()
            .filter(|(_, task)| old(task))
            .map(|(number, _)| *number)
            .take(limit)
            .collect();
        for number in &gone {
            if let Some(task) = tasks.rows.remove(number) {
                tasks.numbers.remove(&task.id);
                tasks.outputs.remove(number);
                if let Some(key) = &task.idempotency_key {
                    tasks.keys.remove(key);
                }
            }
        }
        if gone.len() < limit {
            let ends = tasks.rows.values().filter_map(|task| task.state.outcome());
            tasks.first_end = ends.map(|end| end.at).min();
        }
        Ok(gone.len())
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        let tasks = &self.rows().tasks;
        let number = tasks.numbers.get(&id);
        Ok(number.and_then(|number| tasks.outputs.get(number)).cloned())
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.bells.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.bells.ring(agent);
    }
}
