//! The rules of a task's life: every event in every state against a table, and what holds for
//! whatever happens in whatever order.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use widget_core::Payload;
use widget_core::id::{Attempt, SpoolEpoch};
use widget_core::task::{
    AgentEvent, Applied, Event, Failure, Fault, Finish, FinishKind, Outcome, Phase, Reached,
    StateName, TaskState,
};
use widget_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_795_361_105_007);
const HOUR: Duration = Duration::from_secs(3_600);
const EPOCH: SpoolEpoch = SpoolEpoch::from_bytes([1; 16]);
const OTHER: SpoolEpoch = SpoolEpoch::from_bytes([2; 16]);
const CURRENT: Attempt = Attempt(2);

/// What each event makes of the four states that are not the end.
///
/// | cell | means |
/// |---|---|
/// | `-` | does not fit: nothing changes |
/// | `same`, `stale` | nothing changes |
/// | a state | the next one |
/// | `state*` | the next one; interrupted instead, if an earlier attempt may have started |
/// | `a / b` | `b` if the handler is idempotent and nobody asked to cancel, else `a` |
/// | `asked` | stays, and that somebody asked is noted; same if it is already |
/// | `retried` | queued if idempotent (stopped, if somebody asked to cancel), else `-` |
const TABLE: &str = "
    event               | queued             | leased             | accepted             | running
    --------------------+--------------------+--------------------+----------------------+--------------------
    lease               | leased             | leased             | -                    | -
    lease other epoch   | leased             | -                  | -                    | -
    lease ended         | -                  | queued             | -                    | -
    ttl passed          | expired*           | -                  | -                    | -
    no word             | -                  | -                  | interrupted / queued | interrupted / queued
    heard               | same               | same               | same                 | same
    heard an hour later | same               | same               | accepted             | running
    cancel              | cancelled*         | cancelled*         | asked                | asked
    handed to v1        | interrupted        | -                  | -                    | -
    spool lost          | -                  | queued             | interrupted / queued | interrupted / queued
    store behind        | interrupted / same | interrupted / same | interrupted / queued | interrupted / queued
    agent deleted       | lost               | lost               | lost                 | lost
    accept              | stale              | accepted           | same                 | same
    accept past ttl     | stale              | expired*           | same                 | same
    reject              | stale              | rejected*          | -                    | -
    start               | stale              | running            | running              | same
    progress            | stale              | running            | running              | running
    finish succeeded    | stale              | succeeded          | succeeded            | succeeded
    finish failed       | stale              | failed             | failed               | failed
    finish stopped      | stale              | stopped            | stopped              | stopped
    finish timed_out    | stale              | timed_out          | timed_out            | timed_out
    finish interrupted  | stale              | interrupted        | interrupted          | interrupted
    retry               | stale              | -                  | retried              | retried
    cancel confirmed    | stale              | cancelled*         | cancelled*           | -
    expire              | stale              | expired*           | expired*             | -
";

/// What a repeat finds after the end, by how far the attempt had come: in these rows it does not
/// matter how it ended.
const LATE_BY_REACH: &str = "
    event           | waiting | accepted | running
    accept          | -       | same     | same
    accept past ttl | -       | same     | same
    start           | -       | -        | same
    progress        | -       | -        | same
";

/// The states in which a repeat is known already. Interrupted stands for each that it is read
/// for. In all others it does not fit.
const LATE_BY_STATE: &str = "
    event            | same in
    reject           | rejected interrupted
    cancel confirmed | cancelled interrupted
    expire           | expired interrupted
    retry            | stopped
";

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| line.contains('|'));
    lines.map(|line| line.split('|').map(str::trim).collect())
}

fn header_and_rows(table: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut rows = rows(table);
    (rows.next().unwrap(), rows.collect())
}

fn failure() -> Failure {
    Failure::new("code", "a sentence")
}

fn finish(kind: FinishKind) -> AgentEvent {
    AgentEvent::Finish(Finish::without(kind, failure()))
}

/// The event that a row names, and when it happens. What an agent says is of this attempt.
fn event(name: &str, attempt: Attempt) -> (Event, Timestamp) {
    let said = |event| (Event::Said(attempt, event), NOW);
    let until = NOW.after(HOUR);
    let lease = |epoch| (Event::Lease { epoch, until }, NOW);
    let accept = AgentEvent::Accept { idempotent: false };
    let retry = AgentEvent::Retry {
        failure: failure(),
        after_ms: 5_000,
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
        "finish succeeded" => said(finish(FinishKind::Succeeded)),
        "finish failed" => said(finish(FinishKind::Failed)),
        "finish stopped" => said(finish(FinishKind::Stopped)),
        "finish timed_out" => said(finish(FinishKind::TimedOut)),
        "finish interrupted" => said(finish(FinishKind::Interrupted)),
        "retry" => said(retry),
        "cancel confirmed" => said(AgentEvent::CancelConfirmed),
        "expire" => said(AgentEvent::Expire),
        other => panic!("no event {other}"),
    }
}

fn events(table: &str) -> Vec<String> {
    let (_, rows) = header_and_rows(table);
    rows.iter().map(|row| row[0].to_owned()).filter(|name| !name.starts_with("--")).collect()
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

/// The cell that what happened would be written as.
fn happened(before: &TaskState, result: &Result<Applied, Fault>) -> String {
    match result {
        Ok(Applied::Change(after)) if after.cancel_requested != before.cancel_requested => {
            assert_eq!(after.name(), before.name());
            "asked".into()
        }
        Ok(Applied::Change(after)) => after.name().to_string(),
        Ok(Applied::Same) => "same".into(),
        Ok(Applied::Evidence(_)) => "evidence".into(),
        Err(Fault::Stale) => "stale".into(),
        Err(Fault::Illegal(state)) => {
            assert_eq!(*state, before.name());
            "-".into()
        }
    }
}

/// What the cell comes to with these flags.
fn expected(cell: &str, flags: Flags) -> &str {
    if let Some(unstarted) = cell.strip_suffix('*') {
        return if flags.started_before { "interrupted" } else { unstarted };
    }
    if let Some((certain, again)) = cell.split_once(" / ") {
        return if flags.idempotent && !flags.asked { again } else { certain };
    }
    match cell {
        "asked" if flags.asked => "same",
        "retried" if !flags.idempotent => "-",
        "retried" if flags.asked => "stopped",
        "retried" => "queued",
        plain => plain,
    }
}

#[test]
fn every_event_in_every_unfinished_state_does_what_the_table_says() {
    let (header, rows) = header_and_rows(TABLE);
    let mut checked = 0;
    for row in &rows {
        for (column, cell) in header.iter().zip(row).skip(1) {
            for flags in all_flags() {
                // Asked for there, it ends at once: no such state can be.
                if flags.asked && matches!(*column, "queued" | "leased") {
                    continue;
                }
                let before = state(flags, phase(column));
                let (event, now) = event(row[0], CURRENT);
                let result = before.apply(&event, now);
                let expected = expected(cell, flags);
                assert_eq!(
                    happened(&before, &result),
                    expected,
                    "{} in {column} with {flags:?}",
                    row[0]
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 25 * (2 * 4 + 2 * 8));
}

#[test]
fn a_task_that_may_have_started_is_remembered_so_when_it_is_queued_again() {
    for flags in all_flags().filter(|flags| flags.idempotent && !flags.asked) {
        for column in ["accepted", "running"] {
            for name in ["no word", "spool lost", "store behind", "retry"] {
                let (event, now) = event(name, CURRENT);
                let Ok(Applied::Change(after)) = state(flags, phase(column)).apply(&event, now)
                else {
                    panic!("{name} in {column}");
                };
                assert!(after.started_before);
                let due = (name == "retry").then(|| NOW.after(Duration::from_secs(5)));
                assert_eq!(after.phase, Phase::Queued { not_before: due });
            }
        }
        let lost = state(flags, phase("leased")).apply(&Event::SpoolLost, NOW);
        let Ok(Applied::Change(after)) = lost else {
            panic!("{lost:?}")
        };
        assert_eq!(after.started_before, flags.started_before, "it was never told to go on");
    }
}

#[test]
fn only_a_lease_from_the_queue_raises_the_attempt() {
    for name in events(TABLE) {
        for column in ["queued", "leased", "accepted", "running"] {
            let flags = Flags {
                started_before: false,
                idempotent: true,
                asked: false,
            };
            let before = state(flags, phase(column));
            let (event, now) = event(&name, CURRENT);
            if let Ok(Applied::Change(after)) = before.apply(&event, now) {
                let raised = column == "queued" && name.starts_with("lease");
                let expected = if raised { CURRENT.next() } else { CURRENT };
                assert_eq!(after.attempt, expected, "{name} in {column}");
                assert_eq!(after.ttl_at, before.ttl_at);
            }
        }
    }
}

#[test]
fn accepting_says_whether_the_handler_may_be_started_again() {
    for idempotent in [false, true] {
        let flags = Flags {
            started_before: false,
            idempotent: !idempotent,
            asked: false,
        };
        let said = Event::Said(CURRENT, AgentEvent::Accept { idempotent });
        let result = state(flags, phase("leased")).apply(&said, NOW);
        let Ok(Applied::Change(after)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(after.idempotent, idempotent);
    }
}

/// Each way in which a task can have ended.
fn ends() -> Vec<TaskState> {
    let mut ends = Vec::new();
    for name in StateName::ALL.into_iter().filter(|name| name.is_terminal()) {
        for reached in [Reached::Waiting, Reached::Accepted, Reached::Running] {
            for flags in all_flags() {
                let outcome = Outcome {
                    state: name,
                    output: None,
                    failure: Some(failure()),
                    at: NOW,
                };
                ends.push(state(flags, Phase::Ended { outcome, reached }));
            }
        }
    }
    ends
}

fn late(name: &str, end: &TaskState) -> &'static str {
    let Phase::Ended { outcome, reached } = &end.phase else {
        panic!("{end:?}")
    };
    if let Some(kind) = name.strip_prefix("finish ") {
        return if outcome.state.as_str() == kind { "same" } else { "evidence" };
    }
    if let Some(row) = rows(LATE_BY_REACH).find(|row| row[0] == name) {
        return match row[1 + *reached as usize] {
            "same" => "same",
            _ => "-",
        };
    }
    let known = rows(LATE_BY_STATE).find(|row| row[0] == name);
    let known = known.is_some_and(|row| row[1].split(' ').any(|s| s == outcome.state.as_str()));
    if known { "same" } else { "-" }
}

#[test]
fn after_the_end_nothing_changes_and_repeats_are_told_from_contradictions() {
    for end in ends() {
        for name in events(TABLE) {
            let (event, now) = event(&name, CURRENT);
            let result = end.apply(&event, now);
            assert_eq!(happened(&end, &result), late(&name, &end), "{name} in {end:?}");
        }
    }
}

#[test]
fn a_finish_with_another_output_is_evidence_and_not_a_repeat() {
    let first = Finish::succeeded(Payload::null());
    let second = Finish::succeeded(Payload::from_json_text("1"));
    let running = state(all_flags().next().unwrap(), phase("running"));
    let said = |finish: &Finish| Event::Said(CURRENT, AgentEvent::Finish(finish.clone()));
    let Ok(Applied::Change(ended)) = running.apply(&said(&first), NOW) else {
        panic!()
    };
    assert_eq!(ended.apply(&said(&first), NOW), Ok(Applied::Same));
    assert_eq!(ended.apply(&said(&second), NOW), Ok(Applied::Evidence(second)));
}

#[test]
fn a_word_of_another_attempt_never_changes_anything() {
    let mut states = ends();
    for flags in all_flags() {
        states.extend(["queued", "leased", "accepted", "running"].map(|p| state(flags, phase(p))));
    }
    for before in states {
        for name in events(TABLE) {
            for (attempt, expected) in [(Attempt(1), "stale"), (Attempt(3), "-")] {
                let (event, now) = event(&name, attempt);
                if matches!(event, Event::Said(..)) {
                    let result = before.apply(&event, now);
                    assert_eq!(happened(&before, &result), expected, "{name} in {before:?}");
                }
            }
        }
    }
}

#[test]
fn a_task_that_was_never_leased_has_no_attempt_to_speak_of() {
    let queued = TaskState::queued(NOW.after(HOUR), None);
    let Ok(Applied::Change(ended)) = queued.apply(&Event::Cancel, NOW) else {
        panic!()
    };
    for name in events(TABLE) {
        let (event, now) = event(&name, Attempt(0));
        if matches!(event, Event::Said(..)) {
            assert_eq!(queued.apply(&event, now), Err(Fault::Stale), "{name}");
            assert_eq!(happened(&ended, &ended.apply(&event, now)), "-", "{name}");
        }
    }
}

/// Something that happens: a row of the table, how far off the attempt is that an agent names,
/// how much later it happens.
fn happening() -> impl Strategy<Value = (String, i64, u64)> {
    // Leases and accepts often, so that many sequences come far.
    let likely = prop::sample::select(vec!["lease", "accept", "start", "retry", "lease ended"]);
    let any = prop::sample::select(events(TABLE));
    let name = prop_oneof![likely.prop_map(str::to_owned), any];
    let off = prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)];
    (name, off, 0..600_u64)
}

/// Runs the happenings one after the other; shows each step to `check` with the state before it.
fn live(
    happenings: &[(String, i64, u64)],
    idempotent: bool,
    mut check: impl FnMut(&TaskState, &Event, Timestamp, &Result<Applied, Fault>),
) {
    let mut current = TaskState::queued(NOW.after(HOUR), None);
    let mut now = NOW;
    for (name, off, later) in happenings {
        now = now.after(Duration::from_secs(*later));
        let attempt = u32::try_from(i64::from(current.attempt.0) + off).unwrap_or(0);
        let (mut event, _) = event(name, Attempt(attempt));
        if let Event::Said(_, AgentEvent::Accept { idempotent: said }) = &mut event {
            *said = idempotent;
        }
        let result = current.apply(&event, now);
        check(&current, &event, now, &result);
        if let Ok(Applied::Change(next)) = result {
            current = next;
        }
    }
}

fn config() -> Config {
    Config {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    }
}

fn lives() -> impl Strategy<Value = Vec<(String, i64, u64)>> {
    prop::collection::vec(happening(), 1..40)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn terminal_is_terminal(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, _, result| {
            let changed = matches!(result, Ok(Applied::Change(_)));
            assert!(!(before.name().is_terminal() && changed), "{event:?} in {before:?}");
        });
    }

    #[test]
    fn an_attempt_never_falls_and_never_skips(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, _, _, result| {
            if let Ok(Applied::Change(after)) = result {
                let next = before.attempt.next();
                assert!(after.attempt == before.attempt || after.attempt == next);
            }
        });
    }

    #[test]
    fn who_asked_to_cancel_never_sees_it_queued_again(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, _, result| {
            if let Ok(Applied::Change(after)) = result {
                assert!(after.cancel_requested || !before.cancel_requested);
                let waits = matches!(after.name(), StateName::Queued | StateName::Leased);
                assert!(!(after.cancel_requested && waits), "{event:?}");
            }
        });
    }

    #[test]
    fn cancelled_expired_and_rejected_promise_that_nothing_happened(
        life in lives(),
        idempotent: bool,
    ) {
        let mut may_have_started = false;
        live(&life, idempotent, |before, event, _, result| {
            let Ok(Applied::Change(after)) = result else { return };
            let lost = before.name() == StateName::Accepted && after.name() == StateName::Queued;
            may_have_started |= lost || after.name() == StateName::Running;
            let promise = [StateName::Cancelled, StateName::Expired, StateName::Rejected];
            assert!(!(promise.contains(&after.name()) && may_have_started), "{event:?}");
            assert!(!after.started_before || may_have_started);
        });
    }

    #[test]
    fn a_stale_attempt_changes_nothing(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, _, result| {
            if let Event::Said(attempt, _) = event
                && *attempt < before.attempt
            {
                assert_eq!(*result, Err(Fault::Stale));
            }
        });
    }

    #[test]
    fn what_is_accepted_after_its_ttl_has_expired(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, now, result| {
            let accept = matches!(
                event,
                Event::Said(attempt, AgentEvent::Accept { .. }) if *attempt == before.attempt
            );
            if accept && before.name() == StateName::Leased && now > before.ttl_at {
                let Ok(Applied::Change(after)) = result else { panic!("{result:?}") };
                let unstarted = !before.started_before;
                let end = if unstarted { StateName::Expired } else { StateName::Interrupted };
                assert_eq!(after.name(), end);
            }
        });
    }

    #[test]
    fn a_repeat_right_after_changes_nothing(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, now, result| {
            let (Event::Said(_, said), Ok(Applied::Change(after))) = (event, result) else { return };
            if !matches!(said, AgentEvent::Progress(_)) && before != after {
                let again = after.apply(event, now);
                assert!(!matches!(again, Ok(Applied::Change(_))), "{event:?} in {after:?}");
            }
        });
    }
}
