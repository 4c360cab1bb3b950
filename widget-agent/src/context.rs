//! [`TaskContext`]: what a handler knows of its task, and how it speaks of its progress.

use std::sync::Arc;

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::stop::StopSignal;

use crate::agent::Ended;
use crate::complain;
use crate::shared::{Leaving, Shared};

/// The longest progress, in bytes of JSON text.
pub const MAX_PROGRESS: usize = 64 * 1024;

/// What a handler knows of its task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TaskContext {
    task: TaskId,
    attempt: Attempt,
    kind: Arc<str>,
    token: StopSignal,
    shared: Arc<Shared>,
}

impl TaskContext {
    pub(crate) fn new(
        task: TaskId,
        attempt: Attempt,
        kind: String,
        token: StopSignal,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            task,
            attempt,
            kind: kind.into(),
            token,
            shared,
        }
    }

    /// Which task this is.
    #[must_use]
    pub const fn id(&self) -> TaskId {
        self.task
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Which attempt of it this is: 1 for the first.
    #[must_use]
    pub const fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Says how far it is, in JSON text of at most [`MAX_PROGRESS`] bytes; what is longer is not
    /// said. It never waits: when the server is slow or away, only the latest word is kept.
    pub fn progress_raw(&self, progress: Payload) {
        if progress.len() > MAX_PROGRESS {
            complain::debug("progress is not said", "it has more than 64 KiB");
            return;
        }
        self.shared
            .change(|state| state.ledger.progress(self.task, progress));
    }

    /// Whether the handler is asked to give up: by a cancel, or because the agent leaves.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_asked()
    }

    /// Ends when the handler is asked to give up. Whatever it then gives back is the truth: Ok if it
    /// had finished, an error if it stopped in the middle.
    pub async fn cancelled(&self) {
        self.token.asked().await;
    }

    /// Makes the agent leave, for the sake of this task.
    pub(crate) fn leave(&self) {
        let leaving = Leaving {
            why: Ended::Shutdown,
            task: Some((self.task, self.attempt)),
        };
        self.shared.change(|state| {
            state.leaving.get_or_insert(leaving);
        });
    }
}
