//! [`Handler`]: a handler whose input, output and progress are types, by way of serde and JSON.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use widget_core::Payload;
use widget_core::task::Failure;

use crate::builder::AgentBuilder;
use crate::context::TaskContext;
use crate::raw::{AnyHandler, Job};
use crate::retry::RetryPolicy;
use crate::run::cut;
use crate::task_error::TaskError;

/// The longest text of an error about an input, in bytes.
const MAX_TEXT: usize = 1024;

/// Runs one kind of task.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use widget_agent::{Handler, TaskContext, TaskError};
///
/// struct Reindex;
///
/// #[derive(Deserialize)]
/// struct Books { shelf: String }
///
/// #[derive(Serialize)]
/// struct Done { books: u32 }
///
/// impl Handler for Reindex {
///     const KIND: &str = "reindex";
///     type Input = Books;
///     type Output = Done;
///
///     async fn run(&self, cx: TaskContext, input: Books) -> Result<Done, TaskError> {
///         if input.shelf.is_empty() {
///             return Err(TaskError::new("no_shelf", "a shelf must be named"));
///         }
///         cx.progress(&0.5);
///         Ok(Done { books: 7 })
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// The kind: `[a-z0-9_.-]{1,64}`.
    const KIND: &str;
    /// What it is given.
    type Input: DeserializeOwned + Send + 'static;
    /// What it gives back.
    type Output: Serialize;

    /// Does the work. The future is dropped when the task runs out of time and when the agent ends. It
    /// must not block; what does is for [`AnyHandler::typed_blocking`].
    fn run(
        &self,
        cx: TaskContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;

    /// Whether a task may be started again after a loss. See [`AnyHandler::idempotent`].
    fn idempotent(&self) -> bool {
        false
    }

    /// How often it is tried that fails. A policy says that it is idempotent as well. See
    /// [`AnyHandler::retry`].
    fn retry(&self) -> Option<RetryPolicy> {
        None
    }

    /// How many of its tasks run at a time at most. See [`AnyHandler::concurrency`].
    fn concurrency(&self) -> Option<u16> {
        None
    }

    /// A JSON Schema of the input, if there is one: the server then refuses what does not fit before
    /// it queues a task. With the feature `schema`, `schema_of` gives that of a type. See
    /// [`AnyHandler::schema`] for what a server takes.
    fn schema(&self) -> Option<Payload> {
        None
    }
}

impl<H: Handler> From<H> for AnyHandler {
    fn from(handler: H) -> Self {
        let (idempotent, retry) = (handler.idempotent(), handler.retry());
        let (concurrency, schema) = (handler.concurrency(), handler.schema());
        let handler = Arc::new(handler);
        let mut any = Self::typed(H::KIND, move |context, input| {
            let handler = Arc::clone(&handler);
            async move { handler.run(context, input).await }
        });
        any.idempotent = idempotent || retry.is_some();
        any.retry = retry;
        any.concurrency = concurrency.map(|most| most.max(1));
        any.schema = schema;
        any
    }
}

impl AgentBuilder {
    /// Adds a closure that runs one kind of task. The same as a handler of
    /// [`AnyHandler::typed`], which can be told more, such as how often it is tried.
    pub fn on<F, I, O, Fut>(self, kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Fut + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        Fut: Future<Output = Result<O, TaskError>> + Send + 'static,
    {
        self.handler(AnyHandler::typed(kind, run))
    }

    /// Adds a closure that blocks or computes for long. See [`AnyHandler::raw_blocking`] for what
    /// becomes of one that runs too long.
    ///
    /// ```
    /// use widget_agent::Agent;
    ///
    /// let agent = Agent::builder().on_blocking("read", |cx, path: String| {
    ///     let text = std::fs::read_to_string(path)?;
    ///     cx.write("read it\n");
    ///     Ok(text.lines().count())
    /// });
    /// # drop(agent);
    /// ```
    pub fn on_blocking<F, I, O>(self, kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Result<O, TaskError> + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
    {
        self.handler(AnyHandler::typed_blocking(kind, run))
    }
}

impl AnyHandler {
    /// A closure over types. It is called for each task and gives the future that does the work, which
    /// must not block. The input is read before the task is accepted.
    #[must_use]
    pub fn typed<F, I, O, Fut>(kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Fut + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        Fut: Future<Output = Result<O, TaskError>> + Send + 'static,
    {
        let run = Arc::new(run);
        Self::new(kind.into(), move |input| {
            let (input, run) = (read::<I>(input)?, Arc::clone(&run));
            Ok(Job::new(async move |context| {
                written(&run(context, input).await?)
            }))
        })
    }

    /// A closure over types that blocks or computes for long. See
    /// [`raw_blocking`](Self::raw_blocking).
    #[must_use]
    pub fn typed_blocking<F, I, O>(kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Result<O, TaskError> + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
    {
        let run = Arc::new(run);
        Self::new(kind.into(), move |input| {
            let (input, run) = (read::<I>(input)?, Arc::clone(&run));
            Ok(Job::blocking(move |context| written(&run(context, input)?)))
        })
    }
}

impl TaskContext {
    /// Says how far the task is. See [`progress_raw`](Self::progress_raw); what has no form in JSON
    /// is not said.
    pub fn progress<T: Serialize>(&self, progress: &T) {
        if let Ok(text) = serde_json::to_vec(progress) {
            self.progress_raw(Payload::from_json_text(text));
        }
    }
}

fn read<I: DeserializeOwned>(input: &Payload) -> Result<I, Failure> {
    serde_json::from_slice(input.as_bytes())
        .map_err(|error| Failure::new("bad_input", cut(&error.to_string(), MAX_TEXT)))
}

fn written<O: Serialize>(output: &O) -> Result<Payload, TaskError> {
    serde_json::to_vec(output)
        .map(Payload::from_json_text)
        .map_err(|error| TaskError::new("bad_output", error.to_string()).permanent())
}
