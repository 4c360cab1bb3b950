//! [`Entry`]: one task in the ledger, from its receipt to the verdict on its end.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::WorkTask;
use widget_core::stop::Stop;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};
use widget_core::time::Timestamp;

use crate::output::OutputBuffer;
use crate::tasks::Start;

/// How old a verdict may be when a handler starts. After that the server's clock has to say again that
/// the ttl has not passed: that of the agent may have been set, or have slept.
const FRESH: Duration = Duration::from_secs(5);

/// One task.
#[derive(Debug)]
pub(crate) struct Entry<J> {
    pub(crate) attempt: Attempt,
    pub(crate) sequence: u64,
    pub(crate) priority: i16,
    pub(crate) kind: String,
    pub(crate) stage: Stage<J>,
    /// Its handler was started, in this attempt or an earlier one.
    pub(crate) started: bool,
    pub(crate) idempotent: bool,
    pub(crate) start_first: bool,
    pub(crate) cancel_seen: bool,
    pub(crate) accept_due: bool,
    pub(crate) start_due: bool,
    pub(crate) progress: Option<Payload>,
    pub(crate) output: OutputBuffer,
    /// The spool has it.
    pub(crate) recorded: bool,
    /// The number of the last note of it. Before that is kept, nothing is said of the task.
    pub(crate) noted: u64,
    /// Its handler will not come back, as it said: the next start decides.
    pub(crate) leaving: bool,
    /// Its sequence is not one of the store that the agent has gone over to.
    pub(crate) foreign: bool,
    /// Its end was told, but its handler goes on and keeps its slot.
    pub(crate) stuck: bool,
    /// What became of a stuck handler after all, to be told when its first end is settled.
    pub(crate) late: Option<AgentEvent>,
    /// The server has answered the first end.
    pub(crate) heard: bool,
    timeout: Option<Duration>,
    failures: u32,
    losses: u32,
}

/// How far a task is.
#[derive(Debug)]
pub(crate) enum Stage<J> {
    /// Not started: it waits for the server's word.
    Waiting {
        /// What starts its handler.
        job: J,
        /// It must have started by then.
        ttl_at: Timestamp,
        /// It had the server's word before, and a slot is kept for it.
        slot: bool,
    },
    /// The server has said ok: it waits for a slot.
    Ready {
        /// What starts its handler.
        job: J,
        /// It must have started by then.
        ttl_at: Timestamp,
        /// When the server said so.
        since: Timestamp,
    },
    /// It has a slot, and starts as soon as the spool has kept that and `go` is set.
    Starting {
        /// What starts its handler.
        job: J,
        /// It must have started by then.
        ttl_at: Timestamp,
        /// Whether the server knows of the start, if it has to.
        go: bool,
    },
    /// Its handler runs, and hears this.
    Running(Stop),
    /// Its end was told and heard, but its handler goes on.
    Stuck,
    /// It is over. The last word is due until the server has answered it.
    Over(AgentEvent),
}

/// What the server's answer makes of a task.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    Stay,
    Forget,
    /// Its first end is settled, and this is to be told as well.
    Late(AgentEvent),
}

impl<J> Entry<J> {
    pub(crate) fn new(task: &WorkTask, stage: Stage<J>) -> Self {
        Self {
            attempt: task.attempt,
            sequence: task.sequence,
            priority: task.priority,
            kind: task.kind.clone(),
            stage,
            started: false,
            idempotent: false,
            start_first: false,
            cancel_seen: false,
            accept_due: false,
            start_due: false,
            progress: None,
            output: OutputBuffer::default(),
            recorded: false,
            noted: 0,
            leaving: false,
            foreign: false,
            stuck: false,
            late: None,
            heard: false,
            timeout: task.timeout_ms.map(Duration::from_millis),
            failures: task.failures,
            losses: task.losses,
        }
    }

    /// The server hands the task out again, with the same attempt or a higher one: it is not run
    /// again, but what is known of it is said again. True if the attempt is another one.
    pub(crate) fn adopt(&mut self, attempt: Attempt) -> bool {
        self.wait_again(false);
        // Behind the start it is never said: it would hold the task against its ttl.
        self.accept_due = matches!(self.stage, Stage::Waiting { .. });
        self.start_due |= self.started;
        // Whatever the server had heard of it, it has forgotten.
        self.heard = false;
        if self.attempt == attempt {
            return false;
        }
        self.attempt = attempt;
        self.cancel_seen = false;
        // Offsets of output go on: what was said under the earlier attempt shows as left out.
        true
    }

    /// From ready back to waiting: the server has to say ok again.
    fn wait_again(&mut self, slot: bool) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Stuck) {
            Stage::Ready { job, ttl_at, .. } => Stage::Waiting { job, ttl_at, slot },
            other => other,
        };
    }

    /// Whether its last word asks for another attempt.
    pub(crate) const fn asked_to_retry(&self) -> bool {
        matches!(self.stage, Stage::Over(AgentEvent::Retry { .. }))
    }

    /// Whether it was given up before it started, which the server has not answered yet. If it hands the
    /// task out again then, nobody wants it cancelled: it had taken an attempt back.
    pub(crate) const fn gave_up(&self) -> bool {
        matches!(self.stage, Stage::Over(AgentEvent::CancelConfirmed)) && !self.started
    }

    /// Whether it takes one of the slots of its kind.
    pub(crate) const fn has_slot(&self) -> bool {
        match self.stage {
            Stage::Waiting { slot, .. } => slot,
            Stage::Ready { .. } => false,
            Stage::Starting { .. } | Stage::Running(_) | Stage::Stuck => true,
            Stage::Over(_) => self.stuck,
        }
    }

    /// The server wants it given up. The last word, if that ends it.
    pub(crate) fn cancel(&mut self) -> Option<AgentEvent> {
        self.cancel_seen = true;
        match &self.stage {
            Stage::Waiting { .. } | Stage::Ready { .. } => Some(AgentEvent::CancelConfirmed),
            // The server may already have it as running, where a cancel cannot be confirmed.
            Stage::Starting { .. } => {
                let why = Failure::new("cancelled", "cancelled before it started");
                let finish = Finish::without(FinishKind::Stopped, why);
                Some(AgentEvent::Finish(finish))
            }
            Stage::Running(token) => {
                token.ask();
                None
            }
            Stage::Stuck | Stage::Over(_) => None,
        }
    }

    /// Until when it must have started, if it has not.
    pub(crate) const fn expires(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Waiting { ttl_at, .. }
            | Stage::Ready { ttl_at, .. }
            | Stage::Starting { ttl_at, .. } => Some(*ttl_at),
            _ => None,
        }
    }

    /// The last word if its ttl has passed before it started.
    pub(crate) fn expired(&self) -> AgentEvent {
        let Stage::Starting { .. } = &self.stage else {
            return AgentEvent::Expire;
        };
        // The server may already have it as running, where nothing expires.
        let why = Failure::new("expired", "its ttl had passed before it could start");
        AgentEvent::Finish(Finish::without(FinishKind::Stopped, why))
    }

    /// Gives it a slot. True if it is to start then; if the server's word is too old for that, it is
    /// asked for again.
    pub(crate) fn take_slot(&mut self, now: Timestamp) -> bool {
        if let Stage::Ready { since, .. } = &self.stage
            && now.since(*since) > FRESH
        {
            self.wait_again(true);
            self.accept_due = true;
            return false;
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Stuck) {
            Stage::Ready { job, ttl_at, .. } => Stage::Starting {
                job,
                ttl_at,
                go: !self.start_first,
            },
            other => other,
        };
        self.start_due = self.start_first;
        true
    }

    /// What is to be said of it, in this order.
    pub(crate) fn due(&self) -> Vec<AgentEvent> {
        let over = match &self.stage {
            Stage::Over(last) => Some(last.clone()),
            _ => None,
        };
        let begun = matches!(self.stage, Stage::Starting { .. } | Stage::Running(_));
        // A start is said also when the end is already known, so that the timeline is whole.
        let start = self.start_due && (begun || self.started);
        let output = self.output.next_chunk();
        // An end comes after all output, of which there may be more than goes at once.
        let over = over.filter(|_| output.is_none());
        let mut due = Vec::new();
        if self.accept_due {
            let idempotent = self.idempotent;
            due.push(AgentEvent::Accept { idempotent });
        }
        if start {
            due.push(AgentEvent::Start);
        }
        due.extend(output.map(AgentEvent::Output));
        due.extend(self.progress.clone().map(AgentEvent::Progress));
        due.extend(over);
        due
    }

    /// Takes the server's answer to one of [`due`](Self::due).
    pub(crate) fn settle(&mut self, said: &AgentEvent, ok: bool, now: Timestamp) -> Next {
        match said {
            AgentEvent::Accept { .. } => return self.accepted(ok, now),
            AgentEvent::Start => self.start_due = false,
            AgentEvent::Progress(progress) => {
                // A newer one may have come in the meantime.
                if self.progress.as_ref() == Some(progress) {
                    self.progress = None;
                }
            }
            AgentEvent::Output(chunk) => self.output.said(chunk),
            AgentEvent::Reject(_)
            | AgentEvent::Finish(_)
            | AgentEvent::Retry { .. }
            | AgentEvent::CancelConfirmed
            | AgentEvent::Expire => return self.ended(),
        }
        match &mut self.stage {
            Stage::Starting { .. } if !ok => return Next::Forget,
            Stage::Starting { go, .. } => *go |= matches!(said, AgentEvent::Start),
            Stage::Running(token) if !ok => token.ask(),
            _ => {}
        }
        Next::Stay
    }

    fn accepted(&mut self, ok: bool, now: Timestamp) -> Next {
        self.accept_due = false;
        self.stage = match std::mem::replace(&mut self.stage, Stage::Stuck) {
            Stage::Waiting { job, ttl_at, .. } if ok => Stage::Ready {
                job,
                ttl_at,
                since: now,
            },
            Stage::Waiting { .. } => return Next::Forget,
            other => other,
        };
        Next::Stay
    }

    /// The server has answered the last word.
    fn ended(&mut self) -> Next {
        if !matches!(self.stage, Stage::Over(_)) {
            return Next::Stay;
        }
        self.heard = true;
        if self.stuck {
            self.stage = Stage::Stuck;
            return Next::Stay;
        }
        self.late.take().map_or(Next::Forget, Next::Late)
    }

    /// Leaves out of what is due the payload of this event, if it has one. True if it did.
    pub(crate) fn shorten(&mut self, event: &AgentEvent) -> bool {
        match event {
            AgentEvent::Progress(_) => self.progress.take().is_some(),
            AgentEvent::Output(chunk) => {
                self.output.said(chunk);
                true
            }
            _ => {
                let why = "it is done, but neither server nor proxy took its output";
                self.leave_output_out("output_refused", why)
            }
        }
    }

    /// Leaves the output out of its end, with this code and reason if it would be a success.
    pub(crate) fn leave_output_out(&mut self, code: &str, why: &str) -> bool {
        let Stage::Over(AgentEvent::Finish(finish)) = &mut self.stage else {
            return false;
        };
        let shorter = finish.output.take().is_some();
        finish.cut = None;
        if shorter && finish.failure.is_none() {
            finish.kind = FinishKind::Failed;
            finish.failure = Some(Failure::new(code, why));
        }
        shorter
    }

    /// Whether its handler can start now, as far as the task itself goes.
    pub(crate) const fn goes(&self) -> bool {
        matches!(self.stage, Stage::Starting { go: true, .. })
    }

    /// Starts it, if it [goes](Self::goes).
    pub(crate) fn start(&mut self, task: TaskId) -> Option<Start<J>> {
        if !self.goes() {
            return None;
        }
        let stop = Stop::new();
        let token = stop.signal();
        let before = std::mem::replace(&mut self.stage, Stage::Running(stop));
        let Stage::Starting { job, .. } = before else {
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
            failures: self.failures,
            losses: self.losses,
            token,
        })
    }
}
