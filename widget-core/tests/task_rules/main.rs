//! The rules of a task's life: every event in every state against a table ([`table`]), what
//! is counted and what repeats come to ([`counted`]), and what holds for whatever happens in whatever
//! order ([`lives`]). Here: the events and states of all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // that is how a test fails

mod counted;
mod lives;
mod table;

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, SpoolEpoch};
use widget_core::task::{AgentEvent, Chunk, Event, Failure, Finish, FinishKind, Phase, TaskState};
use widget_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_795_361_105_007);
const HOUR: Duration = Duration::from_secs(3_600);
const EPOCH: SpoolEpoch = SpoolEpoch::from_bytes([1; 16]);
const OTHER: SpoolEpoch = SpoolEpoch::from_bytes([2; 16]);
const CURRENT: Attempt = Attempt(2);

fn failure() -> Failure {
    Failure::new("code", "a sentence")
}

fn finish(kind: FinishKind) -> AgentEvent {
    AgentEvent::Finish(Finish::without(kind, failure()))
}

fn chunk() -> Chunk {
    Chunk {
        offset: 0,
        text: "a line".into(),
    }
}

/// The event that a row names, and when it happens. What an agent says is of this attempt.
fn event(name: &str, attempt: Attempt) -> (Event, Timestamp) {
    let said = |event| (Event::Said(attempt, event), NOW);
    let until = NOW.after(HOUR);
    let lease = |epoch| (Event::Lease { epoch, until }, NOW);
    let accept = AgentEvent::Accept { idempotent: false };
    let retry = |lost| AgentEvent::Retry {
        failure: failure(),
        after_ms: 5_000,
        lost,
    };
    match name {
        "lease" => lease(EPOCH),
        "lease other epoch" => lease(OTHER),
        "lease ended" => (Event::LeaseEnded, NOW),
        "ttl passed" => (Event::TtlPassed, NOW),
        "no word" => (Event::NoWord, NOW),
        "heard" => (Event::Heard, NOW),
        "heard an hour later" => (Event::Heard, NOW.after(HOUR)),
        "cancel" => (Event::Cancel, NOW),
        "handed to v1" => (Event::HandedToV1, NOW),
        "spool lost" => (Event::SpoolLost, NOW),
        "store behind" => (Event::StoreBehind, NOW),
        "agent deleted" => (Event::AgentDeleted, NOW),
        "accept" => said(accept),
        "accept past ttl" => (said(accept).0, NOW.after(HOUR * 2)),
        "reject" => said(AgentEvent::Reject(failure())),
        "start" => said(AgentEvent::Start),
        "progress" => said(AgentEvent::Progress(Payload::null())),
        "output" => said(AgentEvent::Output(chunk())),
        "finish succeeded" => said(finish(FinishKind::Succeeded)),
        "finish failed" => said(finish(FinishKind::Failed)),
        "finish stopped" => said(finish(FinishKind::Stopped)),
        "finish timed_out" => said(finish(FinishKind::TimedOut)),
        "finish interrupted" => said(finish(FinishKind::Interrupted)),
        "retry" => said(retry(false)),
        "retry lost" => said(retry(true)),
        "cancel confirmed" => said(AgentEvent::CancelConfirmed),
        "expire" => said(AgentEvent::Expire),
        other => panic!("no event {other}"),
    }
}

#[derive(Debug, Clone, Copy)]
struct Flags {
    started_before: bool,
    idempotent: bool,
    asked: bool,
}

fn all_flags() -> impl Iterator<Item = Flags> {
    (0..8).map(|bits| Flags {
        started_before: bits & 1 != 0,
        idempotent: bits & 2 != 0,
        asked: bits & 4 != 0,
    })
}

fn state(flags: Flags, phase: Phase) -> TaskState {
    TaskState {
        attempt: CURRENT,
        ttl_at: NOW.after(HOUR),
        cancel_requested: flags.asked,
        idempotent: flags.idempotent,
        started_before: flags.started_before,
        phase,
        failures: 0,
        losses: 0,
    }
}

fn phase(name: &str) -> Phase {
    match name {
        "queued" => Phase::Queued { not_before: None },
        "leased" => Phase::Leased {
            epoch: EPOCH,
            until: NOW,
        },
        "accepted" => Phase::Accepted {
            epoch: EPOCH,
            heard: NOW,
        },
        "running" => Phase::Running {
            epoch: EPOCH,
            since: NOW,
            heard: NOW,
            progress: None,
        },
        other => panic!("no phase {other}"),
    }
}
