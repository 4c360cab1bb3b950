//! Changes that hold only for a task as it was read, unlike `TaskStoreExt::apply`, which looks again.

use widget_core::store::{AuditEntry, StoreError, StoreErrorKind, TaskChange, timeline_entry};
use widget_core::task::{Actor, Applied, Event, Task};

use super::Dispatcher;

impl Dispatcher {
    /// Applies an event to a task that was read a moment ago; says whether that changed it. Nothing
    /// happens if the task has changed since, or if the event does not fit it. `cause` is what the
    /// timeline says in place of the event's own words.
    ///
    /// # Errors
    /// Whatever the store says but a conflict.
    pub(crate) async fn apply_unchanged(
        &self,
        task: &Task,
        event: &Event,
        by: Actor,
        cause: Option<&str>,
        audit: Option<AuditEntry>,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let Ok(Applied::Change(state)) = task.state.apply(event, now) else {
            return Ok(false);
        };
        let mut entry = timeline_entry(&task.state, &state, event, by, now);
        if let (Some(entry), Some(cause)) = (&mut entry, cause) {
            cause.clone_into(&mut entry.cause);
        }
        let words = (task.state.name().as_str(), state.name().as_str());
        let audit = audit.map(|entry| entry.changing(Some(words.0), Some(words.1)));
        let change = TaskChange {
            id: task.id,
            expected: task.revision,
            state,
            evidence: None,
            entry,
            chunk: None,
            audit,
        };
        match self.watch(self.stores.tasks.replace(change).await) {
            Ok(_) => {
                self.wrote();
                self.task_changed(task.agent, task.id);
                Ok(true)
            }
            Err(error) => match error.kind() {
                StoreErrorKind::Conflict | StoreErrorKind::NotFound => Ok(false),
                _ => Err(error),
            },
        }
    }
}
