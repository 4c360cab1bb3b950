//! [`AnyHandler`]: a handler in the one form in which they are stored, whatever it was written as.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use widget_core::Payload;
use widget_core::runtime::{BoxFuture, RuntimeExt};
use widget_core::task::Failure;

use crate::context::TaskContext;
use crate::retry::RetryPolicy;
use crate::task_error::TaskError;

/// What a handler gives back.
pub(crate) type Answer = Result<Payload, TaskError>;

/// One run of a handler that has looked at its input and found it good.
pub(crate) struct Job {
    pub(crate) run: Box<dyn FnOnce(TaskContext) -> BoxFuture<'static, Answer> + Send>,
    /// The future only waits for what runs elsewhere: to drop it ends nothing.
    pub(crate) blocking: bool,
}

impl Job {
    pub(crate) fn new<Fut>(run: impl FnOnce(TaskContext) -> Fut + Send + 'static) -> Self
    where
        Fut: Future<Output = Answer> + Send + 'static,
    {
        Self {
            run: Box::new(move |context| Box::pin(run(context))),
            blocking: false,
        }
    }

    pub(crate) fn blocking(run: impl FnOnce(TaskContext) -> Answer + Send + 'static) -> Self {
        let mut job = Self::new(async move |context: TaskContext| {
            let runtime = context.runtime().clone();
            let work = AssertUnwindSafe(move || run(context));
            match runtime.blocking(move || catch_unwind(work)).await {
                Some(Ok(answer)) => answer,
                Some(Err(panic)) => resume_unwind(panic),
                None => Err(TaskError::new("not_run", "the runtime did not run it")),
            }
        });
        job.blocking = true;
        job
    }
}

type Prepare = dyn Fn(&Payload) -> Result<Job, Failure> + Send + Sync;

/// A handler in the one form in which they are stored. Made from [`Shutdown`](crate::Shutdown),
/// [`Restart`](crate::Restart) and, with the feature `json`, from every `Handler` and from closures over
/// types.
///
/// ```
/// use widget_agent::{Agent, AnyHandler, Payload, RetryPolicy, TaskError};
///
/// // At most two at a time; a failure is tried again, up to five times in all.
/// let fetch = AnyHandler::raw("fetch", |cx, input| async move {
///     cx.write("fetching\n");
///     Ok(input)
/// });
/// let fetch = fetch.retry(RetryPolicy::default()).concurrency(2);
///
/// // This one blocks, so it gets a thread that may.
/// let sort = AnyHandler::raw_blocking("sort", |cx, _input| {
///     if cx.is_cancelled() {
///         return Err(TaskError::new("stopped", "it was asked to stop"));
///     }
///     Ok(Payload::null())
/// });
/// let agent = Agent::builder().handler(fetch).handler(sort);
/// # drop(agent);
/// ```
pub struct AnyHandler {
    pub(crate) kind: String,
    pub(crate) idempotent: bool,
    /// The server has to know of the start before it happens.
    pub(crate) start_first: bool,
    pub(crate) schema: Option<Payload>,
    /// At most so many of its tasks run at a time.
    pub(crate) concurrency: Option<u16>,
    pub(crate) retry: Option<RetryPolicy>,
    prepare: Box<Prepare>,
}

impl AnyHandler {
    /// A closure that gets the JSON text as it came, and gives JSON text back.
    ///
    /// It must not block: it runs on the threads that drive the agent. What blocks is for
    /// [`raw_blocking`](Self::raw_blocking). At the task's timeout the future is dropped.
    #[must_use]
    pub fn raw<F, Fut>(kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, Payload) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, TaskError>> + Send + 'static,
    {
        let run = Arc::new(run);
        Self::new(kind.into(), move |input| {
            let (run, input) = (Arc::clone(&run), input.clone());
            Ok(Job::new(move |context| run(context, input)))
        })
    }

    /// The same for a closure that blocks or computes for long. It is run where the
    /// [`Runtime`](crate::runtime::Runtime) allows that.
    ///
    /// A thread cannot be ended from outside. When the task's timeout passes, the task ends as timed
    /// out, and the handler goes on: it keeps its place among the tasks that the agent has, and its
    /// place among those of its [`concurrency`](Self::concurrency), until it comes back. What it then
    /// gives back is kept beside the task as evidence. It should look at
    /// [`TaskContext::is_cancelled`] now and then, which is true from the timeout on. An agent that
    /// ends does not wait for it longer than 2 s.
    ///
    /// The threads of the runtime that may block are shared with the agent's own disk work, and there
    /// are some 500 of them: many handlers that may get stuck need a limit below that.
    #[must_use]
    pub fn raw_blocking<F>(kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, Payload) -> Result<Payload, TaskError> + Send + Sync + 'static,
    {
        let run = Arc::new(run);
        Self::new(kind.into(), move |input| {
            let (run, input) = (Arc::clone(&run), input.clone());
            Ok(Job::blocking(move |context| run(context, input)))
        })
    }

    pub(crate) fn new(
        kind: String,
        prepare: impl Fn(&Payload) -> Result<Job, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            idempotent: false,
            start_first: false,
            schema: None,
            concurrency: None,
            retry: None,
            prepare: Box::new(prepare),
        }
    }

    /// Says that a task may be started again after a loss: once more does no harm. A task whose agent
    /// dies while it runs is then queued again and not ended as interrupted, and so is one whose
    /// handler gives up because the agent leaves or is dropped then, which counts as no loss. Whether it is tried again when the handler fails,
    /// says [`retry`](Self::retry).
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Has it tried again when it fails, panics, or, unless it [blocks](Self::raw_blocking), runs
    /// longer than its timeout; which says that it is [`idempotent`](Self::idempotent) as well. The
    /// server counts the failures, so the policy holds over restarts of the agent.
    ///
    /// When the attempts are used up the task ends with the last error, and its message says how many
    /// there were. A [permanent](TaskError::permanent) error ends it at once, and one that [asks for a
    /// pause](TaskError::retry_after) gets that one.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self.idempotent()
    }

    /// At most so many of its tasks run at a time; 0 counts as 1. Without a limit it is as many as the
    /// agent [has at a time](crate::AgentBuilder::tasks).
    ///
    /// The agent asks for no more of its kind than that, so the others wait at the server, where they
    /// can be cancelled and where another order can still be given. The server hands out by priority,
    /// then by age; of tasks with one ordering key only one at a time, so they run in their order
    /// whatever the limit.
    #[must_use]
    pub fn concurrency(mut self, most: u16) -> Self {
        self.concurrency = Some(most.max(1));
        self
    }

    /// Says what its input looks like: a JSON Schema, as JSON text. The server then refuses input
    /// that does not fit before it queues a task. With the feature `schema` it can be had from a type.
    ///
    /// Say what draft 2020-12 does, refer by `$ref` to places of the same schema only, and keep all
    /// that the agent says of itself below 256 KiB. A schema that a server does not take makes it
    /// refuse the whole description of the agent: that is logged as a warning, and until it is
    /// mended the server knows neither the host's name nor the handlers.
    #[must_use]
    pub fn schema(mut self, schema: Payload) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Has `seen` called at each start of it, right before it runs: for tests that count starts, and
    /// for what every run has in common.
    #[must_use]
    pub fn on_start(mut self, seen: impl Fn(&TaskContext) + Send + Sync + 'static) -> Self {
        let (prepare, seen) = (self.prepare, Arc::new(seen));
        self.prepare = Box::new(move |input| {
            let mut job = prepare(input)?;
            let (run, seen) = (job.run, Arc::clone(&seen));
            job.run = Box::new(move |context| {
                seen(&context);
                run(context)
            });
            Ok(job)
        });
        self
    }

    /// Looks at an input, and gives what runs it.
    pub(crate) fn prepare(&self, input: &Payload) -> Result<Job, Failure> {
        (self.prepare)(input)
    }
}

impl fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyHandler")
            .field("kind", &self.kind)
            .field("idempotent", &self.idempotent)
            .finish_non_exhaustive()
    }
}
