//! [`Shutdown`]: the handler by which a server ends an agent. Whoever does not register it has an
//! agent that cannot be ended from afar.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;

use widget_core::runtime::BoxFuture;
use widget_core::spool::End;
use widget_core::task::SHUTDOWN;

use crate::agent::Ended;
use crate::context::TaskContext;
use crate::raw::{AnyHandler, Job};
use crate::task_error::TaskError;

/// Ends the agent when a task of kind `shutdown` comes.
///
/// That it runs is durable, here and at the server, before it acts. The agent then ends with
/// [`Ended::Shutdown`]. The task has succeeded when the agent's goodbye arrives, for which it waits 2 s;
/// failing that, the next start of the agent says so, if its spool is a durable one. The same task
/// never ends an agent twice, so one that is started again at once stays up.
///
/// ```
/// use widget_agent::{Agent, Shutdown};
///
/// let polite = Shutdown::new().before(|| async { Err("a backup is running".to_owned()) });
/// let agent = Agent::builder().handler(polite);
/// # drop(agent);
/// ```
#[derive(Debug, Default)]
pub struct Shutdown {
    before: Before,
}

impl Shutdown {
    /// Ends the agent whenever it is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `hook` first, where the host program finishes what it is at, or says no: an error fails the
    /// task with code `vetoed` and this reason, and the agent goes on.
    ///
    /// It may take as long as it needs, up to the timeout of the task if that has one: then it is
    /// dropped, and the agent goes on. A cancel that comes meanwhile counts when it has ended.
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

impl From<Shutdown> for AnyHandler {
    fn from(shutdown: Shutdown) -> Self {
        shutdown.before.handler(SHUTDOWN, Ended::Shutdown)
    }
}

/// Has everything in it that only a hook needs: a program without one is smaller for it.
type Hook = dyn Fn(TaskContext) -> BoxFuture<'static, Result<(), TaskError>> + Send + Sync;

/// What a host program does before its agent leaves.
#[derive(Clone, Default)]
pub(crate) struct Before(Option<Arc<Hook>>);

impl Before {
    pub(crate) fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Some(Arc::new(move |context| {
            let hook = hook();
            Box::pin(async move {
                let vetoed = |why| TaskError::new("vetoed", why);
                hook.await.map_err(vetoed)?;
                if context.is_cancelled() {
                    let why = "it was cancelled while the program finished what it was at";
                    return Err(TaskError::new("cancelled", why));
                }
                Ok(())
            })
        })))
    }

    /// The handler that makes the agent leave after this.
    pub(crate) fn handler(self, kind: &str, why: Ended) -> AnyHandler {
        let mut any = AnyHandler::new(kind.to_owned(), move |_| {
            let before = self.clone();
            Ok(Job::new(async move |context| {
                if let Self(Some(hook)) = before {
                    hook(context.clone()).await?;
                }
                match context.will_not_return(End::Agent).await {
                    // The goodbye will say it.
                    Err(_) if why == Ended::Shutdown => {}
                    kept => kept?,
                }
                context.leave(why);
                // The end of the agent is this task's end.
                pending().await
            }))
        });
        any.start_first = true;
        any
    }
}

impl fmt::Debug for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a hook" } else { "none" })
    }
}
