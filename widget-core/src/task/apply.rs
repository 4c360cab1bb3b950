//! The rules of a task: what each event makes of each state. One pure `match`, the only one.
//!
//! Where a rule needs the word "interrupted" instead of "cancelled", "expired" or "rejected",
//! an earlier attempt may have started: then nobody can promise that nothing happened.

use std::time::Duration;

use super::{
    AgentEvent, Event, Failure, Finish, FinishKind, LEASE, MAX_LOSSES, Outcome, Phase, Reached,
    StateName, TaskState,
};
use crate::id::Attempt;
use crate::time::Timestamp;

/// A task that its agent names again is written down at most this often.
const HEARD_EVERY: Duration = Duration::from_secs(60 * 60);
/// An Accept that comes again within this time of the first may be the first once more, late on its
/// way, while the handler runs: it must not make an end that says nothing has happened.
const REPEATED_WITHIN: Duration = LEASE;

/// What an event makes of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// The state after it.
    Change(TaskState),
    /// Nothing: it was known already.
    Same,
    /// The state stays; this end, said too late, is kept beside it.
    Evidence(Finish),
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It belongs to an earlier attempt, or to one that was taken back.
    #[error("it belongs to an earlier attempt")]
    Stale,
    /// It does not fit the state.
    #[error("it does not fit the state {0}")]
    Illegal(StateName),
}

impl TaskState {
    /// What `event` makes of this state at the time `now`.
    ///
    /// # Errors
    /// [`Fault::Stale`] if an agent speaks of an attempt that is over, [`Fault::Illegal`] if the
    /// event does not fit the state. In both cases nothing changes.
    pub fn apply(&self, event: &Event, now: Timestamp) -> Result<Applied, Fault> {
        match (&self.phase, event) {
            // A terminal state is terminal.
            (Phase::Ended { outcome, reached }, event) => self.apply_late(outcome, *reached, event),

            (_, Event::Said(attempt, _)) if *attempt < self.attempt => Err(Fault::Stale),
            (_, Event::Said(attempt, _)) if *attempt > self.attempt => self.illegal(),

            (_, Event::AgentDeleted) => self.end(StateName::Lost, "agent_deleted", now),

            (Phase::Queued { .. }, Event::Lease { epoch, until }) => {
                let mut next = self.with(Phase::Leased {
                    epoch: *epoch,
                    until: *until,
                });
                next.attempt = self.attempt.next();
                Ok(Applied::Change(next))
            }
            (Phase::Leased { epoch: holder, .. }, Event::Lease { epoch, until })
                if holder == epoch =>
            {
                self.change(Phase::Leased {
                    epoch: *epoch,
                    until: *until,
                })
            }

            (Phase::Queued { .. } | Phase::Leased { .. }, Event::Cancel) => {
                self.end_unstarted(StateName::Cancelled, "cancelled", now)
            }
            (Phase::Queued { .. }, Event::TtlPassed) => {
                self.end_unstarted(StateName::Expired, "expired", now)
            }
            (Phase::Queued { .. }, Event::HandedToV1) => {
                self.end(StateName::Interrupted, "handed_to_v1", now)
            }
            (Phase::Queued { .. } | Phase::Leased { .. }, Event::StoreBehind) => {
                if self.idempotent {
                    Ok(Applied::Same)
                } else {
                    self.end(StateName::Interrupted, "store_behind", now)
                }
            }

            // In queued no attempt is open: the one that is spoken of was taken back.
            (Phase::Queued { .. }, Event::Said(..)) => Err(Fault::Stale),

            (Phase::Leased { .. }, Event::LeaseEnded | Event::SpoolLost) => {
                self.change(Phase::Queued { not_before: None })
            }
            (Phase::Leased { epoch, .. }, Event::Said(_, AgentEvent::Accept { idempotent })) => {
                if now >= self.ttl_at {
                    return self.end_unstarted(StateName::Expired, "expired", now);
                }
                let mut next = self.with(Phase::Accepted {
                    epoch: *epoch,
                    heard: now,
                });
                next.idempotent = *idempotent;
                Ok(Applied::Change(next))
            }
            (Phase::Leased { .. }, Event::Said(_, AgentEvent::Reject(failure))) => {
                self.end_unstarted_because(StateName::Rejected, failure.clone(), now)
            }
            (
                Phase::Accepted { .. } | Phase::Leased { .. },
                Event::Said(_, AgentEvent::CancelConfirmed),
            ) => self.end_unstarted(StateName::Cancelled, "cancelled", now),
            (Phase::Accepted { .. } | Phase::Leased { .. }, Event::Said(_, AgentEvent::Expire)) => {
                self.end_unstarted(StateName::Expired, "expired", now)
            }

            // It was not started at once, and the server's clock decides whether it still may be.
            (Phase::Accepted { heard, .. }, Event::Said(_, AgentEvent::Accept { .. }))
                if now >= self.ttl_at && !self.may_be_a_repeat(*heard, now) =>
            {
                self.end_unstarted(StateName::Expired, "expired", now)
            }
            // It is about to start, and who wanted it given up did so while its agent was away.
            (Phase::Accepted { heard, .. }, Event::Said(_, AgentEvent::Accept { .. }))
                if self.cancel_requested && now.since(*heard) >= REPEATED_WITHIN =>
            {
                self.end_unstarted(StateName::Cancelled, "cancelled", now)
            }
            (Phase::Accepted { .. }, Event::Said(_, AgentEvent::Accept { .. }))
            | (
                Phase::Running { .. },
                Event::Said(_, AgentEvent::Accept { .. } | AgentEvent::Start),
            ) => Ok(Applied::Same),

            // A later word implies the earlier ones.
            (
                Phase::Leased { epoch, .. } | Phase::Accepted { epoch, .. },
                Event::Said(_, AgentEvent::Start),
            ) => self.change(Phase::Running {
                epoch: *epoch,
                since: now,
                heard: now,
                progress: None,
            }),
            (
                Phase::Leased { epoch, .. } | Phase::Accepted { epoch, .. },
                Event::Said(_, AgentEvent::Progress(progress)),
            ) => self.change(Phase::Running {
                epoch: *epoch,
                since: now,
                heard: now,
                progress: Some(progress.clone()),
            }),
            (
                Phase::Leased { epoch, .. } | Phase::Accepted { epoch, .. },
                Event::Said(_, AgentEvent::Output(_)),
            ) => self.change(Phase::Running {
                epoch: *epoch,
                since: now,
                heard: now,
                progress: None,
            }),
            (
                Phase::Running {
                    epoch,
                    since,
                    progress,
                    ..
                },
                Event::Said(_, AgentEvent::Output(_)),
            ) => self.change(Phase::Running {
                epoch: *epoch,
                since: *since,
                heard: now,
                progress: progress.clone(),
            }),
            (
                Phase::Running { epoch, since, .. },
                Event::Said(_, AgentEvent::Progress(progress)),
            ) => self.change(Phase::Running {
                epoch: *epoch,
                since: *since,
                heard: now,
                progress: Some(progress.clone()),
            }),
            (
                Phase::Leased { .. } | Phase::Accepted { .. } | Phase::Running { .. },
                Event::Said(_, AgentEvent::Finish(finish)),
            ) => self.finish(finish, now),
            (
                Phase::Accepted { .. } | Phase::Running { .. },
                Event::Said(
                    _,
                    AgentEvent::Retry {
                        failure,
                        after_ms,
                        lost,
                    },
                ),
            ) if self.idempotent => {
                if self.cancel_requested {
                    let kind = if *lost {
                        FinishKind::Interrupted
                    } else {
                        FinishKind::Stopped
                    };
                    return self.finish(&Finish::without(kind, failure.clone()), now);
                }
                let not_before = now.after(Duration::from_millis(*after_ms));
                if *lost {
                    return self.lost(Some(not_before), now);
                }
                let failures = self.failures.saturating_add(1);
                self.back_to_queue(Some(not_before), failures, self.losses)
            }

            (Phase::Accepted { .. } | Phase::Running { .. }, Event::Cancel) => {
                if self.cancel_requested {
                    return Ok(Applied::Same);
                }
                Ok(Applied::Change(Self {
                    cancel_requested: true,
                    ..self.clone()
                }))
            }
            (
                Phase::Accepted { .. } | Phase::Running { .. },
                Event::SpoolLost | Event::StoreBehind | Event::NoWord,
            ) => {
                if self.idempotent && !self.cancel_requested {
                    match event {
                        Event::SpoolLost => self.lost(None, now),
                        _ => self.back_to_queue(None, self.failures, self.losses),
                    }
                } else {
                    self.end(StateName::Interrupted, "interrupted", now)
                }
            }
            (Phase::Accepted { epoch, heard }, Event::Heard) => {
                if now.since(*heard) < HEARD_EVERY {
                    return Ok(Applied::Same);
                }
                self.change(Phase::Accepted {
                    epoch: *epoch,
                    heard: now,
                })
            }
            (
                Phase::Running {
                    epoch,
                    since,
                    heard,
                    progress,
                },
                Event::Heard,
            ) => {
                if now.since(*heard) < HEARD_EVERY {
                    return Ok(Applied::Same);
                }
                self.change(Phase::Running {
                    epoch: *epoch,
                    since: *since,
                    heard: now,
                    progress: progress.clone(),
                })
            }
            (Phase::Queued { .. } | Phase::Leased { .. }, Event::Heard) => Ok(Applied::Same),

            _ => self.illegal(),
        }
    }

    /// After the end nothing changes. What is left is to tell a repeat from a contradiction.
    fn apply_late(
        &self,
        outcome: &Outcome,
        reached: Reached,
        event: &Event,
    ) -> Result<Applied, Fault> {
        let Event::Said(attempt, said) = event else {
            return self.illegal();
        };
        match attempt.cmp(&self.attempt) {
            std::cmp::Ordering::Less => return Err(Fault::Stale),
            std::cmp::Ordering::Greater => return self.illegal(),
            std::cmp::Ordering::Equal if *attempt == Attempt::default() => return self.illegal(),
            std::cmp::Ordering::Equal => {}
        }
        let ended_as = |state| outcome.state == state || outcome.state == StateName::Interrupted;
        let known = match said {
            // Whoever asks again has not heard the answer, and a yes would make it start a task that is
            // over. Only if it has started, as it said itself, does a yes do no harm.
            AgentEvent::Accept { .. } => reached == Reached::Running,
            AgentEvent::Start | AgentEvent::Progress(_) | AgentEvent::Output(_) => {
                reached >= Reached::Running
            }
            AgentEvent::Reject(_) => ended_as(StateName::Rejected),
            AgentEvent::CancelConfirmed => ended_as(StateName::Cancelled),
            AgentEvent::Expire => ended_as(StateName::Expired),
            AgentEvent::Retry { lost: false, .. } => outcome.state == StateName::Stopped,
            AgentEvent::Retry { lost: true, .. } => {
                let looped = outcome.state == StateName::Failed && self.losses >= MAX_LOSSES;
                looped || outcome.state == StateName::Interrupted
            }
            AgentEvent::Finish(finish) if outcome.agrees_with(finish) => true,
            AgentEvent::Finish(finish) => return Ok(Applied::Evidence(finish.clone())),
        };
        if known {
            Ok(Applied::Same)
        } else {
            self.illegal()
        }
    }

    /// Whether an Accept of an accepted task may be the one that was answered already.
    fn may_be_a_repeat(&self, heard: Timestamp, now: Timestamp) -> bool {
        now.since(heard) < REPEATED_WITHIN && now.since(self.ttl_at) < REPEATED_WITHIN
    }

    fn illegal(&self) -> Result<Applied, Fault> {
        Err(Fault::Illegal(self.name()))
    }

    fn with(&self, phase: Phase) -> Self {
        Self {
            phase,
            ..self.clone()
        }
    }

    fn change(&self, phase: Phase) -> Result<Applied, Fault> {
        Ok(Applied::Change(self.with(phase)))
    }

    /// Only from accepted and running: the handler may have started.
    fn back_to_queue(
        &self,
        not_before: Option<Timestamp>,
        failures: u32,
        losses: u32,
    ) -> Result<Applied, Fault> {
        let next = self.with(Phase::Queued { not_before });
        Ok(Applied::Change(Self {
            started_before: true,
            failures,
            losses,
            ..next
        }))
    }

    /// The agent was lost while it had the task: once more, unless that has happened too often.
    fn lost(&self, not_before: Option<Timestamp>, now: Timestamp) -> Result<Applied, Fault> {
        let losses = self.losses.saturating_add(1);
        if losses < MAX_LOSSES {
            return self.back_to_queue(not_before, self.failures, losses);
        }
        let counted = Self {
            losses,
            ..self.clone()
        };
        let why = "its agent was lost each time it ran, so it is not tried again";
        counted.end_because(StateName::Failed, Failure::new("crash_loop", why), now)
    }

    fn finish(&self, finish: &Finish, now: Timestamp) -> Result<Applied, Fault> {
        let outcome = Outcome {
            state: finish.kind.into(),
            output: finish.output.clone(),
            failure: finish.failure.clone(),
            cut: finish.cut,
            at: now,
        };
        self.change(Phase::Ended {
            outcome,
            reached: Reached::Running,
        })
    }

    fn end_unstarted(
        &self,
        state: StateName,
        code: &str,
        now: Timestamp,
    ) -> Result<Applied, Fault> {
        if self.started_before {
            return self.end(StateName::Interrupted, code, now);
        }
        self.end(state, code, now)
    }

    fn end_unstarted_because(
        &self,
        state: StateName,
        failure: Failure,
        now: Timestamp,
    ) -> Result<Applied, Fault> {
        let state = if self.started_before {
            StateName::Interrupted
        } else {
            state
        };
        self.end_because(state, failure, now)
    }

    fn end(&self, state: StateName, code: &str, now: Timestamp) -> Result<Applied, Fault> {
        let message = match state {
            StateName::Cancelled => "cancelled before it started",
            StateName::Expired => "not started before its ttl had passed",
            StateName::Lost => "its agent was deleted",
            _ => "it may have happened, in part or whole",
        };
        self.end_because(state, Failure::new(code, message), now)
    }

    fn end_because(
        &self,
        state: StateName,
        failure: Failure,
        now: Timestamp,
    ) -> Result<Applied, Fault> {
        let reached = match &self.phase {
            Phase::Queued { .. } | Phase::Leased { .. } | Phase::Ended { .. } => Reached::Waiting,
            Phase::Accepted { .. } => Reached::Accepted,
            Phase::Running { .. } => Reached::Running,
        };
        let outcome = Outcome {
            state,
            output: None,
            failure: Some(failure),
            cut: None,
            at: now,
        };
        self.change(Phase::Ended { outcome, reached })
    }
}
