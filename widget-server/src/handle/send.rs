//! How a task is queued: what is checked before, and what can be wrong.

use std::time::Duration;

use widget_core::id::{AgentId, TaskId};
use widget_core::message::HandlerInfo;
use widget_core::payload::{MAX_INPUT, Payload};
use widget_core::runtime::RuntimeExt;
use widget_core::store::{Action, Inserted, StoreError, StoreErrorKind};
use widget_core::task::{Actor, MAX_NAME, MAX_TTL, NewTask, Once, SHUTDOWN, Task, is_kind};
use widget_core::time::Timestamp;

use super::ServerHandle;
use crate::access::Denied;
use crate::dispatch::{MAX_DEPTH, is_json};
use crate::schema::{MAX_PATTERNS, Misfit, Schema};

/// A task that is to be queued, beyond the plain [`ServerHandle::send`].
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRequest {
    /// Who is to run it.
    pub agent: AgentId,
    /// What kind of work it is: `[a-z0-9_.-]{1,64}`.
    pub kind: String,
    /// JSON text for the handler.
    pub input: Payload,
    /// How long it may wait for its start: 1 ms to a year; none is the default of its kind.
    pub ttl: Option<Duration>,
    /// How long it may run from its start: 1 ms to a year; none is for ever.
    pub timeout: Option<Duration>,
    /// Not to be handed out before, by the server's wall clock; must lie before the end of the ttl.
    pub not_before: Option<Timestamp>,
    /// Higher goes first; 0 unless said otherwise.
    pub priority: i16,
    /// Tasks of one agent and key run one after the other: 1 to 64 bytes.
    pub ordering_key: Option<String>,
    /// What makes it the only one.
    pub once: Once,
}

impl TaskRequest {
    /// A task without anything special.
    #[must_use]
    pub fn new(agent: AgentId, kind: &str, input: Payload) -> Self {
        Self {
            agent,
            kind: kind.to_owned(),
            input,
            ttl: None,
            timeout: None,
            not_before: None,
            priority: 0,
            ordering_key: None,
            once: Once::No,
        }
    }

    /// The task that it asks for.
    fn into_task(self, id: TaskId, now: Timestamp, by: Actor) -> NewTask {
        let task = NewTask::new(id, self.agent, &self.kind, self.input, now);
        NewTask {
            ttl: self.ttl.unwrap_or(task.ttl),
            timeout: self.timeout,
            not_before: self.not_before,
            priority: self.priority,
            ordering_key: self.ordering_key,
            once: self.once,
            by,
            ..task
        }
    }
}

/// A task cannot be queued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such agent.
    #[error("there is no such agent")]
    UnknownAgent,
    /// Whoever asks may not do that.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The agent has as many queued tasks as it may have.
    #[error("the agent has {0} queued tasks, and may have no more: cancel some, or wait")]
    TooMany(u32),
    /// A version 1 collector can only be shut down.
    #[error("the agent speaks version 1, which knows only the kind `shutdown`")]
    AgentIsV1,
    /// The kind is not `[a-z0-9_.-]{1,64}`.
    #[error("a kind must be of the form [a-z0-9_.-]{{1,64}}")]
    Kind,
    /// The input is longer than allowed.
    #[error("an input of {0} bytes, but at most {MAX_INPUT} are allowed")]
    InputTooLarge(usize),
    /// The input is not JSON, or is nested too deep for some who read it.
    #[error("the input is not JSON, or is nested deeper than {MAX_DEPTH}")]
    Input,
    /// The input does not fit the schema that the agent gave for the kind.
    #[error("the input does not fit the schema of its kind: {}", places(.0))]
    InputDoesNotFit(Vec<Misfit>),
    /// The check against the schema itself failed.
    #[error("the input could not be held against the schema of its kind")]
    Check,
    /// The ttl is zero or longer than a year.
    #[error("a ttl must be longer than zero and at most a year")]
    Ttl,
    /// The timeout is zero or longer than a year.
    #[error("a timeout must be longer than zero and at most a year")]
    Timeout,
    /// The task could not start before its ttl has passed.
    #[error("not_before must lie before the end of the ttl, which is {0}")]
    NotBefore(Timestamp),
    /// The ordering key is empty or longer than 64 bytes.
    #[error("an ordering key must have 1 to {MAX_NAME} bytes")]
    OrderingKey,
    /// The idempotency key is empty or longer than 64 bytes.
    #[error("an idempotency key must have 1 to {MAX_NAME} bytes")]
    Key,
    /// The idempotency key was used for another task.
    #[error("the idempotency key was used for another task: {0}")]
    KeyReused(TaskId),
    /// The store could not be asked.
    #[error("the task could not be stored")]
    Store(#[from] StoreError),
}

impl ServerHandle {
    /// Queues a task.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub async fn send(
        &self,
        agent: AgentId,
        kind: &str,
        input: Payload,
    ) -> Result<Task, SendError> {
        let request = TaskRequest::new(agent, kind, input);
        self.submit(request, Actor::Server)
            .await
            .map(|inserted| inserted.task)
    }

    /// Queues a task, or finds the one that it would repeat.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub async fn submit(&self, request: TaskRequest, by: Actor) -> Result<Inserted, SendError> {
        check(&request)?;
        let stores = &self.dispatcher.stores;
        let agent = stores
            .agents
            .agent(request.agent)
            .await?
            .filter(|agent| self.caller.sees(&agent.labels))
            .ok_or(SendError::UnknownAgent)?;
        self.caller.may_send(&request.kind)?;
        if agent.protocol < 2 && request.kind != SHUTDOWN {
            return Err(SendError::AgentIsV1);
        }
        self.check_input(&agent.describe.handlers, &request).await?;
        let (runtime, now) = (&self.dispatcher.runtime, self.dispatcher.now());
        let id = TaskId::generate(now, runtime.random_pair());
        let mut task = self.on_the_steady_clock(request.into_task(id, now, by))?;
        let most = self.dispatcher.rules.limits.queued_tasks;
        task.most = Some(most as usize);
        task.asked_by = self.caller.name();
        let wall = runtime.wall();
        task.audit = self
            .caller
            .audits(wall, Action::TaskCreate, &id.to_string())
            .map(|entry| entry.of_agent(agent.id).changing(None, Some(&task.kind)));
        let inserted = stores.tasks.insert(task.clone()).await;
        let inserted = self.dispatcher.watch(inserted).map_err(|error| {
            if *error.kind() == StoreErrorKind::Full {
                self.count_refused("tasks_full", None);
                return SendError::TooMany(most);
            }
            error.into()
        })?;
        if inserted.new {
            self.dispatcher.wrote();
            self.dispatcher.task_changed(task.agent, inserted.task.id);
        } else if matches!(task.once, Once::Key(_)) && !is_repeat(&inserted.task, &task) {
            return Err(SendError::KeyReused(inserted.task.id));
        }
        Ok(inserted)
    }

    /// Asks an agent to end. While that is pending, asking again finds the same task.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn shut_down(&self, agent: AgentId, by: Actor) -> Result<Inserted, SendError> {
        let request = TaskRequest {
            once: Once::WhilePending,
            ..TaskRequest::new(agent, SHUTDOWN, Payload::null())
        };
        self.submit(request, by).await
    }

    /// Who asks knows the wall clock only, and means it as it is now.
    fn on_the_steady_clock(&self, mut task: NewTask) -> Result<NewTask, SendError> {
        let ahead = self.dispatcher.clock.wall_is_ahead();
        let steady = |wall: Timestamp| wall.as_millis().saturating_sub(ahead);
        task.not_before = task.not_before.map(steady).map(Timestamp::from_millis);
        let end = task.created.after(task.ttl);
        if task.not_before.is_some_and(|not_before| not_before >= end) {
            return Err(SendError::NotBefore(end));
        }
        Ok(task)
    }

    /// Holds the input against the schema that the agent gave for its kind, if it gave one.
    async fn check_input(
        &self,
        handlers: &[HandlerInfo],
        request: &TaskRequest,
    ) -> Result<(), SendError> {
        let handler = handlers.iter().find(|handler| handler.kind == request.kind);
        let Some(schema) = handler.and_then(|handler| handler.schema.clone()) else {
            return Ok(());
        };
        let (kind, input) = (request.kind.clone(), request.input.clone());
        let turn = self.dispatcher.inputs.turn().await;
        let checked = self.dispatcher.runtime.blocking(move || {
            let _turn = turn;
            match Schema::compile(&schema, MAX_PATTERNS) {
                Ok(schema) => schema.misfits(&input),
                Err(error) => {
                    // From a time or a server that did not look at it. The handler checks anyway.
                    tracing::warn!(kind, error, "a schema cannot be compiled");
                    Vec::new()
                }
            }
        });
        match checked.await {
            Some(misfits) if misfits.is_empty() => Ok(()),
            Some(misfits) => Err(SendError::InputDoesNotFit(misfits)),
            None => Err(SendError::Check),
        }
    }
}

/// The places of an input that do not fit, in one line.
fn places(misfits: &[Misfit]) -> String {
    let places: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    places.join("; ")
}

fn check(request: &TaskRequest) -> Result<(), SendError> {
    if !is_kind(&request.kind) {
        return Err(SendError::Kind);
    }
    if request.input.len() > MAX_INPUT {
        return Err(SendError::InputTooLarge(request.input.len()));
    }
    if !is_json(&request.input) {
        return Err(SendError::Input);
    }
    let fits = |span: Duration| span.as_millis() > 0 && span <= MAX_TTL;
    if !request.ttl.is_none_or(fits) {
        return Err(SendError::Ttl);
    }
    if !request.timeout.is_none_or(fits) {
        return Err(SendError::Timeout);
    }
    let is_name = |name: &String| (1..=MAX_NAME).contains(&name.len());
    if !request.ordering_key.as_ref().is_none_or(is_name) {
        return Err(SendError::OrderingKey);
    }
    if let Once::Key(key) = &request.once
        && !is_name(key)
    {
        return Err(SendError::Key);
    }
    Ok(())
}

/// Whether a task was asked for with the very same words. When it first was asked for, a ttl that
/// was not said was the same as now.
fn is_repeat(task: &Task, asked: &NewTask) -> bool {
    task.agent == asked.agent
        && task.kind == asked.kind
        && task.input == asked.input
        && task.ttl == asked.ttl
        && task.timeout == asked.timeout
        && task.not_before == asked.not_before
        && task.priority == asked.priority
        && task.ordering_key == asked.ordering_key
}
