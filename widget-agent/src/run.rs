//! Runs one handler and notes its end, whatever it does.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_lite::FutureExt;
use futures_lite::future::or;
use widget_core::Payload;
use widget_core::payload::MAX_OUTPUT;
use widget_core::runtime::RuntimeExt;
use widget_core::stop::StopSignal;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};

use crate::context::TaskContext;
use crate::raw::Job;
use crate::shared::{Farewell, Shared};
use crate::task_error::TaskError;
use crate::tasks::Start;

/// The longest message of a failure, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;
/// The longest code of a failure, in bytes.
const MAX_CODE: usize = 64;

/// Runs a handler to its end, or until the agent is over.
pub(crate) async fn run(shared: Arc<Shared>, start: Start<Job>) {
    let Start {
        task,
        attempt,
        kind,
        job,
        timeout,
        idempotent,
        token,
    } = start;
    let context = TaskContext::new(task, attempt, kind, token.clone(), Arc::clone(&shared));
    // A job is called in here, so that a panic before its first await is caught as well.
    let work = AssertUnwindSafe(async move { job(context).await }).catch_unwind();
    let work = async {
        match timeout {
            Some(limit) => shared.runtime.timeout(limit, work).await,
            None => Some(work.await),
        }
    };
    let last = async {
        Some(match work.await {
            Some(Ok(result)) => last_word(result, idempotent, &token),
            Some(Err(panic)) => failed(FinishKind::Failed, "panic", panic_text(&*panic)),
            None => failed(
                FinishKind::TimedOut,
                "timeout",
                "it ran longer than its timeout",
            ),
        })
    };
    let over = async {
        let over = |farewell| (farewell == Farewell::Over).then_some(());
        shared.until(|state| over(state.farewell)).await;
        None
    };
    if let Some(last) = or(last, over).await {
        shared.change(|state| state.ledger.finish(task, last));
    }
}

/// What is said of the end of a handler that came to one.
fn last_word(
    result: Result<Payload, TaskError>,
    idempotent: bool,
    token: &StopSignal,
) -> AgentEvent {
    match result {
        Ok(output) if output.len() > MAX_OUTPUT => failed(
            FinishKind::Failed,
            "output_too_large",
            "its output is longer than 1 MiB",
        ),
        Ok(output) => AgentEvent::Finish(Finish::succeeded(output)),
        Err(error) if token.is_asked() => failed(FinishKind::Stopped, &error.code, &error.message),
        Err(error) => match error.retry_after {
            Some(after) if idempotent => AgentEvent::Retry {
                failure: failure(&error.code, &error.message),
                after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
                lost: false,
            },
            _ => failed(FinishKind::Failed, &error.code, &error.message),
        },
    }
}

fn failed(kind: FinishKind, code: &str, message: &str) -> AgentEvent {
    AgentEvent::Finish(Finish::without(kind, failure(code, message)))
}

fn failure(code: &str, message: &str) -> Failure {
    Failure::new(cut(code, MAX_CODE), cut(message, MAX_MESSAGE))
}

/// At most so many bytes of a text.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// What a panic of a handler said, cut to the length of a failure's message.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
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
