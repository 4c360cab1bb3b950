//! [`TaskContext`]: what a handler knows of its task, and how it speaks of its progress.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::spool::End;
use widget_core::stop::StopSignal;

use crate::agent::Ended;
use crate::complain;
use crate::raw::Job;
use crate::shared::{Leaving, Shared, lock};
use crate::task_error::TaskError;
use crate::tasks::Start;
use crate::writer::TaskWriter;

/// The longest progress, in bytes of JSON text.
pub const MAX_PROGRESS: usize = 64 * 1024;
/// What a handler writes is gathered for so long, so that lines do not travel alone.
const GATHER: Duration = Duration::from_millis(100);
/// So much of it is gathered, in bytes.
const GATHERED: usize = 16 * 1024;
/// How long the spool has to keep that a handler will not come back.
const KEEP: Duration = Duration::from_secs(10);

/// What a handler knows of its task. Cheap to clone.
#[derive(Clone)]
pub struct TaskContext {
    inner: Arc<Inner>,
}

struct Inner {
    task: TaskId,
    attempt: Attempt,
    kind: String,
    failures: u32,
    losses: u32,
    token: StopSignal,
    shared: Arc<Shared>,
    /// What was written in the last moment. Locked before the state is, never the other way round.
    written: Mutex<String>,
}

impl TaskContext {
    pub(crate) fn new(start: Start<Job>, shared: Arc<Shared>) -> (Self, Job) {
        let inner = Inner {
            task: start.task,
            attempt: start.attempt,
            kind: start.kind,
            failures: start.failures,
            losses: start.losses,
            token: start.token,
            shared,
            written: Mutex::default(),
        };
        let inner = Arc::new(inner);
        (Self { inner }, start.job)
    }

    /// Which task this is.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.inner.task
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.inner.kind
    }

    /// Which attempt of it this is: 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        self.inner.attempt
    }

    /// How often a handler has failed at it before and was to be tried again.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.inner.failures
    }

    /// How often an agent died before while it ran.
    #[must_use]
    pub fn losses(&self) -> u32 {
        self.inner.losses
    }

    /// Says how far it is, in JSON text of at most [`MAX_PROGRESS`] bytes; what is longer is not
    /// said. It never waits: when the server is slow or away, only the latest word is kept.
    pub fn progress_raw(&self, progress: Payload) {
        if progress.len() > MAX_PROGRESS {
            complain::debug("progress is not said", "it has more than 64 KiB");
            return;
        }
        let task = self.inner.task;
        let change = |state: &mut crate::shared::State| state.ledger.progress(task, progress);
        self.inner.shared.change(change);
    }

    /// Writes text for people to read while the handler runs and after, such as the lines of a log.
    ///
    /// It never waits, whatever the server does: of what that has not heard yet the agent keeps
    /// 256 KiB, the oldest and the latest of it, and the server sees how much is missing between them.
    /// The server keeps the first and the last 512 KiB of all. Text is gathered for 100 ms, then it goes
    /// out as soon as the server listens. What was not heard ends with the process. Another attempt
    /// begins anew, and what is written after the end of the task is lost.
    pub fn write(&self, text: &str) {
        let mut written = lock(&self.inner.written);
        if text.is_empty() {
            return;
        }
        if written.len() + text.len() > GATHERED {
            let (task, before) = (self.inner.task, std::mem::take(&mut *written));
            self.inner.shared.change(|state| {
                state.ledger.write(task, &before);
                state.ledger.write(task, text);
            });
            return;
        }
        let first = written.is_empty();
        written.push_str(text);
        if first {
            let this = self.clone();
            let gathered = self.runtime().sleep(GATHER);
            self.runtime().spawn(Box::pin(async move {
                gathered.await;
                this.flush();
            }));
        }
    }

    /// The same for what writes bytes, such as `writeln!`.
    #[must_use]
    pub fn writer(&self) -> TaskWriter {
        TaskWriter::new(self.clone())
    }

    /// Passes on what was written.
    pub(crate) fn flush(&self) {
        let mut written = lock(&self.inner.written);
        if !written.is_empty() {
            let (task, text) = (self.inner.task, std::mem::take(&mut *written));
            let change = |state: &mut crate::shared::State| state.ledger.write(task, &text);
            self.inner.shared.change(change);
        }
    }

    /// Whether the handler is asked to give up: by a cancel, because the agent leaves, or because a
    /// handler that blocks has run out of time.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.token.is_asked()
    }

    /// Ends when the handler is asked to give up. Whatever it then gives back is the truth: Ok if it
    /// had finished, an error if it stopped in the middle.
    pub async fn cancelled(&self) {
        self.inner.token.asked().await;
    }

    /// Says that the handler will not come back, because it ends the agent's process or the host: a
    /// reboot, a shutdown of the machine, an update that replaces the program. Once this has ended,
    /// the agent's spool has it for good, and the handler may act.
    ///
    /// Then the next start of the agent decides: with [`End::Agent`] the task has succeeded if another
    /// process says so, with [`End::Host`] if the host has started anew; if it has not, the task ends
    /// as interrupted. Both processes are named in its output. A handler that comes back after all has
    /// the last word itself: an error for a reboot that was refused.
    ///
    /// A spool in memory remembers nothing: the task then ends as interrupted, since nobody can say.
    ///
    /// # Errors
    /// The code `not_kept` if the spool does not take it within 10 s, because the disk is full or
    /// broken. The handler should then give this error back and not act.
    ///
    /// ```
    /// use std::process::Command;
    /// use widget_agent::{AnyHandler, End, Payload};
    ///
    /// let reboot = AnyHandler::raw("reboot", |cx, _input| async move {
    ///     cx.will_not_return(End::Host).await?;
    ///     // Returns at once; the host goes down a little later.
    ///     Command::new("systemctl").arg("reboot").spawn()?;
    ///     cx.cancelled().await;
    ///     std::future::pending().await
    /// });
    /// # drop(reboot);
    /// ```
    pub async fn will_not_return(&self, end: End) -> Result<(), TaskError> {
        let (shared, task) = (&self.inner.shared, self.inner.task);
        shared.change(|state| state.ledger.leaving(task, end));
        match shared.runtime.timeout(KEEP, shared.durable()).await {
            Some(true) => Ok(()),
            _ => Err(TaskError::new(
                "not_kept",
                "the agent's spool could not keep that this task will not come back",
            )),
        }
    }

    /// Makes the agent leave, for the sake of this task.
    pub(crate) fn leave(&self, why: Ended) {
        let inner = &self.inner;
        inner.shared.change(|state| {
            let leaving = Leaving { why, task: None };
            let leaving = state.leaving.get_or_insert(leaving);
            leaving.task.get_or_insert((inner.task, inner.attempt));
        });
    }

    /// What the agent runs on. A handler that waits by this clock runs on every runtime, and in a
    /// simulation, where waiting takes no time.
    #[must_use]
    pub fn runtime(&self) -> &SharedRuntime {
        &self.inner.shared.runtime
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("task", &self.inner.task)
            .field("attempt", &self.inner.attempt)
            .field("kind", &self.inner.kind)
            .finish_non_exhaustive()
    }
}
