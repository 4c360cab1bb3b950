//! Reasons of tasks that wait.

use super::*;

#[test]
fn ttl_passed() {
    let task = NewTask {
        ttl: Duration::from_secs(420),
        ..new()
    };
    Case::of(task, &[]).reads(
        Reason::TtlPassed,
        "Waits no longer: its ttl has passed at 15:22:05 UTC (3 minutes ago), it expires any moment.",
    );
}

#[test]
fn agent_unknown() {
    let mut case = Case::new(&[]);
    case.known = false;
    let why = case.why();
    assert_eq!(why.reason, Reason::AgentUnknown);
    assert!(why.sentence.contains("has never come, or was deleted"));
}

#[test]
fn no_such_handler() {
    let task = NewTask {
        kind: "resize".into(),
        ..new()
    };
    Case::of(task, &[]).away(Presence::Offline, 180).reads(
        Reason::NoSuchHandler,
        "Waits, but agent web-1 has no handler for the kind “resize” (it has: reindex, echo) and \
         will reject it.",
    );
}

#[test]
fn not_before() {
    let task = NewTask {
        not_before: Some(later(180)),
        ..new()
    };
    let why = Case::of(task, &[]).away(Presence::Offline, 180).reads(
        Reason::NotBefore,
        "Waits: it is not to be handed out before 15:28:05 UTC (in 3 minutes).",
    );
    assert_eq!(
        why.details[0],
        "Then it waits: agent web-1 is offline since 15:22:05 UTC (3 minutes)."
    );
}

#[test]
fn retry_pause() {
    let events = [lease(), accept(true), start(), says(retry(false, 620_000))];
    let why = Case::new(&events).reads(
        Reason::RetryPause,
        "Waits for its next attempt, which is not to start before 15:26:05 UTC (in 60 seconds).",
    );
    let failed = "Its handler has failed once and asked for another attempt.";
    assert!(why.details.iter().any(|detail| detail == failed));
}

#[test]
fn agent_offline() {
    Case::new(&[]).away(Presence::Offline, 180).reads(
        Reason::AgentOffline,
        "Waits: agent web-1 is offline since 15:22:05 UTC (3 minutes).",
    );
}

#[test]
fn agent_silent() {
    Case::new(&[]).away(Presence::Stale, 45).reads(
        Reason::AgentSilent,
        "Waits: agent web-1 has not been heard from since 15:24:20 UTC (45 seconds).",
    );
}

#[test]
fn agent_left() {
    Case::new(&[]).away(Presence::Left, 180).reads(
        Reason::AgentLeft,
        "Waits: agent web-1 said goodbye and is away since 15:22:05 UTC (3 minutes).",
    );
}

#[test]
fn key_busy() {
    let task = NewTask {
        ordering_key: Some("disk".into()),
        ..new()
    };
    let mut case = Case::of(task, &[]);
    let other = TaskId::from_bytes([0xab; 16]);
    case.queue.of_its_key = Some((other, "echo".into(), StateName::Running));
    case.reads(
        Reason::KeyBusy,
        "Waits for its ordering key “disk”: task abababab-abab (kind echo) is running.",
    );
}

#[test]
fn not_asked() {
    let mut case = Case::new(&[]);
    case.asked = Some((ago(180), ask(true)));
    case.reads(
        Reason::NotAsked,
        "Waits: agent web-1 is there, but has not asked for tasks since 15:22:05 UTC (3 minutes).",
    );
    case.asked = None;
    let why = case.why();
    assert_eq!(why.reason, Reason::NotAsked);
    assert!(why.sentence.contains("since this server started"));
}

#[test]
fn no_room() {
    let mut case = Case::new(&[]);
    case.asked = Some((ago(5), ask(false)));
    (case.queue.held, case.queue.ahead) = (64, 2);
    case.reads(
        Reason::NoRoom,
        "Waits: agent web-1 has no room (it has 64 tasks). 2 queued tasks go before it.",
    );
}

#[test]
fn kind_limit() {
    let mut case = Case::new(&[]);
    let mut asked = ask(true);
    asked.full = ["reindex".into()].into();
    case.asked = Some((ago(5), asked));
    case.queue.held_of_kind = 1;
    case.reads(
        Reason::KindLimit,
        "Waits: agent web-1 takes no more of the kind “reindex” for now (it has 1 task of it).",
    );
}

#[test]
fn others_first() {
    let mut case = Case::new(&[]);
    (case.queue.ahead, case.queue.more) = (1_023, true);
    case.reads(
        Reason::OthersFirst,
        "Waits for its turn at agent web-1. At least 1023 queued tasks go before it.",
    );
}

#[test]
fn next() {
    let why = Case::new(&[]).reads(
        Reason::Next,
        "Waits for the next request of agent web-1; nothing else holds it back.",
    );
    assert_eq!(why.since, ago(600));
    assert!(why.details[0].starts_with("It must have started by 2026-11-23 15:15:05 UTC (in 23 "));
}
