//! [`Shared`]: what the parts of one agent have in common, with the one lock and the one wake-up
//! for all of it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::{Credential, Describe, Extras, WorkTask};
use widget_core::runtime::{RuntimeExt, SharedRuntime, SteadyClock};
use widget_core::spool::{Process, Spool, SpoolStats};
use widget_core::time::Timestamp;
use widget_core::transport::Transport;

use crate::agent::Ended;
use crate::gate::Gate;
use crate::raw::{AnyHandler, Job};
use crate::sorted::Sorted;
use crate::tasks::{Ledger, Limits};
use crate::watched::{Until, Watched};
use crate::work;

/// A use of the spool: what it came to, and how much there is then.
type SpoolWork = Box<dyn FnOnce() -> Option<(Box<dyn Any + Send>, SpoolStats)> + Send>;

/// A spool that is used where blocking is allowed.
pub(crate) struct SharedSpool {
    /// None once it was closed.
    open: Mutex<Option<Box<dyn Spool>>>,
    closed: AtomicBool,
}

impl SharedSpool {
    fn new(spool: Box<dyn Spool>) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::new(Some(spool)),
            closed: AtomicBool::new(false),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut dyn Spool) -> T) -> Option<T> {
        let mut open = lock(&self.open);
        let result = open.as_mut().map(|spool| work(spool.as_mut()));
        drop(open);
        if self.closed.load(Ordering::SeqCst) {
            self.close();
        }
        result
    }

    /// Lets it go. Without waiting: if it is in use, whoever uses it lets it go after that.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        match self.open.try_lock() {
            Ok(mut open) => drop(open.take()),
            Err(TryLockError::Poisoned(open)) => drop(open.into_inner().take()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn wait_and_close(&self) {
        drop(lock(&self.open).take());
    }
}

/// What the parts of one agent have in common.
pub(crate) struct Shared {
    pub(crate) id: AgentId,
    pub(crate) credential: Credential,
    pub(crate) extras: Extras,
    pub(crate) describe: Describe,
    pub(crate) interval: Duration,
    pub(crate) handlers: Sorted<String, AnyHandler>,
    pub(crate) gate: Gate,
    pub(crate) transports: Vec<Arc<dyn Transport>>,
    pub(crate) runtime: SharedRuntime,
    /// By it a ttl passes.
    pub(crate) clock: SteadyClock,
    pub(crate) epoch: SpoolEpoch,
    pub(crate) durable: bool,
    pub(crate) spool: Arc<SharedSpool>,
    state: Watched<State>,
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
    pub(crate) credential: Credential,
    pub(crate) extras: Extras,
    pub(crate) describe: Describe,
    pub(crate) interval: Duration,
    pub(crate) handlers: Sorted<String, AnyHandler>,
    pub(crate) gate: Gate,
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
            pid: parts.runtime.pid(),
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
        let prepare = |task: &WorkTask| {
            parts.gate.look(task, None, &parts.runtime)?;
            work::prepare(&parts.handlers, task)
        };
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
            credential: parts.credential,
            extras: parts.extras,
            describe: parts.describe,
            interval: parts.interval,
            handlers: parts.handlers,
            gate: parts.gate,
            transports: parts.transports,
            runtime: parts.runtime,
            clock,
            epoch: parts.spool.epoch(),
            durable,
            spool: SharedSpool::new(parts.spool),
            state: Watched::new(state),
        }
    }

    /// Looks at the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.look()
    }

    /// Changes the state and wakes all that wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.state.change(change)
    }

    /// Waits until `look` finds in the state what it looks for.
    pub(crate) const fn until<T, L>(&self, look: L) -> Until<'_, State, L>
    where
        L: FnMut(&mut State) -> Option<T>,
    {
        self.state.until(look)
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
        let work = move || {
            let first = first();
            let (result, stats) = spool.with(|spool| (work(spool, first), spool.stats()))?;
            Some((Box::new(result) as Box<dyn Any + Send>, stats))
        };
        let result = self.spool_work(Box::new(work)).await?;
        result.downcast().ok().map(|result| *result)
    }

    /// What all uses of the spool have in common, so that it is there once.
    async fn spool_work(&self, work: SpoolWork) -> Option<Box<dyn Any + Send>> {
        let (result, stats) = self.runtime.blocking(work).await.flatten()?;
        self.state().reports.spool = stats;
        Some(result)
    }

    /// Lets the spool go, so that another process may have it.
    pub(crate) async fn close_spool(&self) {
        let spool = Arc::clone(&self.spool);
        self.runtime.blocking(move || spool.wait_and_close()).await;
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

#[cfg(test)]
mod tests {
    use widget_core::spool::MemorySpool;

    use super::*;

    #[test]
    fn a_spool_that_is_closed_while_it_is_used_is_let_go_after_that() {
        let spool = MemorySpool::new(SpoolEpoch::from_bytes([1; 16]));
        let spool = SharedSpool::new(Box::new(spool));
        assert_eq!(spool.with(|_| spool.close()), Some(()));
        assert!(lock(&spool.open).is_none());
    }
}
