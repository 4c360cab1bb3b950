//! Every event in every state, against tables that can be read.

use std::time::Duration;

use widget_core::Payload;
use widget_core::id::Attempt;
use widget_core::task::{
    AgentEvent, Applied, Event, Fault, Finish, Outcome, Phase, Reached, StateName, TaskState,
};

use crate::{CURRENT, Flags, HOUR, NOW, all_flags, event, failure, phase, state};

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
/// | `repeated` | the same, but interrupted if somebody asked to cancel |
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
    accept past ttl     | stale              | expired*           | expired*             | same
    reject              | stale              | rejected*          | -                    | -
    start               | stale              | running            | running              | same
    progress            | stale              | running            | running              | running
    output              | stale              | running            | running              | running
    finish succeeded    | stale              | succeeded          | succeeded            | succeeded
    finish failed       | stale              | failed             | failed               | failed
    finish stopped      | stale              | stopped            | stopped              | stopped
    finish timed_out    | stale              | timed_out          | timed_out            | timed_out
    finish interrupted  | stale              | interrupted        | interrupted          | interrupted
    retry               | stale              | -                  | retried              | retried
    retry lost          | stale              | -                  | repeated             | repeated
    cancel confirmed    | stale              | cancelled*         | cancelled*           | -
    expire              | stale              | expired*           | expired*             | -
";

/// What a repeat finds after the end, by how far the attempt had come: in these rows it does not
/// matter how it ended.
const LATE_BY_REACH: &str = "
    event           | waiting | accepted | running
    accept          | -       | -        | same
    accept past ttl | -       | -        | same
    start           | -       | -        | same
    progress        | -       | -        | same
    output          | -       | -        | same
";

/// The states in which a repeat is known already. Interrupted stands for each that it is read
/// for. In all others it does not fit.
const LATE_BY_STATE: &str = "
    event            | same in
    reject           | rejected interrupted
    cancel confirmed | cancelled interrupted
    expire           | expired interrupted
    retry            | stopped
    retry lost       | interrupted
";

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| line.contains('|'));
    lines.map(|line| line.split('|').map(str::trim).collect())
}

fn header_and_rows(table: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut rows = rows(table);
    (rows.next().unwrap(), rows.collect())
}

/// The events of the table, by name.
pub(crate) fn events() -> Vec<String> {
    let (_, rows) = header_and_rows(TABLE);
    rows.iter().map(|row| row[0].to_owned()).collect()
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
        return if flags.started_before {
            "interrupted"
        } else {
            unstarted
        };
    }
    if let Some((certain, again)) = cell.split_once(" / ") {
        return if flags.idempotent && !flags.asked {
            again
        } else {
            certain
        };
    }
    match cell {
        "asked" if flags.asked => "same",
        "retried" if !flags.idempotent => "-",
        "retried" if flags.asked => "stopped",
        "repeated" if !flags.idempotent => "-",
        "repeated" if flags.asked => "interrupted",
        "retried" | "repeated" => "queued",
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
    assert_eq!(checked, 27 * (2 * 4 + 2 * 8));
}

#[test]
fn a_task_that_may_have_started_is_remembered_so_when_it_is_queued_again() {
    for flags in all_flags().filter(|flags| flags.idempotent && !flags.asked) {
        for column in ["accepted", "running"] {
            for name in [
                "no word",
                "spool lost",
                "store behind",
                "retry",
                "retry lost",
            ] {
                let (event, now) = event(name, CURRENT);
                let Ok(Applied::Change(after)) = state(flags, phase(column)).apply(&event, now)
                else {
                    panic!("{name} in {column}");
                };
                assert!(after.started_before);
                let due = name
                    .starts_with("retry")
                    .then(|| NOW.after(Duration::from_secs(5)));
                assert_eq!(after.phase, Phase::Queued { not_before: due });
            }
        }
        let lost = state(flags, phase("leased")).apply(&Event::SpoolLost, NOW);
        let Ok(Applied::Change(after)) = lost else {
            panic!("{lost:?}")
        };
        assert_eq!(
            after.started_before, flags.started_before,
            "it was never told to go on"
        );
    }
}

#[test]
fn only_a_lease_from_the_queue_raises_the_attempt() {
    for name in events() {
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
                    cut: None,
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
        return if outcome.state.as_str() == kind {
            "same"
        } else {
            "evidence"
        };
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
        for name in events() {
            let (event, now) = event(&name, CURRENT);
            let result = end.apply(&event, now);
            assert_eq!(
                happened(&end, &result),
                late(&name, &end),
                "{name} in {end:?}"
            );
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
    assert_eq!(
        ended.apply(&said(&second), NOW),
        Ok(Applied::Evidence(second))
    );
}

#[test]
fn a_word_of_another_attempt_never_changes_anything() {
    let mut states = ends();
    for flags in all_flags() {
        states.extend(["queued", "leased", "accepted", "running"].map(|p| state(flags, phase(p))));
    }
    for before in states {
        for name in events() {
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
    for name in events() {
        let (event, now) = event(&name, Attempt(0));
        if matches!(event, Event::Said(..)) {
            assert_eq!(queued.apply(&event, now), Err(Fault::Stale), "{name}");
            assert_eq!(happened(&ended, &ended.apply(&event, now)), "-", "{name}");
        }
    }
}
