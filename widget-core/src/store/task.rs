//! [`TaskStore`]: the tasks, and who is given which.

use std::fmt::Debug;
use std::future::Future;

use async_trait::async_trait;

use super::{
    Admission, Admitted, AuditEntry, LeaseRequest, Leased, StoreError, StoreErrorKind, WakeUp,
    timeline_entry,
};
use crate::id::{AgentId, TaskId};
use crate::task::{
    Actor, AgentEvent, Applied, Chunk, Event, Fault, Finish, NewTask, Phase, Revision, StateName,
    Streamed, Task, TaskState, TimelineEntry,
};
use crate::time::Timestamp;

/// Where tasks are kept.
///
/// An implementation
/// - must answer an insert only after it would survive the loss of power (if it says that it is
///   durable at all), and ring the agent's bell then;
/// - must keep [`Once`](crate::task::Once): answer the task that is there, and make none;
/// - must queue none beyond [`NewTask::most`], but find the one that it would repeat all the same;
/// - must write the audit entry that comes with an insert or a change in its transaction, and none if
///   nothing was done; a store that keeps no audit list drops it, and its docs say so;
/// - must change a row only at the revision that is expected, the timeline entry with it, and ring
///   the agent's bell then if the change [rings](TaskChange::rings);
/// - must keep timelines bounded, as [`Task::record`] does;
/// - must lease in one transaction, as [`LeasePlan`](super::LeasePlan) says, and refuse an epoch
///   that is not the one last admitted;
/// - must take from an agent that is admitted with a new epoch what the old one held
///   ([`Event::SpoolLost`]), in the transaction of the admission;
/// - must keep what a task writes as [`Streamed::push`] says, together with the change it comes with,
///   and delete it with the task;
/// - must register a [`WakeUp`] when `watch` is called, not when it is first polled.
#[async_trait]
pub trait TaskStore: Debug + Send + Sync {
    /// Queues a task, or finds the one that it would repeat.
    ///
    /// # Errors
    /// [`Full`](StoreErrorKind::Full) beyond [`NewTask::most`],
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn insert(&self, task: NewTask) -> Result<Inserted, StoreError>;

    /// One task, if it is there.
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError>;

    /// Tasks, newest first, a page of them as [`fill_page`](super::fill_page) makes it.
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError>;

    /// An agent has opened a conversation for this memory of it.
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError>;

    /// Gives an agent the tasks that are its next.
    ///
    /// # Errors
    /// [`Replaced`](StoreErrorKind::Replaced) for an epoch that is not the one last admitted,
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError>;

    /// Writes a change.
    ///
    /// # Errors
    /// [`Conflict`](StoreErrorKind::Conflict) if the row is at another revision,
    /// [`NotFound`](StoreErrorKind::NotFound), [`Unavailable`](StoreErrorKind::Unavailable).
    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError>;

    /// Unfinished tasks whose [`due_at`](Task::due_at) has come, the longest overdue first: as many as
    /// are asked for, or fewer that carry [`PAGE_BYTES`](super::PAGE_BYTES).
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError>;

    /// Deletes at most `limit` tasks that ended before this time; says how many.
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn prune_tasks(
        &self,
        finished_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// What a task has written, as far as it is kept; `None` if it has written nothing or is not
    /// there.
    ///
    /// # Errors
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError>;

    /// Ends when there may be something for this agent.
    fn watch(&self, agent: AgentId) -> WakeUp;

    /// Ends the waits for this agent.
    fn ring(&self, agent: AgentId);
}

/// What an insert came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Inserted {
    /// The task that is now there.
    pub task: Task,
    /// Whether it is new. If not, it is the one that [`Once`](crate::task::Once) found, which may
    /// differ from what was to be inserted.
    pub new: bool,
}

/// A change of a task's row.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskChange {
    /// Which task.
    pub id: TaskId,
    /// The revision that the change was made from.
    pub expected: Revision,
    /// The state after it.
    pub state: TaskState,
    /// A late end to keep beside it; none leaves what is there.
    pub evidence: Option<Finish>,
    /// What the timeline gains.
    pub entry: Option<TimelineEntry>,
    /// What its handler has written, for [`TaskStore::output`].
    pub chunk: Option<Chunk>,
    /// What is written with it into the audit list.
    pub audit: Option<AuditEntry>,
}

impl TaskChange {
    /// Whether there may be something for the agent after it: a task to be handed out, since this one
    /// is queued or holds nothing back any more, or a cancel. What it has and goes on with is no news
    /// to it.
    #[must_use]
    pub fn rings(&self) -> bool {
        let has = matches!(
            self.state.phase,
            Phase::Accepted { .. } | Phase::Running { .. }
        );
        !has || self.state.cancel_requested
    }
}

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery {
    /// Whose; none is everybody's.
    pub agent: Option<AgentId>,
    /// In one of these states; none named is all.
    pub states: Vec<StateName>,
    /// Only those that were queued before this one, as [`TaskPage::next`] says.
    pub before: Option<u64>,
    /// At most so many; fewer if they carry [`PAGE_BYTES`](super::PAGE_BYTES).
    pub limit: usize,
}

/// Which overdue tasks to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverdueQuery {
    /// By this time.
    pub now: Timestamp,
    /// Whether also those that their agent has and has not named for too long.
    pub unnamed: bool,
    /// At most so many.
    pub limit: usize,
}

/// A part of the list of tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Where the next part begins, if there is one: for [`TaskQuery::before`].
    pub next: Option<u64>,
}

/// What an event made of a task in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedEvent {
    /// The task as it is now.
    pub task: Task,
    /// What the rules said.
    pub result: Result<AppliedKind, Fault>,
}

/// What the rules said, without the state itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliedKind {
    /// The state has changed.
    Changed,
    /// It was known already.
    Same,
    /// It was kept as evidence.
    Evidence,
}

/// How often a change is tried again after somebody else was faster.
const TRIES: usize = 8;

/// Comfort on every [`TaskStore`].
pub trait TaskStoreExt: TaskStore {
    /// Reads a task, applies the rules, writes the change; again if somebody else was faster.
    /// `None` if there is no such task.
    ///
    /// # Errors
    /// [`Contended`](StoreErrorKind::Contended) if others were faster eight times,
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    fn apply(
        &self,
        id: TaskId,
        event: &Event,
        by: Actor,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<AppliedEvent>, StoreError>> + Send {
        apply(self, None, id, event, by, now, None)
    }

    /// The same for what somebody asked for, who is then in the audit list if the state has changed by
    /// it, with the state before and after.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn apply_audited(
        &self,
        id: TaskId,
        event: &Event,
        by: Actor,
        now: Timestamp,
        audit: AuditEntry,
    ) -> impl Future<Output = Result<Option<AppliedEvent>, StoreError>> + Send {
        apply(self, None, id, event, by, now, Some(audit))
    }

    /// The same for what an agent says; `None` also if the task is another agent's.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn apply_from(
        &self,
        agent: AgentId,
        id: TaskId,
        event: &Event,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<AppliedEvent>, StoreError>> + Send {
        apply(self, Some(agent), id, event, Actor::Agent, now, None)
    }
}

async fn apply<S: TaskStore + ?Sized>(
    store: &S,
    agent: Option<AgentId>,
    id: TaskId,
    event: &Event,
    by: Actor,
    now: Timestamp,
    audit: Option<AuditEntry>,
) -> Result<Option<AppliedEvent>, StoreError> {
    for _ in 0..TRIES {
        let task = store.task(id).await?;
        let Some(mut task) = task.filter(|task| agent.is_none_or(|agent| agent == task.agent))
        else {
            return Ok(None);
        };
        let (state, evidence, kind) = match task.state.apply(event, now) {
            Ok(Applied::Change(state)) => (state, None, AppliedKind::Changed),
            Ok(Applied::Evidence(finish)) => {
                (task.state.clone(), Some(finish), AppliedKind::Evidence)
            }
            Ok(Applied::Same) => {
                return Ok(Some(AppliedEvent {
                    task,
                    result: Ok(AppliedKind::Same),
                }));
            }
            Err(fault) => {
                return Ok(Some(AppliedEvent {
                    task,
                    result: Err(fault),
                }));
            }
        };
        let change = TaskChange {
            id,
            expected: task.revision,
            entry: timeline_entry(&task.state, &state, event, by, now),
            audit: audit
                .clone()
                .filter(|_| kind == AppliedKind::Changed)
                .map(|entry| entry.changing(Some(&word(&task.state)), Some(&word(&state)))),
            state,
            evidence,
            chunk: match event {
                Event::Said(_, AgentEvent::Output(chunk)) if kind == AppliedKind::Changed => {
                    Some(chunk.clone())
                }
                _ => None,
            },
        };
        match store.replace(change.clone()).await {
            Ok(revision) => {
                task.state = change.state;
                task.evidence = change.evidence.or(task.evidence);
                task.record(change.entry);
                task.revision = revision;
                return Ok(Some(AppliedEvent {
                    task,
                    result: Ok(kind),
                }));
            }
            Err(error) if *error.kind() == StoreErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreErrorKind::Contended.into())
}

/// What the audit list says of a state.
fn word(state: &TaskState) -> String {
    let name = state.name();
    match state.cancel_requested && !name.is_terminal() {
        true => format!("{name}, asked to end"),
        false => name.to_string(),
    }
}

impl<S: TaskStore + ?Sized> TaskStoreExt for S {}
