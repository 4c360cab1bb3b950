//! [`ServerHandle`]: what a program may ask of its server, cheap to clone. API and page use
//! nothing else.

mod cancel;
mod explain;
mod send;
mod tasks;

pub use cancel::Purged;
pub use send::{SendError, TaskRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use widget_core::id::AgentId;
use widget_core::store::{
    AgentQuery, AgentRecord, BucketQuery, LatestReport, ReportQuery, StoreError, StoredReport,
    Summary, TaskQuery, TaskStoreExt,
};
use widget_core::task::{Actor, Event, StateName};
use widget_core::time::Timestamp;

use crate::dispatch::Dispatcher;
use crate::events::Events;
use crate::presence::Presence;

/// What a program may ask of its server.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    dispatcher: Arc<Dispatcher>,
    started: Timestamp,
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
        }
    }

    /// Agents, by number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn agents(&self, query: &AgentQuery) -> Result<AgentList, StoreError> {
        let stores = &self.dispatcher.stores;
        let page = stores.agents.agents(query).await?;
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
        let Some(record) = stores.agents.agent(id).await? else {
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
    /// was one. An agent that still runs comes back as a new one.
    ///
    /// # Errors
    /// [`StoreError`]; ask again.
    pub async fn delete(&self, agent: AgentId) -> Result<bool, StoreError> {
        let deleted = self.delete_rows(agent).await;
        let deleted = self.dispatcher.watch_write(deleted)?;
        self.dispatcher.dismiss(agent);
        Ok(deleted)
    }

    /// Reports, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError> {
        self.dispatcher.stores.reports.reports(query).await
    }

    /// Reports of one agent in buckets.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError> {
        self.dispatcher.stores.reports.summary(query).await
    }

    /// What happens from here on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.dispatcher.events.subscribe()
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

    /// Counts something that the port of API and page refused.
    #[cfg(feature = "admin")]
    pub(crate) fn count_refused(&self, reason: &'static str) {
        let from = widget_core::transport::Origin {
            transport: "admin",
            address: "".into(),
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

    /// The agent's own row last: when something fails before, asking again still finds it.
    async fn delete_rows(&self, agent: AgentId) -> Result<bool, StoreError> {
        // First, so that what comes in meanwhile is refused.
        self.dispatcher.dismiss(agent);
        let stores = &self.dispatcher.stores;
        let now = self.dispatcher.now();
        let states = StateName::ALL
            .into_iter()
            .filter(|state| !state.is_terminal())
            .collect();
        let query = TaskQuery {
            agent: Some(agent),
            states,
            before: None,
            limit: usize::MAX,
        };
        for task in stores.tasks.tasks(&query).await?.tasks {
            stores
                .tasks
                .apply(task.id, &Event::AgentDeleted, Actor::Server, now)
                .await?;
            self.dispatcher.task_changed(agent, task.id);
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
