//! Whatever happens in whatever order: what holds at every step.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use widget_core::id::Attempt;
use widget_core::store::timeline_entry;
use widget_core::task::{
    Actor, AgentEvent, Applied, Event, Fault, LEASE, MAX_LOSSES, Phase, StateName, TaskState,
};
use widget_core::time::Timestamp;

use crate::table::events;
use crate::{HOUR, NOW, event};

/// Something that happens: a row of the table, how far off the attempt is that an agent names,
/// how much later it happens.
fn happening() -> impl Strategy<Value = (String, i64, u64)> {
    // Leases and accepts often, so that many sequences come far.
    let likely = prop::sample::select(vec![
        "lease",
        "accept",
        "start",
        "retry",
        "retry lost",
        "lease ended",
    ]);
    let any = prop::sample::select(events());
    let name = prop_oneof![3 => likely.prop_map(str::to_owned), 1 => any];
    let off = prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)];
    // Mostly soon, or the ttl would end most lives before anything can have happened often.
    let later = prop_oneof![6 => 0..5_u64, 1 => 0..600_u64];
    (name, off, later)
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
        cases: 500,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    }
}

fn lives() -> impl Strategy<Value = Vec<(String, i64, u64)>> {
    prop::collection::vec(happening(), 1..80)
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
    fn each_change_has_an_entry_that_says_when_why_and_who(life in lives(), idempotent: bool) {
        live(&life, idempotent, |before, event, now, result| {
            let Ok(Applied::Change(after)) = result else { return };
            let entry = timeline_entry(before, after, event, Actor::Page, now);
            let shows = |state: &TaskState| (state.name(), state.attempt, state.cancel_requested);
            let Some(entry) = entry else {
                assert_eq!(shows(before), shows(after), "{event:?}");
                return;
            };
            assert_eq!((entry.at, entry.state, entry.actor), (now, after.name(), Actor::Page));
            assert!(!entry.cause.is_empty(), "{event:?}");
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
    fn losses_and_failures_are_counted_and_three_losses_are_the_end(
        life in lives(),
        idempotent: bool,
    ) {
        live(&life, idempotent, |before, event, _, result| {
            let Ok(Applied::Change(after)) = result else { return };
            let more = |before: u32, after: u32| after == before || after == before + 1;
            assert!(more(before.losses, after.losses), "{event:?}");
            assert!(more(before.failures, after.failures), "{event:?}");
            assert!(after.losses <= MAX_LOSSES);
            assert!(after.losses < MAX_LOSSES || after.name().is_terminal());
        });
    }

    #[test]
    fn an_end_that_promises_that_nothing_happened_is_never_followed_by_a_yes_to_start(
        life in lives(),
        idempotent: bool,
    ) {
        live(&life, idempotent, |before, event, _, result| {
            let accept = matches!(event, Event::Said(_, AgentEvent::Accept { .. }));
            let promise = [StateName::Cancelled, StateName::Expired, StateName::Rejected];
            assert!(!(accept && promise.contains(&before.name()) && result.is_ok()), "{before:?}");
        });
    }

    #[test]
    fn who_asked_to_cancel_never_sees_it_queued_again(
        life in lives(),
        idempotent: bool,
        runs: bool,
    ) {
        // Few lives come to a cancel in the hands of an agent by themselves.
        let begin = ["lease", "accept", if runs { "start" } else { "heard" }, "cancel"];
        let begin = begin.map(|name| (name.to_owned(), 0, 0));
        let life: Vec<_> = begin.into_iter().chain(life).collect();
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
    fn what_is_accepted_after_its_ttl_has_expired(
        life in lives(),
        idempotent: bool,
        waits in 3_000..4_000_u64,
    ) {
        // Few lives are as long as the ttl of an hour.
        let waits = std::iter::once(("heard".to_owned(), 0, waits));
        let life: Vec<_> = waits.chain(life).collect();
        live(&life, idempotent, |before, event, now, result| {
            let accept = matches!(
                event,
                Event::Said(attempt, AgentEvent::Accept { .. }) if *attempt == before.attempt
            );
            let due = match &before.phase {
                Phase::Leased { .. } => now >= before.ttl_at,
                // Beyond what may be a repeat.
                Phase::Accepted { .. } => now >= before.ttl_at.after(LEASE),
                _ => false,
            };
            if accept && due {
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
            let again_is_news = matches!(said, AgentEvent::Progress(_) | AgentEvent::Output(_));
            if !again_is_news && before != after {
                let again = after.apply(event, now);
                assert!(!matches!(again, Ok(Applied::Change(_))), "{event:?} in {after:?}");
            }
        });
    }
}
