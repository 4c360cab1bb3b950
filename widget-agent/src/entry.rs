//! [`Entry`]: one task in the ledger, from its receipt to the verdict on its end.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::WorkTask;
use widget_core::stop::Stop;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};
use widget_core::time::Mono;

use crate::tasks::Start;

/// One task.
#[derive(Debug)]
pub(crate) struct Entry<J> {
    pub(crate) attempt: Attempt,
    pub(crate) sequence: u64,
    pub(crate) stage: Stage<J>,
    /// Its handler was started, in this attempt or an earlier one.
    pub(crate) started: bool,
    pub(crate) idempotent: bool,
    pub(crate) start_first: bool,
    pub(crate) cancel_seen: bool,
    pub(crate) accept_due: bool,
    start_due: bool,
    pub(crate) progress: Option<Payload>,
    kind: String,
    timeout: Option<Duration>,
}

/// How far a task is.
#[derive(Debug)]
pub(crate) enum Stage<J> {
    /// Not started: it waits for the server's word.
    Waiting {
        /// What starts its handler.
        job: J,
        /// It must have started by then.
        ttl_at: Mono,
    },
    /// Its handler runs, and hears this.
    Running(Stop),
    /// It is over. The last word is due until the server has answered it.
    Over(AgentEvent),
}

/// What the server's answer makes of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Stay,
    Start,
    Forget,
}

impl<J> Entry<J> {
    pub(crate) fn new(task: &WorkTask, stage: Stage<J>, started: bool) -> Self {
        Self {
            attempt: task.attempt,
            sequence: task.sequence,
            stage,
            started,
            idempotent: false,
            start_first: false,
            cancel_seen: false,
            accept_due: false,
            start_due: false,
            progress: None,
            kind: task.kind.clone(),
            timeout: task.timeout_ms.map(Duration::from_millis),
        }
    }

    /// The server hands the task out again, with the same attempt or a higher one: it is not run
    /// again, but what is known of it is said again. True if the attempt is another one.
    pub(crate) fn adopt(&mut self, attempt: Attempt) -> bool {
        self.accept_due = !matches!(self.stage, Stage::Over(_));
        self.start_due = self.started;
        if self.attempt == attempt {
            return false;
        }
        self.attempt = attempt;
        self.cancel_seen = false;
        true
    }

    /// Whether its last word asks for another attempt.
    pub(crate) const fn asked_to_retry(&self) -> bool {
        matches!(self.stage, Stage::Over(AgentEvent::Retry { .. }))
    }

    /// The server wants it given up.
    pub(crate) fn cancel(&mut self) {
        self.cancel_seen = true;
        match &self.stage {
            // The server may already have it as running, where a cancel cannot be confirmed.
            Stage::Waiting { .. } if self.start_due => {
                let why = Failure::new("cancelled", "cancelled before it started");
                let finish = Finish::without(FinishKind::Stopped, why);
                self.stage = Stage::Over(AgentEvent::Finish(finish));
            }
            Stage::Waiting { .. } => self.stage = Stage::Over(AgentEvent::CancelConfirmed),
            Stage::Running(token) => token.ask(),
            Stage::Over(_) => {}
        }
    }

    /// Ends it if its ttl has passed. Not once its start was said: that counts as started.
    pub(crate) fn expire(&mut self, now: Mono) {
        let start_was_said = self.start_first && !self.accept_due;
        if let Stage::Waiting { ttl_at, .. } = &self.stage
            && *ttl_at < now
            && !start_was_said
        {
            self.stage = Stage::Over(AgentEvent::Expire);
        }
    }

    /// What is to be said of it, in this order.
    pub(crate) fn due(&self) -> impl Iterator<Item = AgentEvent> {
        let over = match &self.stage {
            Stage::Over(last) => Some(last.clone()),
            Stage::Waiting { .. } | Stage::Running(_) => None,
        };
        let accept = self.accept_due && over.is_none();
        // A start is said also when the end is already known, so that the timeline is whole.
        let start = self.start_due && (over.is_none() || self.started);
        let idempotent = self.idempotent;
        accept
            .then_some(AgentEvent::Accept { idempotent })
            .into_iter()
            .chain(start.then_some(AgentEvent::Start))
            .chain(self.progress.clone().map(AgentEvent::Progress))
            .chain(over)
    }

    /// Takes the server's answer to one of [`due`](Self::due).
    pub(crate) fn settle(&mut self, said: &AgentEvent, ok: bool) -> Next {
        let accepted = matches!(said, AgentEvent::Accept { .. });
        match said {
            AgentEvent::Accept { .. } => self.accept_due = false,
            AgentEvent::Start => self.start_due = false,
            AgentEvent::Progress(progress) => {
                // A newer one may have come in the meantime.
                if self.progress.as_ref() == Some(progress) {
                    self.progress = None;
                }
            }
            AgentEvent::Reject(_)
            | AgentEvent::Finish(_)
            | AgentEvent::Retry { .. }
            | AgentEvent::CancelConfirmed
            | AgentEvent::Expire
            | AgentEvent::Output(_) => {
                return if matches!(self.stage, Stage::Over(_)) {
                    Next::Forget
                } else {
                    Next::Stay
                };
            }
        }
        match &self.stage {
            Stage::Waiting { .. } if !ok => Next::Forget,
            Stage::Waiting { .. } if accepted && self.start_first => {
                self.start_due = true;
                Next::Stay
            }
            Stage::Waiting { .. } => Next::Start,
            Stage::Running(token) => {
                if !ok {
                    token.ask();
                }
                Next::Stay
            }
            Stage::Over(_) => Next::Stay,
        }
    }

    /// Leaves out of what is due the payload of this event, if it has one. True if it did.
    pub(crate) fn shorten(&mut self, event: &AgentEvent) -> bool {
        match (event, &mut self.stage) {
            (AgentEvent::Progress(_), _) => self.progress.take().is_some(),
            (AgentEvent::Finish(_), Stage::Over(AgentEvent::Finish(finish))) => {
                let shorter = finish.output.take().is_some();
                if shorter && finish.failure.is_none() {
                    let why = "it is done, but neither server nor proxy took its output";
                    finish.kind = FinishKind::Failed;
                    finish.failure = Some(Failure::new("output_refused", why));
                }
                shorter
            }
            _ => false,
        }
    }

    /// Starts it, if it still waits.
    pub(crate) fn start(&mut self, task: TaskId) -> Option<Start<J>> {
        if !matches!(self.stage, Stage::Waiting { .. }) {
            return None;
        }
        let stop = Stop::new();
        let token = stop.signal();
        let before = std::mem::replace(&mut self.stage, Stage::Running(stop));
        let Stage::Waiting { job, .. } = before else {
            return None;
        };
        self.started = true;
        // What was said first need not be said along.
        self.start_due = !self.start_first;
        Some(Start {
            task,
            attempt: self.attempt,
            kind: self.kind.clone(),
            job,
            timeout: self.timeout,
            idempotent: self.idempotent,
            token,
        })
    }
}
