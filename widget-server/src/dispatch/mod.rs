//! The dispatcher: what the server makes of each call, the same for all transports.
//!
//! It knows the store traits and core's `Runtime`, nothing else, so it runs unchanged in a
//! simulation.
//!
//! Invariant: an agent is answered `Ack` or `Ok` only after the store has committed.
//! Invariant: a waiting agent costs one entry here and no query.

mod change;
mod describe;
mod identify;
mod joins;
mod open;
mod readable;
mod seal;
mod session;
mod submit;
mod update;
mod v1;
mod work;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use joins::Joins;
use session::Sessions;
use widget_core::id::{AgentId, TaskId};
use widget_core::message::{Command, Opening, Refusal, RefusalReason, Response, Welcome};
use widget_core::runtime::{BoxFuture, SharedRuntime, SteadyClock};
use widget_core::stop::StopSignal;
use widget_core::store::{StoreError, StoreErrorKind, Stores};
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};

use crate::events::{EventSource, ServerEvent};
use crate::limits::Limits;
use crate::noted::Noted;
use crate::presence::Attendance;
use crate::refusals::Refusals;
use crate::schema::Desk;
use crate::streams::Streams;
use crate::tries::Tries;
use crate::uses::Uses;

pub(crate) use readable::{MAX_DEPTH, is_json};

/// How long an agent is to wait when the store cannot be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const BUSY: Rejection = Rejection::Busy {
    retry_after: RETRY_AFTER,
};
/// How long an agent is to wait that is one too many: somebody has to make room.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(30);
/// How many descriptions may wait to have their schemas looked at.
const MAX_DESCRIBING: usize = 16;

/// What a server wants of those who come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    /// Agents have joined, or they stay outside; so does whoever asks without a token.
    pub(crate) exposed: bool,
    pub(crate) limits: Limits,
}

/// How agents come in, as join strings say it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ways {
    pub(crate) pin: Option<[u8; 32]>,
    pub(crate) servers: Vec<String>,
}

/// What listeners, handle and sweeper share.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) runtime: SharedRuntime,
    pub(crate) stores: Stores,
    pub(crate) rules: Rules,
    pub(crate) ways: Ways,
    /// The time that tasks go by.
    pub(crate) clock: SteadyClock,
    pub(crate) attendance: Attendance,
    pub(crate) events: EventSource,
    pub(crate) refusals: Refusals,
    /// Pages that are told of events.
    pub(crate) streams: Arc<Streams>,
    /// Wrong tokens and credentials, by address.
    tries: Tries,
    /// Tokens that were used, and what the audit list has of the last minute.
    pub(crate) uses: Uses,
    pub(crate) noted: Noted,
    joins: Joins,
    /// Where inputs are held against schemas.
    pub(crate) inputs: Arc<Desk>,
    /// Where the schemas in descriptions are looked at.
    descriptions: Arc<Desk>,
    sessions: Sessions,
    stop: StopSignal,
    trouble: Mutex<Option<String>>,
}

impl Dispatcher {
    pub(crate) fn new(
        runtime: SharedRuntime,
        stores: Stores,
        (rules, ways): (Rules, Ways),
        stop: StopSignal,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock: SteadyClock::new(runtime.clone()),
            runtime,
            stores,
            rules,
            ways,
            attendance: Attendance::new(submit::rate(&rules.limits)),
            events: EventSource::new(),
            refusals: Refusals::default(),
            streams: Streams::new(&rules.limits),
            tries: Tries::default(),
            uses: Uses::default(),
            noted: Noted::default(),
            joins: Joins::new(&rules.limits),
            // Each of those who wait holds a request of the API, or runs in this very program.
            inputs: Desk::new(usize::MAX),
            descriptions: Desk::new(MAX_DESCRIBING),
            sessions: Sessions::default(),
            stop,
            trouble: Mutex::new(None),
        })
    }

    /// Now, as tasks go by it: leases, ttls, waits and silences neither end early nor late when
    /// somebody sets the clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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

    /// How many agents there is something of in memory.
    pub(crate) fn agents_in_memory(&self) -> usize {
        self.attendance.len().max(self.sessions.len())
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

    /// Gives tasks to an agent again that there were two of.
    pub(crate) fn let_go_on(&self, agent: AgentId) {
        self.sessions.release(agent);
        self.stores.tasks.ring(agent);
        self.events.say(ServerEvent::AgentChanged(agent));
    }

    /// Has everybody who waits for tasks see that `stop` was asked, and be answered.
    pub(crate) fn end_waits(&self) {
        self.sessions.wake_all();
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

    /// What a call comes to that does not wait.
    async fn answer(&self, peer: &Peer, work: impl Future<Output = Response> + Send) -> Response {
        match self.let_in(peer).await {
            Some(answer) => answer,
            None => work.await,
        }
    }

    /// Notes that an agent was heard, or says what it is answered if its place was taken.
    async fn let_in(&self, peer: &Peer) -> Option<Response> {
        let answer = self.turn_away(peer).await;
        if answer.is_none() {
            self.heard(peer.agent);
        }
        answer
    }

    /// The answer to an agent whose place was taken; `None` for one that is current.
    async fn turn_away(&self, peer: &Peer) -> Option<Response> {
        if self.is_trusted(peer) {
            return None;
        }
        match self.watch(Box::pin(self.is_current(peer)).await) {
            Ok(true) => None,
            Ok(false) => Some(self.refuse(
                &peer.origin,
                RefusalReason::Replaced,
                "a newer start of this agent has taken its place, or it was deleted",
            )),
            Err(error) => Some(self.store_says(peer, &error)),
        }
    }

    /// The answer to an agent that is one too many.
    fn agents_full(&self, from: &Origin) -> Rejection {
        self.refusals.count(from, "agents_full", self.runtime.now());
        Rejection::Busy {
            retry_after: FULL_RETRY_AFTER,
        }
    }

    /// The answer to what proves nothing, counted by this word and against its address.
    fn unproven(&self, from: &Origin, word: &'static str, text: &str) -> Rejection {
        self.was_wrong(from.ip);
        self.denied(from, word, text)
    }

    /// The same where nobody has guessed.
    fn denied(&self, from: &Origin, word: &'static str, text: &str) -> Rejection {
        self.refusals.count(from, word, self.runtime.now());
        Rejection::Refused(Refusal {
            reason: RefusalReason::Credential,
            text: text.to_owned(),
        })
    }

    /// How long nothing of that address is looked at. What peers on this host get wrong keeps nobody out.
    pub(crate) fn has_to_wait(&self, from: Option<IpAddr>) -> Option<Duration> {
        let from = from.filter(|_| self.rules.exposed)?;
        self.tries.wait(from, self.runtime.now())
    }

    /// What that address has shown is not good.
    pub(crate) fn was_wrong(&self, from: Option<IpAddr>) {
        if let Some(from) = from.filter(|_| self.rules.exposed) {
            self.tries.wrong(from, self.runtime.now());
        }
    }

    fn refuse(&self, from: &Origin, reason: RefusalReason, text: impl Into<String>) -> Response {
        self.refusals
            .count(from, reason.as_str(), self.runtime.now());
        Response::refused(reason, text)
    }
}

#[async_trait]
impl Service for Dispatcher {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        match opening {
            Opening::Hello(hello) => self.hello(from, hello).await,
            Opening::Enrol(enrol) => self.enrol(from, enrol).await,
        }
    }

    async fn session(&self, peer: &Peer) -> Result<String, Rejection> {
        self.seal(peer).await
    }

    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection> {
        let peer = self.unseal(from, session).await?;
        // A connection of an agent's that may not go on is a stranger's. Where the store cannot say, the
        // call is answered so, and the agent keeps its connection.
        match self.turn_away(&peer).await {
            Some(Response::Refused(refusal)) => Err(Rejection::Refused(refusal)),
            _ => Ok(peer),
        }
    }

    // By hand, so that each kind of call has a future of its own: that of a RequestWork is most of
    // the memory of an agent that waits.
    fn call<'a, 'b, 'c>(&'a self, peer: &'b Peer, command: Command) -> BoxFuture<'c, Response>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        match command {
            Command::RequestWork(request) => Box::pin(self.request_work(peer, request)),
            Command::Submit(submit) => Box::pin(self.answer(peer, self.submit(peer, submit))),
            Command::Describe(describe) => {
                Box::pin(self.answer(peer, self.describe(peer, describe)))
            }
            Command::Update(update) => Box::pin(self.answer(peer, self.update(peer, update))),
            Command::Goodbye(goodbye) => Box::pin(self.answer(peer, self.goodbye(peer, goodbye))),
        }
    }

    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: widget_core::v1::Command,
    ) -> Option<widget_core::v1::Response> {
        if self.rules.exposed {
            self.refusals.count(from, "v1", self.runtime.now());
            return None;
        }
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
    BUSY.into()
}
