//! [`AgentHandle`]: how the host looks at its agent and ends it.

use std::sync::Arc;
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::runtime::RuntimeExt;
use widget_core::time::Timestamp;

use crate::agent::Ended;
use crate::shared::{Farewell, Leaving, Shared};

/// Handlers have two seconds to end, the goodbye has two more.
const STOP: Duration = Duration::from_secs(5);

/// Looks at an agent and ends it. Cheap to clone; dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct AgentHandle {
    shared: Arc<Shared>,
}

/// How an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Which agent it is.
    pub id: AgentId,
    /// Name of the transport that it is connected by, if it is.
    pub transport: Option<&'static str>,
    /// Since when it is connected, or is not.
    pub since: Timestamp,
    /// Why it last lost or did not get a connection.
    pub last_error: Option<String>,
    /// What became of its reports.
    pub reports: ReportCounts,
    /// How many tasks it has: taken, running, or ended without the server's knowing yet.
    pub tasks: usize,
    /// How many of them have not started: they wait for the server's word, or for others of their kind
    /// to end.
    pub waiting: usize,
    /// How many of them run.
    pub running: usize,
    /// How many of them have run out of time and go on all the same, since nothing can end them.
    pub stuck: usize,
    /// Bytes that its spool takes where it is kept; 0 in memory.
    pub spool_bytes: u64,
    /// Bytes that its spool may take; 0 in memory.
    pub spool_limit: u64,
}

/// What became of reports since the agent was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportCounts {
    /// Wait to be delivered.
    pub pending: usize,
    /// Were thinned away, refused, or lost by the server. A spool on disk counts on over restarts.
    pub dropped: u64,
    /// Are the server's.
    pub acknowledged: u64,
}

impl AgentHandle {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared.state();
        let reports = &state.reports;
        let stages = state.ledger.stages();
        Status {
            id: self.shared.id,
            transport: state.connected,
            since: state.since,
            last_error: state.last_error.clone(),
            reports: ReportCounts {
                pending: reports.spool.reports,
                dropped: reports.spool.dropped + reports.lost,
                acknowledged: reports.acknowledged,
            },
            tasks: state.ledger.len(),
            waiting: stages.waiting,
            running: stages.running,
            stuck: stages.stuck,
            spool_bytes: reports.spool.bytes,
            spool_limit: reports.spool.limit,
        }
    }

    /// Has a report made now, beside those of the interval.
    pub fn report_now(&self) {
        self.shared.change(|state| state.report_now = true);
    }

    /// Ends the agent and waits for that: running handlers are asked to stop and have two seconds
    /// for it, then the server hears a goodbye, for which it has two seconds.
    pub async fn stop(&self) {
        self.shared.change(|state| {
            let why = Ended::Stopped;
            state.leaving.get_or_insert(Leaving { why, task: None });
        });
        let over = |farewell| (farewell == Farewell::Over).then_some(());
        let over = self.shared.until(|state| over(state.farewell));
        // An agent that nobody drives does not end.
        self.shared.runtime.timeout(STOP, over).await;
    }
}
