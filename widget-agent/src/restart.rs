//! [`Restart`]: the handler by which a server has an agent's program started anew.

use std::future::Future;

use widget_core::task::RESTART;

use crate::agent::Ended;
use crate::raw::AnyHandler;
use crate::shutdown::Before;

/// Ends the agent when a task of kind `restart` comes, for the program to start itself anew.
///
/// The agent ends with [`Ended::Restart`], and its spool is closed by then. What to do is the host
/// program's business: call `restart_program` (feature `restart`), end with a code that its supervisor knows, or build
/// the agent again. That it runs is durable, here and at the server, before it acts. The task has
/// succeeded when the next start of the agent says so; with a spool in memory, which remembers nothing,
/// when its goodbye arrives. The same task never ends an agent twice.
///
/// ```no_run
/// # #[cfg(feature = "restart")]
/// # async fn run(agent: widget_agent::Agent) -> Result<(), Box<dyn std::error::Error>> {
/// use widget_agent::{Agent, Ended, Restart, restart_program};
///
/// let builder = Agent::builder().handler(Restart::new());
/// # drop(builder);
/// // …
/// if agent.await == Ended::Restart {
///     restart_program()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Restart {
    before: Before,
}

impl Restart {
    /// Ends the agent whenever it is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `hook` first, where the host program finishes what it is at, or says no. See
    /// [`Shutdown::before`](crate::Shutdown::before).
    #[must_use]
    pub fn before<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.before = Before::new(hook);
        self
    }
}

impl From<Restart> for AnyHandler {
    fn from(restart: Restart) -> Self {
        restart.before.handler(RESTART, Ended::Restart)
    }
}
