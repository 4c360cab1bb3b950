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

    /// Does the work. The future is dropped when the task runs out of time and when the agent ends.
    fn run(
        &self,
        cx: TaskContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;

    /// Whether a task may be started again after a loss.
    fn idempotent(&self) -> bool {
        false
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
        let (idempotent, schema) = (handler.idempotent(), handler.schema());
        let handler = Arc::new(handler);
        let mut any = typed(H::KIND.to_owned(), move |context, input| {
            let handler = Arc::clone(&handler);
            async move { handler.run(context, input).await }
        });
        any.idempotent = idempotent;
        any.schema = schema;
        any
    }
}

impl AgentBuilder {
    /// Adds a closure that runs one kind of task.
    ///
    /// The closure is called for each task and gives the future that does the work.
    pub fn on<F, I, O, Fut>(self, kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Fut + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        Fut: Future<Output = Result<O, TaskError>> + Send + 'static,
    {
        self.handler(typed(kind.into(), run))
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

/// A closure over types as one over JSON text. The input is read before the task is accepted.
pub(crate) fn typed<F, I, O, Fut>(kind: String, run: F) -> AnyHandler
where
    F: Fn(TaskContext, I) -> Fut + Send + Sync + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize,
    Fut: Future<Output = Result<O, TaskError>> + Send + 'static,
{
    let run = Arc::new(run);
    AnyHandler::new(kind, move |input| {
        let input: I = serde_json::from_slice(input.as_bytes())
            .map_err(|error| Failure::new("bad_input", cut(&error.to_string(), MAX_TEXT)))?;
        let run = Arc::clone(&run);
        let job: Job = Box::new(move |context| {
            Box::pin(async move {
                let output = run(context, input).await?;
                let text = serde_json::to_vec(&output)
                    .map_err(|error| TaskError::new("bad_output", error.to_string()))?;
                Ok(Payload::from_json_text(text))
            })
        });
        Ok(job)
    })
}
