//! How a task ended, with what nobody can know said as such.

use widget_core::task::{Outcome, Reached, StateName, Task};
use widget_core::time::Timestamp;

use super::{Reason, Why, words};
use crate::page::{LONGEST, cut};

const UNSURE: &str = "may have happened";

pub(super) fn explain(task: &Task, outcome: &Outcome, reached: Reached, now: Timestamp) -> Why {
    let at = words::ago(outcome.at, now);
    let because = because(outcome);
    let cause = task.timeline.last().map(|entry| cut(&entry.cause, LONGEST));
    let cause = cause.unwrap_or_default();
    match outcome.state {
        StateName::Failed if is(outcome, "crash_loop") => {
            let text = format!("Failed {at}{because}. It {UNSURE}, in part or whole.");
            (Reason::CrashLoop, text)
        }
        StateName::Failed => (Reason::Failed, format!("Failed {at}{because}.")),
        StateName::Stopped => (
            Reason::Stopped,
            format!("Stopped {at}, as was asked{because}."),
        ),
        StateName::TimedOut => (Reason::TimedOut, format!("Timed out {at}{because}.")),
        StateName::Cancelled => {
            let text = format!("Cancelled {at}, before it started: {cause}.");
            (Reason::Cancelled, text)
        }
        StateName::Expired => {
            let ttl = words::at(task.state.ttl_at, now);
            let text = format!("Expired {at}: it had not started when its ttl passed, at {ttl}.");
            (Reason::Expired, text)
        }
        StateName::Rejected => (
            Reason::Rejected,
            format!("Rejected by the agent {at}, before it started{because}."),
        ),
        StateName::Lost => {
            let unsure = if reached == Reached::Waiting && !task.state.started_before {
                "It had not started."
            } else {
                "It may have happened, in part or whole."
            };
            (
                Reason::Lost,
                format!("Lost {at}: its agent was deleted. {unsure}"),
            )
        }
        StateName::Succeeded => (Reason::Succeeded, succeeded(task, outcome, &at)),
        // No other state is an end.
        StateName::Interrupted
        | StateName::Queued
        | StateName::Leased
        | StateName::Accepted
        | StateName::Running => {
            let text = match cause.contains(UNSURE) {
                true => format!("Interrupted {at}: {cause}."),
                false => format!("Interrupted {at}: {cause}. It {UNSURE}, in part or whole."),
            };
            (Reason::Interrupted, text)
        }
    }
}

fn succeeded(task: &Task, outcome: &Outcome, at: &str) -> String {
    let started = task.timeline.iter().rev();
    let mut started = started.filter(|entry| entry.state == StateName::Running);
    match started.next() {
        Some(entry) => {
            let took = words::span(outcome.at.since(entry.at));
            format!("Succeeded {at}; it ran for {took}.")
        }
        None => format!("Succeeded {at}."),
    }
}

fn because(outcome: &Outcome) -> String {
    let failure = outcome.failure.as_ref();
    failure.map_or_else(String::new, |failure| {
        let (message, code) = (cut(&failure.message, LONGEST), cut(&failure.code, 64));
        format!(": {message} ({code})")
    })
}

fn is(outcome: &Outcome, code: &str) -> bool {
    let failure = outcome.failure.as_ref();
    failure.is_some_and(|failure| failure.code == code)
}

/// `succeeded`, `was interrupted`: what an agent says of a task.
pub(super) fn verb(state: StateName) -> String {
    match state {
        StateName::Succeeded | StateName::Failed => state.as_str().to_owned(),
        StateName::TimedOut => "timed out".to_owned(),
        other => format!("was {}", other.as_str().replace('_', " ")),
    }
}
