//! [`Shutdown`]: the handler by which a server ends an agent. Whoever does not register it has an
//! agent that cannot be ended from afar.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;

use widget_core::runtime::BoxFuture;
use widget_core::task::SHUTDOWN;

use crate::raw::{AnyHandler, Job};
use crate::task_error::TaskError;

type Veto = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// Ends the agent when a task of kind `shutdown` comes.
///
/// The server learns that the task runs before it acts, and that it has succeeded by the agent's
/// goodbye. The agent then ends with [`Ended::Shutdown`](crate::Ended::Shutdown).
///
/// ```
/// use widget_agent::{Agent, Shutdown};
///
/// let polite = Shutdown::new().veto(|| async { Err("a backup is running".to_owned()) });
/// let agent = Agent::builder().handler(polite);
/// # drop(agent);
/// ```
#[derive(Default)]
pub struct Shutdown {
    veto: Option<Arc<Veto>>,
}

impl Shutdown {
    /// Ends the agent whenever it is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `hook` first. An error fails the task with code `vetoed` and this reason, and the agent
    /// goes on.
    #[must_use]
    pub fn veto<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.veto = Some(Arc::new(move || Box::pin(hook())));
        self
    }
}

impl From<Shutdown> for AnyHandler {
    fn from(shutdown: Shutdown) -> Self {
        let mut any = Self::new(SHUTDOWN.to_owned(), move |_| {
            let veto = shutdown.veto.clone();
            let job: Job = Box::new(move |context| {
                Box::pin(async move {
                    if let Some(veto) = veto {
                        veto().await.map_err(|why| TaskError::new("vetoed", why))?;
                    }
                    context.leave();
                    // The goodbye is this task's end.
                    pending().await
                })
            });
            Ok(job)
        });
        any.start_first = true;
        any
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let veto = self.veto.is_some();
        f.debug_struct("Shutdown").field("veto", &veto).finish()
    }
}
