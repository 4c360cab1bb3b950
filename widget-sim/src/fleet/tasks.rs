//! Tasks of a fleet: sent, cancelled, waited for.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::TaskId;
use widget_core::task::{Actor, StateName, Task};
use widget_server::{SendError, ServerHandle, TaskRequest};

use super::Fleet;

/// How often it is looked, at first and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));
/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

impl Fleet {
    /// Queues a task: an agent, a kind, and the input as JSON text.
    ///
    /// # Panics
    /// If the server is dead or says no; see [`submit`](Self::submit).
    pub async fn send(&self, agent: usize, kind: &str, input: &str) -> TaskId {
        let request = self.request(agent, kind, input);
        match self.submit(request).await {
            Ok(task) => task,
            Err(error) => panic!("{kind} cannot be sent to agent {agent}: {error}"),
        }
    }

    /// A task that is to be [submitted](Self::submit), with ttl, timeout, key and so on to be set.
    #[must_use]
    pub fn request(&self, agent: usize, kind: &str, input: &str) -> TaskRequest {
        let input = Payload::from_json_text(input.to_owned());
        TaskRequest::new(self.id(agent), kind, input)
    }

    /// Queues a task that has more than an input.
    ///
    /// # Errors
    /// [`SendError`] if the server says no.
    ///
    /// # Panics
    /// If the server is dead.
    pub async fn submit(&self, request: TaskRequest) -> Result<TaskId, SendError> {
        let inserted = self.living_server().submit(request, Actor::Server).await?;
        let (id, kind) = (inserted.task.id, &inserted.task.kind);
        self.0.world.tell(|| format!("{kind} {id} is queued"));
        Ok(id)
    }

    /// Asks for the end of a task.
    ///
    /// # Panics
    /// If the server is dead, or its store says no.
    pub async fn cancel(&self, task: TaskId) {
        self.0.world.tell(|| format!("{task} is to be cancelled"));
        let cancelled = self.living_server().cancel(task, Actor::Server).await;
        if let Err(error) = cancelled {
            panic!("task {task} cannot be cancelled: {error}");
        }
    }

    /// A task as its store has it.
    ///
    /// # Panics
    /// If there is no such task.
    pub async fn task(&self, task: TaskId) -> Task {
        match self.stores().tasks.task(task).await {
            Ok(Some(found)) => found,
            Ok(None) => panic!("the server has no task {task}"),
            Err(error) => panic!("the store says: {error}"),
        }
    }

    /// Waits until a task is in this state, or was.
    ///
    /// # Panics
    /// If it ends without, or nothing has come of it after three days.
    #[track_caller]
    pub fn reaches(
        &self,
        task: TaskId,
        state: StateName,
    ) -> impl Future<Output = ()> + Send + 'static {
        let claim = self.claim();
        async move {
            let row = claim.fleet.watched(task, |row| has_been(row, state)).await;
            claim.check(has_been(&row, state), &row, || {
                format!("is {}, and was never {state}", row.state.name())
            });
        }
    }

    /// Waits until a task has ended, and gives it.
    ///
    /// # Panics
    /// If it has not after three days.
    #[track_caller]
    pub fn ends(&self, task: TaskId) -> impl Future<Output = Task> + Send + 'static {
        let claim = self.claim();
        async move {
            let row = claim.fleet.watched(task, |_| false).await;
            let state = row.state.name();
            claim.check(state.is_terminal(), &row, || format!("is still {state}"));
            row
        }
    }

    /// How often the handler of a task has started, on whichever agent.
    #[must_use]
    pub fn starts(&self, task: TaskId) -> usize {
        self.0.starts.of(task).len()
    }

    /// The task as soon as it has ended, or this is true of it, or nobody waits any longer.
    async fn watched(&self, task: TaskId, is_it: impl Fn(&Task) -> bool + Send) -> Task {
        let limit = self.time() + PATIENCE;
        let mut pause = LOOKS.0;
        loop {
            let row = self.task(task).await;
            if is_it(&row) || row.state.name().is_terminal() || self.time() > limit {
                return row;
            }
            self.after(pause).await;
            pause = (pause * 2).min(LOOKS.1);
        }
    }

    fn living_server(&self) -> ServerHandle {
        let server = self.server();
        server.expect("the server is dead: heal() starts it")
    }
}

fn has_been(row: &Task, state: StateName) -> bool {
    row.state.name() == state || row.timeline.iter().any(|entry| entry.state == state)
}
