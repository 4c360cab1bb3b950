//! A test for each reason: the word for programs and the sentence for people.

mod ended;
mod queued;

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{AgentId, Attempt, SpoolEpoch};
use widget_core::message::HandlerInfo;
use widget_core::store::timeline_entry;
use widget_core::task::{Actor, AgentEvent, Applied, Event, Failure, Finish, FinishKind, NewTask};
use widget_core::time::Mono;

use super::*;
use crate::page::test_agent;

/// 15:25:05 UTC on a Sunday in November 2026.
const NOW: Timestamp = Timestamp::from_secs(1_795_361_105);
const EPOCH: SpoolEpoch = SpoolEpoch::from_bytes([2; 16]);

fn ago(secs: u64) -> Timestamp {
    NOW.before(Duration::from_secs(secs))
}

fn later(secs: u64) -> Timestamp {
    NOW.after(Duration::from_secs(secs))
}

/// A case: a task that these events happened to, ten seconds apart from ten minutes ago on, and an
/// agent that asked for tasks five seconds ago.
struct Case {
    task: Task,
    record: AgentRecord,
    known: bool,
    presence: Presence,
    heard: Timestamp,
    asked: Option<(Timestamp, Ask)>,
    queue: Queue,
}

impl Case {
    fn new(events: &[Event]) -> Self {
        Self::of(new(), events)
    }

    fn of(new: NewTask, events: &[Event]) -> Self {
        let mut task = new.into_task();
        for (event, n) in events.iter().zip(1..) {
            let now = task.created.after(Duration::from_secs(10 * n));
            match task.state.apply(event, now).unwrap() {
                Applied::Change(state) => {
                    let by = match event {
                        Event::Said(..) => Actor::Agent,
                        Event::Cancel => Actor::Api,
                        _ => Actor::Server,
                    };
                    task.timeline
                        .extend(timeline_entry(&task.state, &state, event, by, now));
                    task.state = state;
                }
                Applied::Evidence(finish) => task.evidence = Some(finish),
                Applied::Same => {}
            }
        }
        let mut record = test_agent("web-1", Presence::Online).record;
        record.describe.handlers = ["reindex", "echo"].map(handler).to_vec();
        Self {
            task,
            record,
            known: true,
            presence: Presence::Online,
            heard: ago(1),
            asked: Some((ago(5), ask(true))),
            queue: Queue::default(),
        }
    }

    fn away(mut self, presence: Presence, secs: u64) -> Self {
        (self.presence, self.heard) = (presence, ago(secs));
        self
    }

    fn why(&self) -> Explanation {
        explain(&Facts {
            task: &self.task,
            agent: self.known.then(|| AgentFacts {
                record: &self.record,
                presence: self.presence,
                heard: self.heard,
                asked: self.asked.clone(),
            }),
            queue: Queue {
                of_its_key: self.queue.of_its_key.clone(),
                ..self.queue
            },
            now: NOW,
        })
    }

    #[track_caller]
    fn reads(&self, reason: Reason, sentence: &str) -> Explanation {
        let why = self.why();
        assert_eq!((why.reason, why.sentence.as_str()), (reason, sentence));
        why
    }
}

fn new() -> NewTask {
    NewTask::new(
        TaskId::from_bytes([1; 16]),
        AgentId::from_u128(1),
        "reindex",
        Payload::null(),
        ago(600),
    )
}

fn handler(kind: &str) -> HandlerInfo {
    HandlerInfo {
        kind: kind.into(),
        idempotent: false,
        schema: None,
    }
}

fn ask(has_room: bool) -> Ask {
    Ask {
        at: Mono::default(),
        has_room,
        full: Box::default(),
    }
}

fn lease() -> Event {
    Event::Lease {
        epoch: EPOCH,
        until: later(12),
    }
}

fn says(event: AgentEvent) -> Event {
    Event::Said(Attempt(1), event)
}

fn accept(idempotent: bool) -> Event {
    says(AgentEvent::Accept { idempotent })
}

fn start() -> Event {
    says(AgentEvent::Start)
}

fn finish(kind: FinishKind, code: &str, message: &str) -> Event {
    says(AgentEvent::Finish(Finish::without(
        kind,
        Failure::new(code, message),
    )))
}

fn retry(lost: bool, after_ms: u64) -> AgentEvent {
    AgentEvent::Retry {
        failure: Failure::new("busy", "the index is locked"),
        after_ms,
        lost,
    }
}

#[test]
fn each_reason_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> =
        Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
}

#[test]
fn lease_held() {
    Case::new(&[lease()]).reads(
        Reason::LeaseHeld,
        "Handed to agent web-1, attempt 1; the agent has yet to say that it has it. The lease is \
         held until 15:25:17 UTC (in 12 seconds).",
    );
}

#[test]
fn waits_at_agent() {
    Case::new(&[lease(), accept(false)]).reads(
        Reason::WaitsAtAgent,
        "Agent web-1 has it since 15:15:25 UTC (9 minutes) and has not started it: it starts as \
         soon as the agent’s own limits allow.",
    );
}

#[test]
fn running() {
    let why = Case::new(&[lease(), start()]).reads(
        Reason::Running,
        "Runs at agent web-1 since 15:15:25 UTC (9 minutes).",
    );
    assert_eq!(why.since, ago(580));
}

#[test]
fn agent_gone() {
    let case = Case::new(&[lease(), start()]).away(Presence::Offline, 180);
    let why = case.reads(
        Reason::AgentGone,
        "Runs at agent web-1 since 15:15:25 UTC (9 minutes), as far as is known: the agent is \
         offline since 15:22:05 UTC (3 minutes).",
    );
    assert_eq!(
        why.details[0],
        "If there is no word of it until 2026-11-23 15:15:25 UTC (in 23 hours), it ends as \
         interrupted, since it may have happened."
    );
    let again = Case::new(&[lease(), accept(true), start()]).away(Presence::Left, 180);
    assert!(again.why().details[0].ends_with("it is queued again."));
}

#[test]
fn cancel_asked() {
    Case::new(&[lease(), start(), Event::Cancel]).reads(
        Reason::CancelAsked,
        "Cancel was asked for at 15:15:35 UTC (9 minutes ago); agent web-1 is told with each of its \
         requests, and its answer decides.",
    );
}

#[test]
fn cancel_not_confirmed() {
    let events = [lease(), accept(false), Event::Cancel];
    Case::new(&events).away(Presence::Offline, 180).reads(
        Reason::CancelNotConfirmed,
        "Cancel was asked for, not confirmed: agent web-1, which has the task, is offline since \
         15:22:05 UTC (3 minutes).",
    );
}

#[test]
fn a_host_cannot_write_into_the_sentence_what_is_none_of_its_name() {
    let mut case = Case::new(&[]).away(Presence::Offline, 180);
    case.record.describe.host = "a\u{202e}b\nc".into();
    let why = case.why();
    assert!(
        why.sentence
            .contains("agent a\u{fffd}b\u{fffd}c is offline")
    );
}
