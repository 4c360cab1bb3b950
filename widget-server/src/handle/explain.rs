//! Gathers what an explanation is made of.

use std::collections::BTreeSet;

use widget_core::id::TaskId;
use widget_core::store::{AgentRecord, StoreError, TaskQuery};
use widget_core::task::{Phase, StateName, Task};
use widget_core::time::Timestamp;

use super::ServerHandle;
use crate::explain::{AgentFacts, Explanation, Facts, Queue, explain};

/// How many tasks are looked at in one go.
const BATCH: usize = 64;
/// How many tasks of an agent are looked at, at most: more than that are more than anybody waits
/// for one by one.
const MOST: usize = 1_024;

impl ServerHandle {
    /// Why a task is where it is. `None` if there is no such task.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain(&self, id: TaskId) -> Result<Option<Explanation>, StoreError> {
        match self.task(id).await? {
            Some(task) => self.explain_task(&task).await.map(Some),
            None => Ok(None),
        }
    }

    /// Why this task is where it is.
    pub(crate) async fn explain_task(&self, task: &Task) -> Result<Explanation, StoreError> {
        let dispatcher = &self.dispatcher;
        let record = dispatcher.stores.agents.agent(task.agent).await?;
        let queue = match &task.state.phase {
            Phase::Queued { .. } => self.queue(task).await?,
            _ => Queue::default(),
        };
        let now = dispatcher.now();
        let agent = record.as_ref().map(|record| self.agent_facts(record, now));
        Ok(explain(&Facts {
            task,
            agent,
            queue,
            now,
        }))
    }

    fn agent_facts<'a>(&self, record: &'a AgentRecord, now: Timestamp) -> AgentFacts<'a> {
        let dispatcher = &self.dispatcher;
        let (runtime, attendance) = (&dispatcher.runtime, &dispatcher.attendance);
        let mono = runtime.now();
        let (presence, seen) = attendance.of(record, mono, runtime.wall());
        let asked = attendance.last_ask(record.id);
        AgentFacts {
            record,
            presence,
            // By the clock that tasks go by, if it was heard since the start.
            heard: attendance
                .silence(record.id, mono)
                .map_or(seen, |silence| now.before(silence)),
            asked: asked.map(|ask| (now.before(mono.since(ask.at)), ask)),
        }
    }

    /// What stands between a queued task and its agent, as a lease would find it.
    async fn queue(&self, task: &Task) -> Result<Queue, StoreError> {
        let mut query = TaskQuery {
            agent: Some(task.agent),
            states: vec![
                StateName::Queued,
                StateName::Leased,
                StateName::Accepted,
                StateName::Running,
            ],
            before: None,
            limit: BATCH,
        };
        let (mut queue, mut looked, mut older) = (Queue::default(), 0, false);
        let mut keys = Keys::default();
        let now = self.dispatcher.now();
        loop {
            let page = self.tasks(&query).await?;
            looked += page.tasks.len();
            for other in page.tasks {
                if other.id == task.id {
                    older = true;
                } else {
                    queue.count(task, other, older, now, &mut keys);
                }
            }
            query.before = page.next;
            queue.more = page.next.is_some();
            if !queue.more || looked >= MOST {
                // Of each key one goes, and none while one is held.
                let free = keys.queued.difference(&keys.held).count();
                queue.ahead += u64::try_from(free).unwrap_or(u64::MAX);
                return Ok(queue);
            }
        }
    }
}

/// The ordering keys of tasks that the agent has, and of those that go before.
#[derive(Default)]
struct Keys {
    held: BTreeSet<String>,
    queued: BTreeSet<String>,
}

impl Queue {
    /// Takes in another unfinished task of the agent. The lists go from new to old, so the last one
    /// of the key that is found is the one that is waited for.
    fn count(&mut self, task: &Task, other: Task, older: bool, now: Timestamp, keys: &mut Keys) {
        let same_key = task.ordering_key.is_some() && task.ordering_key == other.ordering_key;
        let Phase::Queued { not_before } = &other.state.phase else {
            self.held += 1;
            keys.held.extend(other.ordering_key);
            self.held_of_kind += u64::from(other.kind == task.kind);
            if same_key {
                self.of_its_key = Some((other.id, other.kind, other.state.name()));
            }
            return;
        };
        let first = match other.priority.cmp(&task.priority) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => older,
            std::cmp::Ordering::Less => false,
        };
        if !first {
            return;
        }
        if not_before.is_none_or(|due| due <= now) {
            match &other.ordering_key {
                Some(key) => drop(keys.queued.insert(key.clone())),
                None => self.ahead += 1,
            }
        }
        let held = |state: &StateName| *state != StateName::Queued;
        let found = self.of_its_key.as_ref().map(|(_, _, state)| state);
        if same_key && !found.is_some_and(held) {
            self.of_its_key = Some((other.id, other.kind, other.state.name()));
        }
    }
}
