//! The dispatcher: what the server makes of each call, the same for all transports.
//!
//! It knows the store traits and core's `Runtime`, nothing else, so it runs unchanged in a
//! simulation.
//!
//! Invariant: an agent is answered `Ack` or `Ok` only after the store has committed.
//! Invariant: a waiting agent costs one entry here and no query.

mod open;
mod session;
mod submit;
mod update;
mod v1;
mod work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use session::Sessions;
use widget_core::id::{AgentId, TaskId};
use widget_core::message::{Command, Describe, Opening, RefusalReason, Response, Welcome};
use widget_core::payload::Payload;
use widget_core::runtime::SharedRuntime;
use widget_core::stop::StopSignal;
use widget_core::store::{StoreError, StoreErrorKind, Stores};
use widget_core::task::is_kind;
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};

use crate::events::{EventSource, ServerEvent};
use crate::presence::Attendance;
use crate::refusals::Refusals;

/// How long an agent is to wait when the store cannot be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The most that an agent may say of itself, in bytes.
const MAX_DESCRIBE: usize = 256 * 1024;
/// The most labels and kinds of task that an agent may have.
const MAX_LABELS: usize = 64;
const MAX_HANDLERS: usize = 256;

/// What listeners, handle and sweeper share.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) runtime: SharedRuntime,
    pub(crate) stores: Stores,
    pub(crate) attendance: Attendance,
    pub(crate) events: EventSource,
    pub(crate) refusals: Refusals,
    sessions: Sessions,
    stop: StopSignal,
    trouble: Mutex<Option<String>>,
}

impl Dispatcher {
    pub(crate) fn new(runtime: SharedRuntime, stores: Stores, stop: StopSignal) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            stores,
            attendance: Attendance::default(),
            events: EventSource::new(),
            refusals: Refusals::default(),
            sessions: Sessions::default(),
            stop,
            trouble: Mutex::new(None),
        })
    }

    /// Why the store cannot be written, while it cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps in mind that the store cannot be written, and says so once.
    pub(crate) fn watch<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && *error.kind() == StoreErrorKind::Unavailable
        {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if trouble.is_none() {
                let text = chain(error);
                tracing::error!(error = text, "the store cannot be written");
                *trouble = Some(text);
            }
        }
        result
    }

    /// The same for what has written if it is well: then the trouble is over.
    pub(crate) fn watch_write<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.watch(result);
        if result.is_ok() {
            self.wrote();
        }
        result
    }

    /// Something new is in the store.
    pub(crate) fn wrote(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            tracing::info!("the store can be written again");
        }
    }

    /// Ends the session of an agent that was deleted: whatever it calls next is refused.
    pub(crate) fn dismiss(&self, agent: AgentId) {
        self.sessions.end(agent);
        self.attendance.forget(agent);
        self.events.say(ServerEvent::AgentChanged(agent));
    }

    pub(crate) fn task_changed(&self, agent: AgentId, task: TaskId) {
        self.events.say(ServerEvent::TaskChanged { agent, task });
    }

    fn heard(&self, agent: AgentId) {
        if self
            .attendance
            .heard(agent, self.runtime.now(), self.runtime.wall())
        {
            self.events.say(ServerEvent::AgentChanged(agent));
        }
    }

    /// What an agent is told when the store says no.
    fn store_says(&self, peer: &Peer, error: &StoreError) -> Response {
        match error.kind() {
            StoreErrorKind::Replaced(_) => self.refuse(
                &peer.origin,
                RefusalReason::Replaced,
                "a newer start of this agent has taken its place",
            ),
            _ => busy(),
        }
    }

    fn refuse(&self, from: &Origin, reason: RefusalReason, text: impl Into<String>) -> Response {
        self.refusals
            .count(from, reason.as_str(), self.runtime.now());
        Response::refused(reason, text)
    }

    async fn describe(&self, peer: &Peer, describe: Describe) -> Response {
        if let Err((reason, text)) = check_describe(&describe) {
            return self.refuse(&peer.origin, reason, text);
        }
        let written = self.stores.agents.describe(peer.agent, &describe).await;
        match self.watch_write(written) {
            Ok(()) => {
                self.events.say(ServerEvent::AgentChanged(peer.agent));
                Response::ACK
            }
            Err(error) => self.store_says(peer, &error),
        }
    }
}

#[async_trait]
impl Service for Dispatcher {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        match opening {
            Opening::Hello(hello) => self.hello(from, hello).await,
        }
    }

    async fn call(&self, peer: &Peer, command: Command) -> Response {
        if !self.sessions.is_current(peer.agent, peer.epoch) {
            return self.refuse(
                &peer.origin,
                RefusalReason::Replaced,
                "a newer start of this agent has taken its place, or it was deleted",
            );
        }
        self.heard(peer.agent);
        match command {
            Command::Describe(describe) => self.describe(peer, describe).await,
            Command::Submit(submit) => self.submit(peer, submit).await,
            Command::RequestWork(request) => self.request_work(peer, request).await,
            Command::Update(update) => self.update(peer, update).await,
            Command::Goodbye(goodbye) => self.goodbye(peer, goodbye).await,
        }
    }

    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: widget_core::v1::Command,
    ) -> Option<widget_core::v1::Response> {
        self.answer_v1(from, at, command).await
    }

    fn refused(&self, from: &Origin, reason: &'static str) {
        self.refusals.count(from, reason, self.runtime.now());
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn busy() -> Response {
    Rejection::Busy {
        retry_after: RETRY_AFTER,
    }
    .into()
}

fn check_describe(describe: &Describe) -> Result<(), (RefusalReason, String)> {
    let large = |text: String| Err((RefusalReason::TooLarge, text));
    let invalid = |text: String| Err((RefusalReason::Invalid, text));
    let labels = describe
        .labels
        .iter()
        .map(|(key, value)| key.len() + value.len());
    let handlers = describe
        .handlers
        .iter()
        .map(|handler| handler.kind.len() + handler.schema.as_ref().map_or(0, |s| s.len()));
    let texts = [
        &describe.host,
        &describe.os,
        &describe.boot,
        &describe.version,
    ];
    let bytes = labels
        .chain(handlers)
        .chain(texts.map(String::len))
        .sum::<usize>();
    if bytes > MAX_DESCRIBE {
        return large(format!(
            "a description of {bytes} bytes, at most {MAX_DESCRIBE} are allowed"
        ));
    }
    if texts.iter().any(|text| text.len() > 1_024) {
        return large("host, os, boot and version may have at most 1024 bytes each".into());
    }
    if describe.labels.len() > MAX_LABELS {
        return large(format!("more than {MAX_LABELS} labels"));
    }
    if describe.handlers.len() > MAX_HANDLERS {
        return large(format!("more than {MAX_HANDLERS} kinds of task"));
    }
    let keys: BTreeSet<&str> = describe
        .labels
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    if keys.len() < describe.labels.len() {
        return invalid("two labels with the same key".into());
    }
    for handler in &describe.handlers {
        if !is_kind(&handler.kind) {
            return invalid("a kind of task that is not of the form [a-z0-9_.-]{1,64}".into());
        }
        if handler
            .schema
            .as_ref()
            .is_some_and(|schema| !is_json(schema))
        {
            return invalid(format!("the schema of {} is not JSON", handler.kind));
        }
    }
    Ok(())
}

/// Whether a payload is what it says: the API embeds it, so it must be.
pub(crate) fn is_json(payload: &Payload) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(payload.as_bytes()).is_ok()
}
