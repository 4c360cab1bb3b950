//! What the timeline of a task gains by a change.

use crate::task::{
    Actor, AgentEvent, Event, Failure, MAX_LOSSES, StateName, TaskState, TimelineEntry,
};
use crate::time::Timestamp;

/// The longest cause of an entry, in bytes, without the dots that say that it was cut.
const MAX_CAUSE: usize = 1_024;

/// What the timeline gains by a change: an entry if the state's name or the cancel flag changed,
/// or if a lease was given again. Its cause is cut after 1,024 bytes.
#[must_use]
pub fn timeline_entry(
    before: &TaskState,
    after: &TaskState,
    event: &Event,
    by: Actor,
    now: Timestamp,
) -> Option<TimelineEntry> {
    let moved = before.name() != after.name() || before.attempt != after.attempt;
    if !moved && before.cancel_requested == after.cancel_requested {
        return None;
    }
    let mut cause = event.cause().to_owned();
    match event {
        Event::Lease { .. } => cause.push_str(&format!(", attempt {}", after.attempt)),
        Event::Cancel => cause.push_str(&format!(" by {by}")),
        // It has it already, and the answer is no.
        Event::Said(_, AgentEvent::Accept { .. }) if after.name().is_terminal() => {
            cause = "the agent asked whether it may start".to_owned();
        }
        _ => {}
    }
    if after.losses != before.losses {
        cause.push_str(&format!(", loss {} of {MAX_LOSSES}", after.losses));
    }
    if let Some(failure) = failure(after, event) {
        cause.push_str(&match after.name() {
            StateName::Queued | StateName::Failed => {
                format!(": {}: {}", failure.code, failure.message)
            }
            _ => format!(": {}", failure.message),
        });
    }
    Some(TimelineEntry {
        at: now,
        state: after.name(),
        cause: cut(cause),
        actor: by,
    })
}

/// Why it is tried again, or why it did not succeed.
fn failure<'a>(after: &'a TaskState, event: &'a Event) -> Option<&'a Failure> {
    match (after.outcome(), event) {
        (_, Event::Cancel) => None,
        (Some(outcome), Event::Said(_, AgentEvent::Accept { .. })) => outcome.failure.as_ref(),
        // The cause has said it.
        (Some(outcome), _) if outcome.state == StateName::Expired => None,
        (Some(outcome), _) => outcome.failure.as_ref(),
        (None, Event::Said(_, AgentEvent::Retry { failure, .. })) => Some(failure),
        (None, _) => None,
    }
}

fn cut(mut cause: String) -> String {
    if cause.len() > MAX_CAUSE {
        cause.truncate(cause.floor_char_boundary(MAX_CAUSE));
        cause.push('…');
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Attempt, SpoolEpoch};
    use crate::task::{Applied, Finish, FinishKind};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn said(event: AgentEvent) -> Event {
        Event::Said(Attempt(1), event)
    }

    fn step(state: &mut TaskState, event: &Event) -> Option<String> {
        let Ok(Applied::Change(next)) = state.apply(event, NOW) else {
            panic!("{event:?} changes nothing in {state:?}");
        };
        let entry = timeline_entry(state, &next, event, Actor::Server, NOW);
        *state = next;
        entry.map(|entry| entry.cause)
    }

    /// A task of an idempotent handler, running.
    fn running(attempt: u32) -> TaskState {
        let mut state = TaskState::queued(Timestamp::from_secs(9_000), None);
        state.attempt = Attempt(attempt - 1);
        rerun(&mut state);
        state
    }

    fn rerun(state: &mut TaskState) {
        let lease = Event::Lease {
            epoch: SpoolEpoch::from_bytes([1; 16]),
            until: Timestamp::from_secs(9_000),
        };
        step(state, &lease);
        let attempt = state.attempt;
        let accept = AgentEvent::Accept { idempotent: true };
        step(state, &Event::Said(attempt, accept));
        step(state, &Event::Said(attempt, AgentEvent::Start));
    }

    fn retry(lost: bool) -> AgentEvent {
        AgentEvent::Retry {
            failure: Failure::new("disk_busy", "the disk is busy"),
            after_ms: 0,
            lost,
        }
    }

    #[test]
    fn a_retry_says_what_failed() {
        let mut state = running(1);
        let cause = step(&mut state, &said(retry(false)));
        let expected = "the handler failed and is to be tried again: disk_busy: the disk is busy";
        assert_eq!(cause.as_deref(), Some(expected));
    }

    #[test]
    fn losses_are_counted_until_the_crash_loop_which_says_why() {
        let mut state = running(1);
        let first = step(&mut state, &Event::SpoolLost).unwrap();
        assert_eq!(first, "the agent lost its memory, loss 1 of 3");
        rerun(&mut state);
        let second = step(&mut state, &Event::Said(Attempt(2), retry(true))).unwrap();
        let expected = "the agent died while the handler ran, loss 2 of 3: ";
        assert!(second.starts_with(expected), "{second}");
        rerun(&mut state);
        let third = step(&mut state, &Event::SpoolLost).unwrap();
        let expected = "the agent lost its memory, loss 3 of 3: crash_loop: its agent was lost";
        assert!(third.starts_with(expected), "{third}");
        assert_eq!(state.name(), StateName::Failed);
    }

    #[test]
    fn a_failure_is_named_and_an_output_or_a_progress_is_no_entry() {
        let mut state = running(1);
        let progress = AgentEvent::Progress(crate::Payload::null());
        assert_eq!(step(&mut state, &said(progress)), None);
        let failed = Finish::without(FinishKind::Failed, Failure::new("a", "b"));
        let cause = step(&mut state, &said(AgentEvent::Finish(failed)));
        assert_eq!(cause.as_deref(), Some("the handler ended: a: b"));
    }

    #[test]
    fn an_end_that_nobody_saw_is_not_called_the_end_of_the_handler() {
        let why = Failure::new("agent_died", "it may have happened");
        let last = Finish::without(FinishKind::Interrupted, why);
        let cause = step(&mut running(1), &said(AgentEvent::Finish(last)));
        let expected = "the agent cannot say how it ended: it may have happened";
        assert_eq!(cause.as_deref(), Some(expected));
    }

    #[test]
    fn a_ttl_that_has_passed_is_said_once() {
        let mut state = TaskState::queued(Timestamp::from_secs(900), None);
        let cause = step(&mut state, &Event::TtlPassed);
        assert_eq!(
            cause.as_deref(),
            Some("its ttl passed before it could start")
        );
    }

    #[test]
    fn a_cause_is_cut_between_two_characters() {
        let mut state = running(1);
        let failed = Finish::without(FinishKind::Failed, Failure::new("a", "é".repeat(9_000)));
        let cause = step(&mut state, &said(AgentEvent::Finish(failed))).unwrap();
        assert!(cause.len() <= MAX_CAUSE + "…".len() && cause.ends_with("é…"));
    }

    #[test]
    fn an_accept_that_ends_a_task_is_not_told_as_if_the_agent_now_had_it() {
        let mut state = TaskState::queued(Timestamp::from_secs(900), None);
        let lease = Event::Lease {
            epoch: SpoolEpoch::from_bytes([1; 16]),
            until: Timestamp::from_secs(9_000),
        };
        step(&mut state, &lease);
        let accept = said(AgentEvent::Accept { idempotent: false });
        let cause = step(&mut state, &accept).unwrap();
        assert_eq!(state.name(), StateName::Expired);
        let asked = "the agent asked whether it may start: ";
        assert_eq!(
            cause,
            [asked, "not started before its ttl had passed"].concat()
        );
    }
}
