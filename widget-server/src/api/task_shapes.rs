//! The JSON shapes of tasks, types of their own so that nothing inside shows by accident.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::task::{
    self, Actor, Finish, FinishKind, Phase, StateName, Streamed, TimelineEntry,
};
use widget_core::time::Timestamp;

use crate::explain;
use crate::handle;

/// What queues a task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTask {
    pub(super) kind: String,
    pub(super) input: Option<Box<RawValue>>,
    pub(super) ttl_seconds: Option<f64>,
    pub(super) timeout_seconds: Option<f64>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) priority: Option<i16>,
    pub(super) ordering_key: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

/// A task with all that is known of it. Times are the server's.
#[derive(Debug, Serialize)]
pub(super) struct Task {
    id: TaskId,
    agent: AgentId,
    kind: String,
    input: Payload,
    state: StateName,
    created: Timestamp,
    ttl_at: Timestamp,
    timeout_seconds: Option<f64>,
    not_before: Option<Timestamp>,
    priority: i16,
    ordering_key: Option<String>,
    idempotency_key: Option<String>,
    attempt: u32,
    sequence: Option<u64>,
    failures: u32,
    losses: u32,
    cancel_requested: bool,
    progress: Option<Payload>,
    outcome: Option<Outcome>,
    evidence: Option<Evidence>,
    timeline: Vec<Entry>,
    timeline_left_out: u64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    output: Option<Payload>,
    error: Option<Failure>,
    /// How many bytes the output had, if only its beginning is kept.
    cut: Option<u64>,
    at: Timestamp,
}

/// What an agent said of the end after the task had ended otherwise.
#[derive(Debug, Serialize)]
struct Evidence {
    state: StateName,
    output: Option<Payload>,
    error: Option<Failure>,
    cut: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Failure {
    code: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct Entry {
    at: Timestamp,
    state: StateName,
    cause: String,
    actor: Actor,
}

/// Why a task is where it is.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    task: TaskId,
    state: StateName,
    code: &'static str,
    sentence: String,
    since: Timestamp,
    details: Vec<String>,
    timeline: Vec<Entry>,
}

/// What a handler has written, as far as it is kept.
#[derive(Debug, Serialize)]
pub(super) struct Output {
    attempt: u32,
    /// Bytes that were written in all.
    length: u64,
    head: String,
    tail: String,
    /// Bytes between head and tail that are not kept.
    left_out: u64,
    cut: bool,
}

/// What a purge came to.
#[derive(Debug, Serialize)]
pub(super) struct Purged {
    cancelled: usize,
    untouched: usize,
}

impl From<task::Task> for Task {
    fn from(task: task::Task) -> Self {
        Self {
            id: task.id,
            agent: task.agent,
            kind: task.kind,
            input: task.input,
            state: task.state.name(),
            created: task.created,
            ttl_at: task.state.ttl_at,
            timeout_seconds: task.timeout.map(|timeout| timeout.as_secs_f64()),
            not_before: match &task.state.phase {
                // After a failed attempt it is another time than what was asked for.
                Phase::Queued { not_before } => *not_before,
                _ => task.not_before,
            },
            priority: task.priority,
            ordering_key: task.ordering_key,
            idempotency_key: task.idempotency_key,
            attempt: task.state.attempt.0,
            sequence: task.sequence,
            failures: task.state.failures,
            losses: task.state.losses,
            cancel_requested: task.state.cancel_requested,
            progress: match &task.state.phase {
                Phase::Running { progress, .. } => progress.clone(),
                _ => None,
            },
            outcome: task.state.outcome().cloned().map(Into::into),
            evidence: task.evidence.map(Into::into),
            timeline: task.timeline.into_iter().map(Into::into).collect(),
            timeline_left_out: task.left_out,
        }
    }
}

impl From<task::Outcome> for Outcome {
    fn from(outcome: task::Outcome) -> Self {
        Self {
            output: outcome.output,
            error: outcome.failure.map(Into::into),
            cut: outcome.cut,
            at: outcome.at,
        }
    }
}

impl From<Finish> for Evidence {
    fn from(finish: Finish) -> Self {
        let kind: FinishKind = finish.kind;
        Self {
            state: kind.into(),
            output: finish.output,
            error: finish.failure.map(Into::into),
            cut: finish.cut,
        }
    }
}

impl From<task::Failure> for Failure {
    fn from(failure: task::Failure) -> Self {
        let task::Failure { code, message } = failure;
        Self { code, message }
    }
}

impl From<TimelineEntry> for Entry {
    fn from(entry: TimelineEntry) -> Self {
        let TimelineEntry {
            at,
            state,
            cause,
            actor,
        } = entry;
        Self {
            at,
            state,
            cause,
            actor,
        }
    }
}

impl From<explain::Explanation> for Explanation {
    fn from(why: explain::Explanation) -> Self {
        Self {
            task: why.task,
            state: why.state,
            code: why.reason.as_str(),
            sentence: why.sentence,
            since: why.since,
            details: why.details,
            timeline: why.timeline.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Streamed> for Output {
    fn from(written: Streamed) -> Self {
        let left_out = left_out(&written);
        Self {
            attempt: written.attempt.0,
            length: written.length,
            head: written.head,
            tail: written.tail,
            left_out,
            cut: left_out > 0,
        }
    }
}

/// How many bytes of what was written are not kept.
pub(crate) fn left_out(written: &Streamed) -> u64 {
    let kept = written.head.len().saturating_add(written.tail.len());
    let kept = u64::try_from(kept).unwrap_or(u64::MAX);
    written.length.saturating_sub(kept)
}

impl From<handle::Purged> for Purged {
    fn from(purged: handle::Purged) -> Self {
        let handle::Purged {
            cancelled,
            untouched,
        } = purged;
        Self {
            cancelled,
            untouched,
        }
    }
}
