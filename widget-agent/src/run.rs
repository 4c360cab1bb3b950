//! Runs one handler and notes its end, whatever it does.

use std::any::Any;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_lite::FutureExt;
use futures_lite::future::or;
use widget_core::runtime::RuntimeExt;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};

use crate::context::TaskContext;
use crate::output;
use crate::raw::{Answer, Job};
use crate::retry::Tries;
use crate::shared::{Farewell, Shared};
use crate::task_error::Again;
use crate::tasks::Start;

/// The longest message of a failure, in bytes.
pub(crate) const MAX_MESSAGE: usize = 4 * 1024;
/// The longest code of a failure, in bytes.
const MAX_CODE: usize = 64;

/// How a run of a handler ended by itself.
type Returned = Result<Answer, Box<dyn Any + Send>>;

/// Runs a handler to its end, or until the agent is over.
pub(crate) async fn run(shared: Arc<Shared>, start: Start<Job>) {
    let task = start.task;
    let over = |farewell| (farewell == Farewell::Over).then_some(None);
    let over = shared.until(|state| over(state.farewell));
    let last = async { Some(to_its_end(&shared, start).await) };
    if let Some(last) = or(last, over).await {
        shared.change(|state| state.ledger.finish(task, last));
    }
}

/// Runs it, and gives the last word on it.
async fn to_its_end(shared: &Arc<Shared>, start: Start<Job>) -> AgentEvent {
    let (task, timeout) = (start.task, start.timeout);
    let handler = shared.handlers.get(&start.kind);
    let tries = Tries::new(handler, start.idempotent, start.failures);
    let (context, job) = TaskContext::new(start, Arc::clone(shared));
    let (blocking, given) = (job.blocking, context.clone());
    // A job is called in here, so that a panic before its first await is caught as well.
    let work = AssertUnwindSafe(async move { (job.run)(given).await }).catch_unwind();
    let mut work = Box::pin(work);
    let returned = match timeout {
        Some(limit) => shared.runtime.timeout(limit, work.as_mut()).await,
        None => Some(work.as_mut().await),
    };
    let ends = Ends {
        shared,
        context: &context,
        tries: &tries,
    };
    let last = match returned {
        Some(returned) => ends.returned(returned, false),
        // Its end is that of the agent.
        None if shared.state().leaves_for(task) => pending().await,
        None if blocking => {
            context.flush();
            let why = "it ran longer than its timeout, and goes on: a handler that blocks cannot be \
                       ended from outside. It keeps its slot until it comes back";
            let last = Finish::without(FinishKind::TimedOut, Failure::new("timeout", why));
            let last = AgentEvent::Finish(last);
            shared.change(|state| state.ledger.timed_out(task, last));
            ends.returned(work.await, true)
        }
        None => {
            // What it drops may panic too.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(work)));
            ends.timed_out()
        }
    };
    context.flush();
    last
}

/// What the last word depends on.
struct Ends<'a> {
    shared: &'a Shared,
    context: &'a TaskContext,
    tries: &'a Tries,
}

impl Ends<'_> {
    /// It came back, perhaps after its end was told already.
    fn returned(&self, returned: Returned, late: bool) -> AgentEvent {
        let asked = self.context.is_cancelled();
        let leaving = !late && self.shared.state().leaving.is_some();
        let (kind, failure, again) = match returned {
            Ok(Ok(output)) => return AgentEvent::Finish(output::succeeded(output)),
            Ok(Err(error)) => {
                let failure = failure(&error.code, &error.message);
                // Whoever was cancelled and gave up has done what it was asked to.
                let gave_up = late || (asked && !leaving);
                let again = if gave_up { Again::Never } else { error.again };
                let kind = if asked {
                    FinishKind::Stopped
                } else {
                    FinishKind::Failed
                };
                (kind, failure, again)
            }
            Err(panic) => {
                let failure = failure("panic", panic_text(&*panic));
                let again = if late { Again::Never } else { Again::Unsaid };
                (FinishKind::Failed, failure, again)
            }
        };
        self.last_word(kind, failure, again, leaving && asked)
    }

    /// It was dropped at its timeout.
    fn timed_out(&self) -> AgentEvent {
        let failure = Failure::new("timeout", "it ran longer than its timeout");
        let again = if self.context.is_cancelled() {
            Again::Never
        } else {
            Again::Unsaid
        };
        self.last_word(FinishKind::TimedOut, failure, again, false)
    }

    fn last_word(
        &self,
        kind: FinishKind,
        failure: Failure,
        again: Again,
        leaving: bool,
    ) -> AgentEvent {
        let random = || self.shared.runtime.random();
        self.tries.last_word(kind, failure, again, leaving, random)
    }
}

/// A failure in its bounds.
pub(crate) fn failure(code: &str, message: &str) -> Failure {
    Failure::new(cut(code, MAX_CODE), cut(message, MAX_MESSAGE))
}

/// At most so many bytes of a text.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// What a panic of a handler said, cut to the length of a failure's message.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    cut(text.unwrap_or("the handler panicked"), MAX_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 4), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("aé", 2), "a");
    }
}
