//! Reasons of tasks that have ended.

use super::*;

#[test]
fn succeeded() {
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    Case::new(&[lease(), start(), says(end)]).reads(
        Reason::Succeeded,
        "Succeeded at 15:15:35 UTC (9 minutes ago); it ran for 10 seconds.",
    );
}

#[test]
fn failed() {
    let end = finish(FinishKind::Failed, "disk", "the disk\nis full");
    Case::new(&[lease(), start(), end]).reads(
        Reason::Failed,
        "Failed at 15:15:35 UTC (9 minutes ago): the disk\u{fffd}is full (disk).",
    );
}

#[test]
fn crash_loop() {
    let mut events = Vec::new();
    for attempt in 1..=3 {
        events.push(lease());
        let accept = AgentEvent::Accept { idempotent: true };
        for said in [accept, AgentEvent::Start, retry(true, 1)] {
            events.push(Event::Said(Attempt(attempt), said));
        }
    }
    let why = Case::new(&events).why();
    assert_eq!(why.reason, Reason::CrashLoop);
    assert!(why.sentence.contains("crash_loop") && why.sentence.contains("may have happened"));
    let lost = "Its agent was lost 3 times while it had the task.";
    assert!(why.details.iter().any(|detail| detail == lost));
}

#[test]
fn stopped() {
    let end = finish(FinishKind::Stopped, "stopped", "after 3 of 9");
    Case::new(&[lease(), start(), Event::Cancel, end]).reads(
        Reason::Stopped,
        "Stopped at 15:15:45 UTC (9 minutes ago), as was asked: after 3 of 9 (stopped).",
    );
}

#[test]
fn timed_out() {
    let end = finish(FinishKind::TimedOut, "timeout", "longer than 5 s");
    let task = NewTask {
        timeout: Some(Duration::from_secs(5)),
        ..new()
    };
    let why = Case::of(task, &[lease(), start(), end]).reads(
        Reason::TimedOut,
        "Timed out at 15:15:35 UTC (9 minutes ago): longer than 5 s (timeout).",
    );
    assert_eq!(why.details, ["It may run for 5 seconds at most."]);
}

#[test]
fn interrupted_says_that_it_may_have_happened() {
    for event in [Event::SpoolLost, Event::StoreBehind, Event::NoWord] {
        let why = Case::new(&[lease(), start(), event.clone()]).why();
        assert_eq!(why.reason, Reason::Interrupted, "{event:?}");
        assert_eq!(
            why.sentence.matches("may have happened").count(),
            1,
            "{}",
            why.sentence
        );
    }
}

#[test]
fn cancelled() {
    let why = Case::new(&[Event::Cancel]).why();
    assert_eq!(why.reason, Reason::Cancelled);
    assert!(
        why.sentence
            .starts_with("Cancelled at 15:15:15 UTC (9 minutes ago), before it started")
    );
    assert!(why.sentence.contains("by api"), "{}", why.sentence);
}

#[test]
fn expired() {
    let task = NewTask {
        ttl: Duration::from_secs(5),
        ..new()
    };
    Case::of(task, &[Event::TtlPassed]).reads(
        Reason::Expired,
        "Expired at 15:15:15 UTC (9 minutes ago): it had not started when its ttl passed, at \
         15:15:10 UTC.",
    );
}

#[test]
fn rejected() {
    let failure = Failure::new("unknown_kind", "the agent has only: echo");
    Case::new(&[lease(), says(AgentEvent::Reject(failure))]).reads(
        Reason::Rejected,
        "Rejected by the agent at 15:15:25 UTC (9 minutes ago), before it started: the agent has \
         only: echo (unknown_kind).",
    );
}

#[test]
fn lost() {
    let waiting = Case::new(&[Event::AgentDeleted]);
    waiting.reads(
        Reason::Lost,
        "Lost at 15:15:15 UTC (9 minutes ago): its agent was deleted. It had not started.",
    );
    let ran = Case::new(&[lease(), start(), Event::AgentDeleted]).why();
    assert!(
        ran.sentence
            .ends_with("It may have happened, in part or whole.")
    );
}

#[test]
fn a_late_end_is_told() {
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    let why = Case::new(&[lease(), start(), Event::SpoolLost, says(end)]).why();
    assert_eq!(why.reason, Reason::Interrupted);
    let late = "Later the agent said that it succeeded.";
    assert!(why.details.iter().any(|detail| detail.starts_with(late)));
}

#[test]
fn a_shutdown_whose_next_start_confirms_it_is_not_told_as_late() {
    let end = |text: &str| {
        let output = Payload::from_json_text(text.to_owned());
        says(AgentEvent::Finish(Finish::succeeded(output)))
    };
    let why = Case::new(&[lease(), start(), end("1"), end("2")]).why();
    assert_eq!(why.reason, Reason::Succeeded);
    let so = "Later the agent said so too; what it said then is kept beside the end.";
    assert_eq!(why.details, [so]);
}
