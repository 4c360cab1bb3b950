//! [`FileStore`]: which tasks there are, and who is given which.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use widget_core::id::{AgentId, StoreEpoch, TaskId};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::store::{
    Admission, Admitted, Bells, Delivery, Inserted, LeasePlan, LeaseRequest, Leased, OverdueQuery,
    Step, StoreEpochs, StoreError, StoreErrorKind, TaskChange, TaskPage, TaskQuery, TaskStore,
    WakeUp, fill_page, timeline_entry,
};
use widget_core::task::{
    Actor, Applied, Event, NewTask, Once, Phase, Revision, StateName, Streamed, Task,
};
use widget_core::time::Timestamp;

use super::journal::{Entry, Journal};

/// Tasks in one file of a directory.
#[derive(Debug, Clone)]
pub struct FileStore {
    runtime: SharedRuntime,
    bells: Bells,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rows: Rows,
    journal: Journal,
    bells: Bells,
}

/// What the entries of the journal come to.
#[derive(Debug, Default)]
struct Rows {
    /// The last one is the one that the store is in.
    epochs: Vec<StoreEpoch>,
    /// By number, in the order of their inserts.
    tasks: BTreeMap<u64, Task>,
    numbers: BTreeMap<TaskId, u64>,
    deliveries: BTreeMap<AgentId, Delivery>,
    outputs: BTreeMap<TaskId, Streamed>,
    last: u64,
}

impl FileStore {
    /// Opens the tasks in this directory, or begins anew. Blocks, so call it before anything is
    /// served.
    ///
    /// # Errors
    /// [`InUse`](StoreErrorKind::InUse), [`Corrupt`](StoreErrorKind::Corrupt) and
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    pub fn open(runtime: SharedRuntime, directory: &Path) -> Result<Self, StoreError> {
        let mut rows = Rows::default();
        let path = directory.join("tasks.journal");
        let journal = Journal::open(&path, |entry| rows.take(entry))?;
        let bells = Bells::default();
        let mut state = State {
            rows,
            journal,
            bells: bells.clone(),
        };
        if state.rows.epochs.is_empty() {
            let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
            state.commit(vec![Entry::Epoch(epoch)])?;
        }
        Ok(Self {
            runtime,
            bells,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Works on the state where blocking is allowed: a transaction waits for the disk, and whoever
    /// reads waits for the transaction. Goes on to its end even if the caller does not wait for it.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let state = Arc::clone(&self.state);
        let work = move || work(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        let done = self.runtime.blocking(work).await;
        done.unwrap_or(Err(StoreErrorKind::Unavailable.into()))
    }
}

impl Rows {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Epoch(epoch) => self.epochs.push(epoch),
            Entry::Task(number, task) => {
                self.last = self.last.max(number);
                self.numbers.insert(task.id, number);
                self.tasks.insert(number, task);
            }
            Entry::Gone(number) => {
                if let Some(task) = self.tasks.remove(&number) {
                    self.numbers.remove(&task.id);
                    self.outputs.remove(&task.id);
                }
            }
            Entry::Output(id, attempt, chunk) => {
                self.outputs.entry(id).or_default().push(attempt, &chunk);
            }
            Entry::Delivery(agent, delivery) => {
                self.deliveries.insert(agent, delivery);
            }
        }
    }

    fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(self.numbers.get(&id)?)
    }

    fn unfinished(&self) -> impl Iterator<Item = (u64, &Task)> {
        let all = self.tasks.iter().map(|(number, task)| (*number, task));
        all.filter(|(_, task)| !task.state.name().is_terminal())
    }

    fn unfinished_of(&self, agent: AgentId) -> impl Iterator<Item = (u64, &Task)> {
        self.unfinished()
            .filter(move |(_, task)| task.agent == agent)
    }

    fn queued(&self, agent: AgentId) -> usize {
        let all = self.unfinished_of(agent);
        all.filter(|(_, task)| task.state.name() == StateName::Queued)
            .count()
    }

    /// The task that a new one would repeat.
    fn found_by(&self, new: &NewTask) -> Option<&Task> {
        let same = match &new.once {
            Once::No => None,
            Once::Key(key) => {
                let mut all = self.tasks.values();
                all.find(|task| task.idempotency_key.as_ref() == Some(key))
            }
            Once::WhilePending => {
                let mut pending = self.unfinished_of(new.agent).map(|(_, task)| task);
                pending.find(|task| task.kind == new.kind)
            }
        };
        same.or_else(|| self.get(new.id))
    }
}

impl State {
    /// Keeps what is so from now on: first in the file, then in memory.
    fn commit(&mut self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if !entries.is_empty() {
            self.journal.append(&entries)?;
            entries.into_iter().for_each(|entry| self.rows.take(entry));
        }
        Ok(())
    }

    fn admit(&mut self, admission: &Admission, fresh: StoreEpoch) -> Result<Admitted, StoreError> {
        let (current, earlier) = match self.rows.epochs.split_last() {
            Some((current, earlier)) => (*current, earlier.to_vec()),
            None => (fresh, Vec::new()),
        };
        let mut epochs = StoreEpochs { current, earlier };
        let mut delivery = self.delivery(admission.agent);
        let admitted = delivery.admit(admission, &mut epochs, fresh);
        let mut entries = vec![Entry::Delivery(admission.agent, delivery)];
        if epochs.current != current {
            entries.push(Entry::Epoch(epochs.current));
        }
        for (number, task) in self.rows.unfinished_of(admission.agent) {
            let other = task.state.held_by().is_some_and(|by| by != admission.epoch);
            let lost = other.then(|| after(task, &Event::SpoolLost, admission.now));
            entries.extend(lost.flatten().map(|task| Entry::Task(number, task)));
        }
        self.commit(entries)?;
        Ok(admitted)
    }

    fn lease(&mut self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        let before = self.delivery(request.agent);
        before.check(request.agent, request.epoch)?;
        let (mut queued, mut held): (Vec<_>, Vec<_>) = self
            .rows
            .unfinished_of(request.agent)
            .partition(|(_, task)| matches!(task.state.phase, Phase::Queued { .. }));
        held.sort_by_key(|(_, task)| task.sequence);
        queued.sort_by_key(|(number, task)| (Reverse(task.priority), *number));

        let mut plan = LeasePlan::new(request, &before);
        let mut steps = Vec::new();
        for (number, task) in held {
            steps.push((number, task, plan.held(task)));
        }
        for (number, task) in queued {
            match plan.queued(task) {
                Step::Full => break,
                step => steps.push((number, task, step)),
            }
        }

        let (mut leased, mut entries, mut delivery) = (Leased::default(), Vec::new(), before);
        delivery.behind = None;
        for (number, task, step) in steps {
            let Step::Apply(event) = step else { continue };
            let Some(mut task) = after(task, &event, request.now) else {
                continue;
            };
            if matches!(event, Event::Lease { .. }) {
                let sequence = task.sequence.unwrap_or_else(|| delivery.next_sequence());
                task.sequence = Some(sequence);
                leased.tasks.push(task.clone());
            }
            entries.push(Entry::Task(number, task));
        }
        leased.next_due = plan.next_due();
        if delivery != before {
            entries.push(Entry::Delivery(request.agent, delivery));
        }
        let Ok(cancel) = plan.cancels(|id| Ok::<_, Infallible>(self.rows.get(id).cloned()));
        leased.cancel = cancel;
        self.commit(entries)?;
        Ok(leased)
    }

    fn delivery(&self, agent: AgentId) -> Delivery {
        self.rows
            .deliveries
            .get(&agent)
            .copied()
            .unwrap_or_default()
    }
}

/// The task after an event of the server's, if that changes it.
fn after(task: &Task, event: &Event, now: Timestamp) -> Option<Task> {
    let Ok(Applied::Change(state)) = task.state.apply(event, now) else {
        return None;
    };
    let mut task = task.clone();
    let entry = timeline_entry(&task.state, &state, event, Actor::Server, now);
    task.record(entry);
    task.revision = Revision(task.revision.0 + 1);
    task.state = state;
    Some(task)
}

#[async_trait]
impl TaskStore for FileStore {
    async fn insert(&self, new: NewTask) -> Result<Inserted, StoreError> {
        self.with(move |state| {
            if let Some(found) = state.rows.found_by(&new) {
                let task = found.clone();
                return Ok(Inserted { task, new: false });
            }
            if new
                .most
                .is_some_and(|most| state.rows.queued(new.agent) >= most)
            {
                return Err(StoreErrorKind::Full.into());
            }
            let task = new.into_task();
            state.commit(vec![Entry::Task(state.rows.last + 1, task.clone())])?;
            state.bells.ring(task.agent);
            Ok(Inserted { task, new: true })
        })
        .await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.with(move |state| Ok(state.rows.get(id).cloned()))
            .await
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let query = query.clone();
        self.with(move |state| {
            let wanted = |task: &Task| {
                query.agent.is_none_or(|agent| agent == task.agent)
                    && (query.states.is_empty() || query.states.contains(&task.state.name()))
            };
            let older = ..query.before.unwrap_or(u64::MAX);
            let found = state.rows.tasks.range(older).rev();
            let found = found
                .filter(|(_, task)| wanted(task))
                .map(Ok::<_, StoreError>);
            let (page, more) = fill_page(found, query.limit, |(_, task)| task.size())?;
            let last = page.last().filter(|_| more);
            Ok(TaskPage {
                next: last.map(|(number, _)| **number),
                tasks: page.into_iter().map(|(_, task)| task.clone()).collect(),
            })
        })
        .await
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let fresh = StoreEpoch::generate(admission.now, self.runtime.random_pair());
        let admission = admission.clone();
        self.with(move |state| state.admit(&admission, fresh)).await
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        let request = request.clone();
        self.with(move |state| state.lease(&request)).await
    }

    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError> {
        self.with(move |state| {
            let number = state.rows.numbers.get(&change.id).copied();
            let task = number.and_then(|number| Some((number, state.rows.tasks.get(&number)?)));
            let (number, task) = task.ok_or(StoreErrorKind::NotFound)?;
            if task.revision != change.expected {
                return Err(StoreErrorKind::Conflict.into());
            }
            let (mut task, rings) = (task.clone(), change.rings());
            task.state = change.state;
            task.evidence = change.evidence.or(task.evidence);
            task.record(change.entry);
            task.revision = Revision(task.revision.0 + 1);
            let (agent, revision) = (task.agent, task.revision);
            let (id, attempt) = (change.id, task.state.attempt);
            let output = change.chunk.map(|chunk| Entry::Output(id, attempt, chunk));
            let mut entries = vec![Entry::Task(number, task)];
            entries.extend(output);
            state.commit(entries)?;
            if rings {
                state.bells.ring(agent);
            }
            Ok(revision)
        })
        .await
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        let query = *query;
        self.with(move |state| {
            let unfinished = state.rows.unfinished().map(|(_, task)| task);
            let mut due: Vec<_> = unfinished
                .filter(|task| task.due_at().is_some_and(|due| due <= query.now))
                .filter(|task| query.unnamed || task.overdue() != Some(Event::NoWord))
                .collect();
            due.sort_by_key(|task| task.due_at());
            let due = due.into_iter().map(|task| Ok(task.clone()));
            fill_page(due, query.limit, Task::size).map(|(due, _)| due)
        })
        .await
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        self.with(move |state| Ok(state.rows.outputs.get(&id).cloned()))
            .await
    }

    async fn prune_tasks(
        &self,
        finished_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.with(move |state| {
            let old = |task: &Task| {
                let outcome = task.state.outcome();
                outcome.is_some_and(|outcome| outcome.at < finished_before)
            };
            let gone = state.rows.tasks.iter().filter(|(_, task)| old(task));
            let gone: Vec<_> = gone
                .map(|(number, _)| Entry::Gone(*number))
                .take(limit)
                .collect();
            let count = gone.len();
            state.commit(gone)?;
            Ok(count)
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
