//! Giving up tasks: one in whatever state it is, and all that an agent has not been given yet.

use futures_util::future::join_all;
use widget_core::access::Role;
use widget_core::id::{AgentId, TaskId};
use widget_core::store::{
    Action, AppliedEvent, StoreError, StoreErrorKind, TaskQuery, TaskStoreExt,
};
use widget_core::task::{Actor, Event, StateName, Task};

use super::{AskError, ServerHandle};

/// How many tasks are looked at in one go, and cancelled in few commits.
pub(super) const BATCH: usize = 64;
/// How often a task is looked at again that others change at the same time.
const TRIES: usize = 8;

/// What a purge came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many tasks were queued and are cancelled now.
    pub cancelled: usize,
    /// How many unfinished tasks the agent was already given, which are as they were.
    pub untouched: usize,
}

impl ServerHandle {
    /// Asks for the end of a task. `None` if there is no such task.
    ///
    /// Queued and leased tasks end at once. One that the agent has accepted ends when the agent
    /// confirms that it will not start it; one that runs gets its token fired, and what its handler
    /// then answers decides. Until then [`cancel_requested`](widget_core::task::TaskState) is set.
    /// One that has ended stays as it is: `result` is
    /// [`Fault::Illegal`](widget_core::task::Fault::Illegal) then.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn cancel(&self, task: TaskId, by: Actor) -> Result<Option<AppliedEvent>, AskError> {
        let Some(row) = self.task(task).await? else {
            return Ok(None);
        };
        self.caller.may_send(&row.kind)?;
        let (now, wall) = (self.dispatcher.now(), self.dispatcher.runtime.wall());
        let tasks = &self.dispatcher.stores.tasks;
        let entry = self
            .caller
            .audits(wall, Action::TaskCancel, &task.to_string());
        let applied = match entry {
            Some(entry) => {
                let entry = entry.of_agent(row.agent);
                tasks
                    .apply_audited(task, &Event::Cancel, by, now, entry)
                    .await
            }
            None => tasks.apply(task, &Event::Cancel, by, now).await,
        };
        let applied = self.dispatcher.watch(applied)?;
        if let Some(applied) = &applied
            && applied.result.is_ok()
        {
            self.dispatcher.task_changed(applied.task.agent, task);
        }
        Ok(applied)
    }

    /// Cancels every task that is queued for an agent. What it was already given is left as it is,
    /// and so is what is queued after the purge has begun.
    ///
    /// Of a caller whose token is for some kinds only, tasks of other kinds count as untouched.
    ///
    /// # Errors
    /// [`AskError`]; some are cancelled then, and asking again cancels the rest.
    pub async fn purge(&self, agent: AgentId, by: Actor) -> Result<Purged, AskError> {
        self.caller.may(Role::Operator)?;
        let mut query = TaskQuery {
            agent: Some(agent),
            states: vec![
                StateName::Queued,
                StateName::Leased,
                StateName::Accepted,
                StateName::Running,
            ],
            before: None,
            limit: BATCH,
        };
        let cause = format!("all that was queued for the agent was cancelled by {by}");
        let mut purged = Purged::default();
        loop {
            let page = self.tasks(&query).await?;
            let gone = page.tasks.into_iter();
            for gone in join_all(gone.map(|task| self.cancel_queued(task, by, &cause))).await {
                match gone? {
                    Gone::Cancelled => purged.cancelled += 1,
                    Gone::Held => purged.untouched += 1,
                    Gone::Ended => {}
                }
            }
            query.before = page.next;
            if page.next.is_none() {
                return Ok(purged);
            }
        }
    }

    async fn cancel_queued(&self, task: Task, by: Actor, cause: &str) -> Result<Gone, StoreError> {
        let (id, mut read) = (task.id, Some(task));
        for _ in 0..TRIES {
            let Some(task) = read else {
                return Ok(Gone::Ended);
            };
            match task.state.name() {
                StateName::Queued if self.caller.may_send(&task.kind).is_ok() => {}
                state if state.is_terminal() => return Ok(Gone::Ended),
                _ => return Ok(Gone::Held),
            }
            let changed = self.cancel_unchanged(&task, by, cause);
            if changed.await? {
                return Ok(Gone::Cancelled);
            }
            read = self.task(id).await?;
        }
        Err(StoreErrorKind::Contended.into())
    }
}

impl ServerHandle {
    /// Cancels a task as it was read; says whether it still was so.
    async fn cancel_unchanged(
        &self,
        task: &Task,
        by: Actor,
        cause: &str,
    ) -> Result<bool, StoreError> {
        let wall = self.dispatcher.runtime.wall();
        let id = task.id.to_string();
        let entry = self.caller.audits(wall, Action::TaskCancel, &id);
        let entry = entry.map(|entry| entry.of_agent(task.agent));
        let event = Event::Cancel;
        self.dispatcher
            .apply_unchanged(task, &event, by, Some(cause), entry)
            .await
    }
}

/// What became of one task of a purge.
enum Gone {
    Cancelled,
    /// The agent was given it.
    Held,
    /// Meanwhile, by itself.
    Ended,
}
