//! [`ServerHandle`]: what a program may ask of its server, cheap to clone. API and page use
//! nothing else.

mod access;
mod cancel;
mod explain;
mod send;
mod tasks;

pub(crate) use access::{SIGNED_IN, Shown};
pub use access::{TokenError, TokenRequest};
pub use cancel::Purged;
pub use send::{SendError, TaskRequest};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use widget_core::access::Role;
use widget_core::id::AgentId;
use widget_core::store::{
    Action, AgentQuery, AgentRecord, BucketQuery, LatestReport, ReportQuery, StoreError,
    StoredReport, Summary, TaskQuery, TaskStoreExt,
};
use widget_core::task::{Actor, Event, StateName};
use widget_core::time::Timestamp;
use widget_core::transport::Origin;

use crate::access::{Caller, Denied};
use crate::dispatch::Dispatcher;
use crate::events::Events;
use crate::presence::Presence;
use crate::streams::{Crowded, Seat};

/// What a program may ask of its server.
///
/// A handle asks for somebody: for the program itself, which may do all, unless it was made
/// [for another caller](Self::as_caller). What is out of that one's scope is not there for it, and
/// whatever it changes is in the audit list under its name.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    dispatcher: Arc<Dispatcher>,
    started: Timestamp,
    caller: Arc<Caller>,
}

/// What was asked for cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Whoever asks may not do that.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An agent as it is right now.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentStatus {
    /// What is kept of it; `last_seen` is exact while the agent speaks to this server.
    pub record: AgentRecord,
    /// Whether it is there.
    pub presence: Presence,
    /// The report that came last.
    pub latest: Option<StoredReport>,
    /// How many reports it gave up, in all.
    pub dropped: u64,
    /// How far its clock is behind the server's, in milliseconds (negative: ahead), as its latest
    /// report says; a report that waited before it was sent looks like a clock that is behind.
    pub skew_ms: Option<i64>,
}

/// A part of the list of agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentList {
    /// The agents, by number.
    pub items: Vec<AgentStatus>,
    /// Where the next part begins, if there is one.
    pub next: Option<u64>,
}

impl ServerHandle {
    pub(crate) fn new(dispatcher: Arc<Dispatcher>) -> Self {
        Self {
            started: dispatcher.runtime.wall(),
            dispatcher,
            caller: Arc::new(Caller::program()),
        }
    }

    /// The same for somebody else.
    #[must_use]
    pub fn as_caller(&self, caller: Caller) -> Self {
        Self {
            dispatcher: Arc::clone(&self.dispatcher),
            started: self.started,
            caller: Arc::new(caller),
        }
    }

    /// For whom it asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What goes into a join string: the pin of the authority, if listeners have one, and the URLs by
    /// which agents come in.
    pub(crate) fn ways_in(&self) -> (Option<[u8; 32]>, Vec<String>) {
        let ways = &self.dispatcher.ways;
        (ways.pin, ways.servers.clone())
    }

    /// Whether agents have to join this server, and callers over HTTP need a token: see
    /// [`ServerBuilder::expose`](crate::ServerBuilder::expose).
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.dispatcher.rules.exposed
    }

    /// Agents, by number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn agents(&self, query: &AgentQuery) -> Result<AgentList, StoreError> {
        let stores = &self.dispatcher.stores;
        let mut page = stores.agents.agents(query).await?;
        page.agents
            .retain(|record| self.caller.sees(&record.labels));
        let ids: Vec<AgentId> = page.agents.iter().map(|record| record.id).collect();
        let latest = stores.reports.latest(&ids).await?;
        let with_latest = page.agents.into_iter().zip(latest);
        let items = with_latest
            .map(|(record, latest)| self.status(record, latest))
            .collect();
        Ok(AgentList {
            items,
            next: page.next,
        })
    }

    /// One agent, if it is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn agent(&self, id: AgentId) -> Result<Option<AgentStatus>, StoreError> {
        let stores = &self.dispatcher.stores;
        let record = stores.agents.agent(id).await?;
        let Some(record) = record.filter(|record| self.caller.sees(&record.labels)) else {
            return Ok(None);
        };
        let latest = stores
            .reports
            .latest(&[id])
            .await?
            .pop()
            .unwrap_or_default();
        Ok(Some(self.status(record, latest)))
    }

    /// Deletes an agent with its reports; its unfinished tasks end as lost. Says whether there
    /// was one. One that has joined is out within a second, and its credential is never good again;
    /// one that came on its own word comes back as a new one if it still runs.
    ///
    /// # Errors
    /// [`AskError`]; ask again if it was the store.
    pub async fn delete(&self, agent: AgentId) -> Result<bool, AskError> {
        self.caller.may(Role::Admin)?;
        if !self.sees(agent).await? {
            return Ok(false);
        }
        let deleted = self.delete_rows(agent).await;
        let deleted = self.dispatcher.watch_write(deleted)?;
        self.dispatcher.dismiss(agent);
        Ok(deleted)
    }

    /// Decides that an agent goes on of which there were two: it is given tasks again, and on whichever
    /// host it is heard next, there it is. Whoever wants one of the two out for good deletes the agent
    /// and has the other join again. Says whether there were two.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn release(&self, agent: AgentId) -> Result<bool, AskError> {
        self.caller.may(Role::Operator)?;
        if !self.sees(agent).await? {
            return Ok(false);
        }
        let wall = self.dispatcher.runtime.wall();
        let target = agent.to_string();
        let entry = self.caller.entry(wall, Action::AgentRelease, &target);
        let entry = entry.changing(Some("held"), Some("released"));
        let agents = &self.dispatcher.stores.agents;
        let released = agents.release(agent, None, entry.of_agent(agent)).await;
        let released = self.dispatcher.watch_write(released)?;
        self.dispatcher.let_go_on(agent);
        Ok(released)
    }

    /// Reports, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError> {
        match query.agent {
            Some(agent) if !self.sees(agent).await? => Ok(Vec::new()),
            // Whoever does not see all of them has to name one.
            None if !self.caller.sees_all() => Ok(Vec::new()),
            _ => self.dispatcher.stores.reports.reports(query).await,
        }
    }

    /// Reports of one agent in buckets.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError> {
        if !self.sees(query.agent).await? {
            let step = query.step().unsigned_abs();
            return Ok(Summary {
                step: Duration::from_millis(step),
                buckets: Vec::new(),
            });
        }
        self.dispatcher.stores.reports.summary(query).await
    }

    /// What happens from here on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.dispatcher.events.subscribe()
    }

    /// The same for a page, which takes one of the places for those.
    ///
    /// # Errors
    /// [`Crowded`] if there is none.
    pub(crate) fn stream(&self) -> Result<(Seat, Events), Crowded> {
        let seat = self.dispatcher.streams.enter(self.caller.token());
        let seat = seat.inspect_err(|crowded| self.count_refused(crowded.word(), None))?;
        Ok((seat, self.events()))
    }

    /// Ends when the server has ended, for whatever reason.
    pub async fn server_ended(&self) {
        let mut events = self.events();
        while events.next().await.is_some() {}
    }

    /// How often what was refused, by reason, since the start.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.dispatcher.refusals.counts()
    }

    /// How many agents the server has something of in memory: at most those that it has heard since its
    /// start and that were not deleted.
    #[must_use]
    pub fn agents_in_memory(&self) -> usize {
        self.dispatcher.agents_in_memory()
    }

    /// Counts something that API and page refused, or their port.
    pub(crate) fn count_refused(&self, reason: &'static str, from: Option<IpAddr>) {
        let address = from.map(|from| from.to_string()).unwrap_or_default();
        let from = Origin {
            transport: "admin",
            address: address.into(),
            ip: from,
        };
        let dispatcher = &self.dispatcher;
        let now = dispatcher.runtime.now();
        dispatcher.refusals.count(&from, reason, now);
    }

    /// Why the store cannot be written, while it cannot.
    #[must_use]
    pub fn store_trouble(&self) -> Option<String> {
        self.dispatcher.trouble()
    }

    /// The time by the server's wall clock.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.dispatcher.runtime.wall()
    }

    /// The time that tasks go by: the wall clock when the server began, and from then on as if
    /// nobody had set it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.dispatcher.now()
    }

    /// How far the wall clock was set ahead since the server began, in milliseconds; negative if it
    /// was set back. Tasks go by [`now`](Self::now), which such a jump does not change.
    #[must_use]
    pub fn wall_is_ahead(&self) -> i64 {
        self.dispatcher.clock.wall_is_ahead()
    }

    /// When the server was made.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Whether this agent is there for whoever asks.
    pub(crate) async fn sees(&self, agent: AgentId) -> Result<bool, StoreError> {
        if self.caller.sees_all() {
            return Ok(true);
        }
        let record = self.dispatcher.stores.agents.agent(agent).await?;
        Ok(record.is_some_and(|record| self.caller.sees(&record.labels)))
    }

    /// The agent's own row last: when something fails before, asking again still finds it.
    async fn delete_rows(&self, agent: AgentId) -> Result<bool, StoreError> {
        let stores = &self.dispatcher.stores;
        // From here on nothing else says which host it was.
        let record = stores.agents.agent(agent).await?;
        let host = record.map(|record| record.describe.host);
        let host = host.filter(|host| !host.is_empty());
        // First, so that what comes in meanwhile is refused.
        let (now, wall) = (self.dispatcher.now(), self.dispatcher.runtime.wall());
        let entry = self
            .caller
            .entry(wall, Action::AgentDelete, &agent.to_string())
            .changing(host.as_deref(), Some("deleted"));
        stores
            .access
            .end_credential(agent, entry.of_agent(agent))
            .await?;
        self.dispatcher.dismiss(agent);
        let states = StateName::ALL
            .into_iter()
            .filter(|state| !state.is_terminal())
            .collect();
        let mut query = TaskQuery {
            agent: Some(agent),
            states,
            before: None,
            limit: cancel::BATCH,
        };
        loop {
            let page = stores.tasks.tasks(&query).await?;
            for task in page.tasks {
                stores
                    .tasks
                    .apply(task.id, &Event::AgentDeleted, Actor::Server, now)
                    .await?;
                self.dispatcher.task_changed(agent, task.id);
            }
            query.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        stores.reports.delete_reports(agent).await?;
        stores.agents.delete_agent(agent).await
    }

    fn status(&self, mut record: AgentRecord, latest: LatestReport) -> AgentStatus {
        let runtime = &self.dispatcher.runtime;
        let (presence, seen) =
            self.dispatcher
                .attendance
                .of(&record, runtime.now(), runtime.wall());
        record.last_seen = record.last_seen.max(seen);
        let LatestReport { report, dropped } = latest;
        let skew_ms = report.as_ref().map(|row| {
            row.received
                .as_millis()
                .saturating_sub(row.report.at.as_millis())
        });
        AgentStatus {
            record,
            presence,
            latest: report,
            dropped,
            skew_ms,
        }
    }
}
