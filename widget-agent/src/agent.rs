//! [`Agent`]: the future that the host drives, and why it ends.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use widget_core::runtime::{BoxFuture, RuntimeExt};

use crate::builder::AgentBuilder;
use crate::first::first;
use crate::probe::Probe;
use crate::shared::{Farewell, Shared, State};
use crate::{durable, reconnect, sampling, starts};

/// How long handlers have to end once they were asked to, and how long the server has to hear the
/// goodbye.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it takes to say that handlers were dropped.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An agent, ready to run. It does nothing by itself: the host awaits it on its own runtime.
///
/// Dropping it ends the agent at once and without a goodbye; its handlers are dropped too.
#[derive(Debug)]
pub struct Agent {
    inner: Inner,
}

/// Why an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// [`AgentHandle::stop`](crate::AgentHandle::stop) was called.
    Stopped,
    /// A shutdown task came. Whoever runs the agent for its own sake ends the process now.
    Shutdown,
    /// A restart task came. See [`Restart`](crate::Restart).
    Restart,
}

impl Agent {
    /// Starts to put an agent together.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
    }

    pub(crate) fn new(shared: Arc<Shared>, probes: Vec<Box<dyn Probe>>) -> Self {
        let guard = Guard(shared);
        Self {
            inner: Inner { guard, probes },
        }
    }

    /// Samples, reports and runs tasks until it is stopped or shut down. What goes wrong on the
    /// way is logged and tried again.
    pub async fn run(self) -> Ended {
        let Inner { guard, probes } = self.inner;
        let shared = &guard.0;
        let parts: Vec<BoxFuture<'_, ()>> = vec![
            Box::pin(leave(shared)),
            Box::pin(sampling::run(shared, probes)),
            Box::pin(reconnect::run(shared)),
            Box::pin(durable::run(shared)),
            Box::pin(starts::run(shared)),
        ];
        first(parts).await;
        shared.close_spool().await;
        let leaving = shared.state().leaving;
        leaving.map_or(Ended::Stopped, |leaving| leaving.why)
    }
}

impl IntoFuture for Agent {
    type Output = Ended;
    type IntoFuture = BoxFuture<'static, Ended>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

struct Inner {
    guard: Guard,
    probes: Vec<Box<dyn Probe>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.guard.0.fmt(f)
    }
}

/// Tells everybody that the agent is over, however it ends.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.farewell = Farewell::Over;
            state.connected = None;
        });
        // An agent that was dropped has not closed it.
        self.0.spool.close();
    }
}

/// Whether the ends of tasks are kept, and said if there is somebody to hear.
fn is_told(state: &State) -> bool {
    let ledger = &state.ledger;
    let said = state.connected.is_none() || ledger.all_ends_are_said();
    said && ledger.all_is_kept()
}

/// Waits for a reason to leave, lets handlers end, has the session say goodbye, and ends when that
/// takes too long.
async fn leave(shared: &Shared) {
    let leaving = shared.until(|state| state.leaving).await;
    shared.change(|state| state.ledger.close());
    let task = leaving.task.map(|(task, _)| task);
    let quiet =
        shared.until(|state| (is_told(state) && state.ledger.none_runs_but(task)).then_some(()));
    let quiet = shared.runtime.timeout(PATIENCE, quiet).await;
    if quiet.is_none() && shared.change(|state| state.ledger.give_up()) {
        let told = shared.until(|state| is_told(state).then_some(()));
        shared.runtime.timeout(LAST_WORDS, told).await;
    }
    let connected = shared.change(|state| {
        state.farewell = Farewell::Saying;
        state.connected.is_some()
    });
    // Somebody waits for a shutdown, so it is worth a wait; a stop without a server is not.
    if connected || leaving.named(shared.durable).is_some() {
        shared.runtime.sleep(PATIENCE).await;
    }
}
