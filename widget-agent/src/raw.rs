//! [`AnyHandler`]: a handler in the one form in which they are stored, whatever it was written as.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use widget_core::Payload;
use widget_core::runtime::BoxFuture;
use widget_core::task::Failure;

use crate::context::TaskContext;
use crate::task_error::TaskError;

/// One run of a handler that has looked at its input and found it good.
pub(crate) type Job =
    Box<dyn FnOnce(TaskContext) -> BoxFuture<'static, Result<Payload, TaskError>> + Send>;

type Prepare = dyn Fn(&Payload) -> Result<Job, Failure> + Send + Sync;

/// A handler in the one form in which they are stored. Made from [`Shutdown`](crate::Shutdown) and,
/// with the feature `json`, from every `Handler`.
pub struct AnyHandler {
    pub(crate) kind: String,
    pub(crate) idempotent: bool,
    /// The server has to know of the start before it happens.
    pub(crate) start_first: bool,
    pub(crate) schema: Option<Payload>,
    prepare: Box<Prepare>,
}

impl AnyHandler {
    /// A closure that gets the JSON text as it came, and gives JSON text back.
    #[must_use]
    pub fn raw<F, Fut>(kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, Payload) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, TaskError>> + Send + 'static,
    {
        let run = Arc::new(run);
        Self::new(kind.into(), move |input| {
            let (run, input) = (Arc::clone(&run), input.clone());
            Ok(Box::new(move |context| Box::pin(run(context, input))))
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
            prepare: Box::new(prepare),
        }
    }

    /// Says that a task may be started again after a loss: once more does no harm.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
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
