//! Failures and losses are counted apart, three losses are the end; and what an agent says once more
//! because it did not hear the answer.

use std::time::Duration;

use widget_core::id::Attempt;
use widget_core::task::{
    AgentEvent, Applied, Event, Fault, LEASE, MAX_LOSSES, Phase, StateName, TaskState,
};

use crate::{CURRENT, Flags, HOUR, NOW, event, phase, state};

const IDEMPOTENT: Flags = Flags {
    started_before: false,
    idempotent: true,
    asked: false,
};

fn changed(result: Result<Applied, Fault>) -> TaskState {
    match result {
        Ok(Applied::Change(after)) => after,
        other => panic!("no change: {other:?}"),
    }
}

/// What the named event makes of it, now and of its own attempt.
fn after(before: &TaskState, name: &str) -> TaskState {
    let (event, now) = event(name, before.attempt);
    changed(before.apply(&event, now))
}

#[test]
fn a_failure_and_a_loss_are_counted_apart() {
    for column in ["accepted", "running"] {
        let running = state(IDEMPOTENT, phase(column));
        let failed = after(&running, "retry");
        assert_eq!((failed.failures, failed.losses), (1, 0));
        for loss in ["retry lost", "spool lost"] {
            let lost = after(&running, loss);
            assert_eq!((lost.failures, lost.losses), (0, 1), "{loss}");
        }
        // Who was only not heard, or is newer than the store, was not lost.
        for other in ["no word", "store behind"] {
            let queued = after(&running, other);
            assert_eq!((queued.failures, queued.losses), (0, 0), "{other}");
        }
    }
}

#[test]
fn failures_alone_never_end_a_task() {
    let mut running = state(IDEMPOTENT, phase("running"));
    running.failures = u32::MAX;
    let queued = after(&running, "retry");
    assert_eq!(queued.name(), StateName::Queued);
    assert_eq!(queued.failures, u32::MAX);
}

#[test]
fn the_third_loss_ends_a_task_as_a_crash_loop() {
    for column in ["accepted", "running"] {
        for loss in ["retry lost", "spool lost"] {
            let mut current = state(IDEMPOTENT, phase(column));
            for _ in 1..MAX_LOSSES {
                current = after(&current, loss);
                assert_eq!(current.name(), StateName::Queued);
                current = after(&current, "lease");
                current.phase = phase(column);
            }
            let ended = after(&current, loss);
            assert_eq!(ended.name(), StateName::Failed, "{loss} in {column}");
            let failure = ended.outcome().and_then(|o| o.failure.clone()).unwrap();
            assert_eq!(failure.code, "crash_loop");
            // The agent did not hear of it and says so again.
            let (again, now) = event("retry lost", current.attempt);
            assert_eq!(ended.apply(&again, now), Ok(Applied::Same));
            let (other, now) = event("retry", current.attempt);
            let refused = Err(Fault::Illegal(StateName::Failed));
            assert_eq!(ended.apply(&other, now), refused);
        }
    }
}

#[test]
fn a_loss_before_it_was_accepted_is_not_counted() {
    let queued = after(&state(IDEMPOTENT, phase("leased")), "spool lost");
    assert_eq!(queued.losses, 0);
}

#[test]
fn who_was_lost_while_a_cancel_was_asked_for_is_interrupted_and_not_stopped() {
    let asked = Flags {
        asked: true,
        ..IDEMPOTENT
    };
    let ended = after(&state(asked, phase("running")), "retry lost");
    assert_eq!(ended.name(), StateName::Interrupted);
    let (again, now) = event("retry lost", CURRENT);
    assert_eq!(ended.apply(&again, now), Ok(Applied::Same));
}

fn accept() -> Event {
    Event::Said(CURRENT, AgentEvent::Accept { idempotent: false })
}

/// The agent missed the answer and asks again. A yes would start what is over.
#[test]
fn an_accept_after_the_end_is_not_answered_yes_unless_it_had_started() {
    let past = NOW.after(HOUR * 2);
    let expired = changed(state(IDEMPOTENT, phase("accepted")).apply(&accept(), past));
    assert_eq!(expired.name(), StateName::Expired);
    let no = Err(Fault::Illegal(StateName::Expired));
    assert_eq!(expired.apply(&accept(), past), no);

    let unheard = changed(state(IDEMPOTENT, phase("accepted")).apply(&Event::AgentDeleted, NOW));
    let no = Err(Fault::Illegal(StateName::Lost));
    assert_eq!(unheard.apply(&accept(), NOW), no);

    let finished = after(&state(IDEMPOTENT, phase("running")), "finish succeeded");
    assert_eq!(finished.apply(&accept(), NOW), Ok(Applied::Same));
}

/// It may be the first once more, late on its way, while the handler runs: an end that says that
/// nothing happened would be wrong.
#[test]
fn an_accept_that_comes_again_around_the_ttl_does_not_expire_it() {
    let accepted_at = |heard| {
        let epoch = crate::EPOCH;
        state(IDEMPOTENT, Phase::Accepted { epoch, heard })
    };
    let ttl_at = NOW.after(HOUR);
    let second = Duration::from_secs(1);
    let heard = NOW.after(HOUR - second);
    let soon = ttl_at.after(second);
    assert_eq!(accepted_at(heard).apply(&accept(), soon), Ok(Applied::Same));
    // Not for long after it was accepted, and not for long after the ttl.
    let expired = |heard, now| changed(accepted_at(heard).apply(&accept(), now)).name();
    let late = heard.after(LEASE);
    assert_eq!(expired(heard, late), StateName::Expired);
    let much_later = ttl_at.after(LEASE);
    assert_eq!(expired(much_later, much_later), StateName::Expired);
    assert_eq!(expired(NOW, ttl_at), StateName::Expired);
}

#[test]
fn an_accept_that_comes_after_a_cancel_does_not_start_the_task() {
    let epoch = crate::EPOCH;
    let mut asked = state(IDEMPOTENT, Phase::Accepted { epoch, heard: NOW });
    asked.cancel_requested = true;
    asked.ttl_at = NOW.after(HOUR);
    // It may be the first one again, late on its way, while the handler runs.
    let soon = asked.apply(&accept(), NOW.after(LEASE / 2));
    assert_eq!(soon, Ok(Applied::Same));
    let later = changed(asked.apply(&accept(), NOW.after(LEASE)));
    assert_eq!(later.name(), StateName::Cancelled);
}

#[test]
fn output_shows_that_the_handler_runs_and_keeps_what_it_said_of_its_progress() {
    let leased = state(IDEMPOTENT, phase("leased"));
    let mut running = after(&leased, "output");
    assert_eq!(running.name(), StateName::Running);
    let Phase::Running { progress, .. } = &mut running.phase else {
        panic!("{running:?}")
    };
    *progress = Some(widget_core::Payload::null());
    let (output, _) = event("output", CURRENT);
    let later = changed(running.apply(&output, NOW.after(HOUR)));
    let Phase::Running {
        since,
        heard,
        progress,
        ..
    } = later.phase
    else {
        panic!("{later:?}")
    };
    assert_eq!((since, heard), (NOW, NOW.after(HOUR)));
    assert!(progress.is_some());
    assert_eq!(later.attempt, Attempt(2));
}
