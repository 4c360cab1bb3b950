//! [`Shared`]: what the parts of one agent have in common, with the one lock and the one wake-up
//! for all of it.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;
use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::{Describe, WorkTask};
use widget_core::runtime::{RuntimeExt, SharedRuntime, SteadyClock};
use widget_core::spool::{Process, Spool, SpoolStats};
use widget_core::time::Timestamp;
use widget_core::transport::Transport;

use crate::agent::Ended;
use crate::raw::{AnyHandler, Job};
use crate::sorted::Sorted;
use crate::tasks::{Ledger, Limits};
use crate::work;

/// A spool that is used where blocking is allowed. None once it was closed.
pub(crate) type SharedSpool = Arc<Mutex<Option<Box<dyn Spool>>>>;

/// What the parts of one agent have in common.
pub(crate) struct Shared {
    pub(crate) id: AgentId,
    pub(crate) describe: Describe,
    pub(crate) interval: Duration,
    pub(crate) handlers: Sorted<String, AnyHandler>,
    pub(crate) transports: Vec<Arc<dyn Transport>>,
    pub(crate) runtime: SharedRuntime,
    /// By it a ttl passes.
    pub(crate) clock: SteadyClock,
    pub(crate) epoch: SpoolEpoch,
    pub(crate) durable: bool,
    pub(crate) spool: SharedSpool,
    state: Mutex<State>,
    changed: Event,
}

/// What changes.
pub(crate) struct State {
    pub(crate) ledger: Ledger<Job>,
    /// Name of the transport while there is a connection.
    pub(crate) connected: Option<&'static str>,
    /// Since when there is a connection, or none.
    pub(crate) since: Timestamp,
    pub(crate) last_error: Option<String>,
    /// A server refused the description, and that was logged.
    pub(crate) describe_refused: bool,
    pub(crate) reports: Counts,
    pub(crate) report_now: bool,
    pub(crate) leaving: Option<Leaving>,
    pub(crate) farewell: Farewell,
}

/// What became of reports.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) spool: SpoolStats,
    /// Number of the last one that was kept.
    pub(crate) newest: u64,
    /// Everything through this number is the server's.
    pub(crate) delivered: u64,
    /// Everything through this number went to a server with another store than the present one's.
    pub(crate) elsewhere: u64,
    pub(crate) acknowledged: u64,
    /// Refused here or by the server, or lost by the server when they were no longer here.
    pub(crate) lost: u64,
}

/// Why the agent leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaving {
    pub(crate) why: Ended,
    /// The task that makes it leave. Its handler does not come back.
    pub(crate) task: Option<(TaskId, Attempt)>,
}

impl Leaving {
    /// The task that the goodbye names, since it has succeeded then. Of a restart the next start says
    /// that, if it will remember.
    pub(crate) fn named(self, durable: bool) -> Option<(TaskId, Attempt)> {
        self.task.filter(|_| self.why != Ended::Restart || !durable)
    }
}

impl State {
    /// Whether it is this task that makes the agent leave.
    pub(crate) fn leaves_for(&self, task: TaskId) -> bool {
        let by = self.leaving.and_then(|leaving| leaving.task);
        by.is_some_and(|(by, _)| by == task)
    }
}

/// How far the agent's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Farewell {
    /// It works, or its handlers still do.
    NotYet,
    /// It says goodbye and nothing else.
    Saying,
    /// It has ended.
    Over,
}

/// All that makes an agent, from the builder.
pub(crate) struct Parts {
    pub(crate) id: AgentId,
    pub(crate) describe: Describe,
    pub(crate) interval: Duration,
    pub(crate) handlers: Sorted<String, AnyHandler>,
    pub(crate) transports: Vec<Arc<dyn Transport>>,
    pub(crate) runtime: SharedRuntime,
    pub(crate) spool: Box<dyn Spool>,
    pub(crate) tasks: usize,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let clock = SteadyClock::new(Arc::clone(&parts.runtime));
        let recall = parts.spool.recall();
        let delivered = recall.delivered;
        let durable = parts.spool.is_durable();
        let (first, second) = (parts.runtime.random(), parts.runtime.random());
        let mut start = [0; 16];
        let (left, right) = start.split_at_mut(8);
        left.copy_from_slice(&first.to_be_bytes());
        right.copy_from_slice(&second.to_be_bytes());
        let process = Process {
            boot: parts.describe.boot.clone(),
            pid: std::process::id(),
            start,
        };
        let mut kinds = Sorted::default();
        for handler in parts.handlers.values() {
            if let Some(most) = handler.concurrency {
                kinds.insert(handler.kind.clone(), most);
            }
        }
        let limits = Limits {
            tasks: parts.tasks,
            kinds,
            durable,
        };
        let mut ledger = Ledger::new(limits, process);
        let prepare = |task: &WorkTask| work::prepare(&parts.handlers, task);
        ledger.recall(recall, prepare, clock.now());
        let state = State {
            ledger,
            connected: None,
            since: parts.runtime.wall(),
            last_error: None,
            describe_refused: false,
            reports: Counts {
                spool: parts.spool.stats(),
                newest: parts.spool.next_seq().saturating_sub(1),
                delivered,
                ..Counts::default()
            },
            report_now: false,
            leaving: None,
            farewell: Farewell::NotYet,
        };
        Self {
            id: parts.id,
            describe: parts.describe,
            interval: parts.interval,
            handlers: parts.handlers,
            transports: parts.transports,
            runtime: parts.runtime,
            clock,
            epoch: parts.spool.epoch(),
            durable,
            spool: Arc::new(Mutex::new(Some(parts.spool))),
            state: Mutex::new(state),
            changed: Event::new(),
        }
    }

    /// Looks at the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state and wakes all that wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify(usize::MAX);
        result
    }

    /// Waits until `look` finds in the state what it looks for.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let change = self.changed.listen();
            let found = look(&mut self.state());
            if let Some(found) = found {
                return found;
            }
            change.await;
        }
    }

    /// Uses the spool where blocking is allowed, and notes how much it then holds. `None` if it
    /// panicked or was closed.
    pub(crate) async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Spool) -> T + Send + 'static,
    ) -> Option<T> {
        self.with_spool_after(|| (), |spool, ()| work(spool)).await
    }

    /// The same, after something that may take its time: the spool is free for others until then.
    pub(crate) async fn with_spool_after<A, T: Send + 'static>(
        &self,
        first: impl FnOnce() -> A + Send + 'static,
        work: impl FnOnce(&mut dyn Spool, A) -> T + Send + 'static,
    ) -> Option<T> {
        let spool = Arc::clone(&self.spool);
        let work = self.runtime.blocking(move || {
            let first = first();
            let mut spool = lock(&spool);
            let spool = spool.as_mut()?;
            let result = work(spool.as_mut(), first);
            Some((result, spool.stats()))
        });
        let (result, stats) = work.await.flatten()?;
        self.state().reports.spool = stats;
        Some(result)
    }

    /// Lets the spool go, so that another process may have it.
    pub(crate) async fn close_spool(&self) {
        let spool = Arc::clone(&self.spool);
        self.runtime
            .blocking(move || drop(lock(&spool).take()))
            .await;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Locks. A panic of a handler or probe never happens with the state half changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with all its causes, in one line.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
