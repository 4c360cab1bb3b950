//! Tasks as the handle gives them: one, many, and the one that somebody waits for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use futures_lite::future::or;
use widget_core::id::TaskId;
use widget_core::store::{StoreError, TaskPage, TaskQuery};
use widget_core::task::{Outcome, Streamed, Task};

use super::ServerHandle;
use crate::events::ServerEvent;

/// How often a waiter looks again even if nothing seems to have happened.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl ServerHandle {
    /// One task, if it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        let task = self.dispatcher.stores.tasks.task(id).await?;
        match task {
            Some(task) if self.sees(task.agent).await? => Ok(Some(task)),
            _ => Ok(None),
        }
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let mut page = self.dispatcher.stores.tasks.tasks(query).await?;
        if !self.caller.sees_all() {
            let mut seen = BTreeMap::new();
            for task in &page.tasks {
                if let Entry::Vacant(unknown) = seen.entry(task.agent) {
                    unknown.insert(self.sees(task.agent).await?);
                }
            }
            page.tasks
                .retain(|task| seen.get(&task.agent).is_some_and(|seen| *seen));
        }
        Ok(page)
    }

    /// How a task ended, once it has. `None` if there is no such task.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outcome(&self, id: TaskId) -> Result<Option<Outcome>, StoreError> {
        let task = self.ended(id, Duration::MAX).await?;
        Ok(task.and_then(|task| task.state.outcome().cloned()))
    }

    /// The task as soon as it has ended, or as it is after this time. `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ended(&self, id: TaskId, wait: Duration) -> Result<Option<Task>, StoreError> {
        let runtime = &self.dispatcher.runtime;
        let deadline = runtime.now().after(wait);
        let mut events = self.events();
        loop {
            let Some(task) = self.task(id).await? else {
                return Ok(None);
            };
            let now = runtime.now();
            if task.state.name().is_terminal() || now >= deadline {
                return Ok(Some(task));
            }
            let changed = async {
                loop {
                    match events.next().await {
                        Some(ServerEvent::TaskChanged { task, .. }) if task == id => return true,
                        Some(ServerEvent::Missed) => return true,
                        Some(_) => {}
                        None => return false,
                    }
                }
            };
            let look_again = async {
                runtime
                    .sleep_until(deadline.min(now.after(LOOK_AGAIN)))
                    .await;
                true
            };
            if !or(changed, look_again).await {
                return Ok(Some(task));
            }
        }
    }

    /// What the handler of a task has written so far, as far as that is kept: its beginning and its
    /// end, together at most 1 MiB. Empty if it has written nothing, `None` if there is no such task.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        let tasks = &self.dispatcher.stores.tasks;
        if !self.caller.sees_all() && self.task(id).await?.is_none() {
            return Ok(None);
        }
        if let Some(written) = tasks.output(id).await? {
            return Ok(Some(written));
        }
        let task = tasks.task(id).await?;
        Ok(task.map(|task| Streamed {
            attempt: task.state.attempt,
            ..Streamed::default()
        }))
    }
}
