//! The group commit keeps its promises, with callers who wait, go and close it, and with a database that
//! has its troubles.

use widget_tests_threads::committing::{self as commits, Real};
use widget_tests_threads::explore::{caught, many};
use widget_tests_threads::wrong_writer::{Fault, Wrong};

/// A check holds for the real thing, and for a double without a fault.
macro_rules! holds {
    ($name:ident, $check:ident($($troubled:literal)?)) => {
        #[test]
        fn $name() {
            let schedules = many(|| commits::$check(&Real $(, $troubled)?));
            many(|| commits::$check(&Wrong(Fault::None) $(, $troubled)?));
            println!("{schedules:>9} many {}", stringify!($name));
        }
    };
}

/// A fault is found by a check, for what it is.
macro_rules! finds {
    ($name:ident, $fault:ident by $check:ident($($troubled:literal)?) as $message:literal) => {
        #[test]
        fn $name() {
            let caught = caught(|| commits::$check(&Wrong(Fault::$fault) $(, $troubled)?));
            println!("{:>9} until found: {}", caught.schedule, stringify!($name));
            assert!(caught.message.contains($message), "{caught:?}");
        }
    };
}

holds!(
    callers_get_their_answers_after_the_commit,
    callers_get_their_answers_after_the_commit(false)
);
holds!(
    callers_are_not_told_well_what_came_to_nothing,
    callers_get_their_answers_after_the_commit(true)
);
holds!(jobs_are_done_in_order, jobs_are_done_in_order(false));
holds!(
    jobs_are_done_in_order_also_again,
    jobs_are_done_in_order(true)
);
holds!(one_job_costs_only_itself, one_job_costs_only_itself());
holds!(what_waits_shares_a_commit, what_waits_shares_a_commit());
holds!(closing_writes_what_waits, closing_writes_what_waits());
holds!(callers_may_go, callers_may_go(false));
holds!(callers_may_go_amid_troubles, callers_may_go(true));

finds!(
    one_that_answers_before_the_commit,
    AnswersBeforeCommit by callers_get_their_answers_after_the_commit(false)
        as "answered ok"
);
finds!(
    one_that_rings_before_the_commit,
    RunsAfterBefore by callers_get_their_answers_after_the_commit(false)
        as "done before it is durable"
);
finds!(
    one_that_hides_a_failed_commit,
    HidesFailedCommit by callers_get_their_answers_after_the_commit(true)
        as "done before it is durable"
);
finds!(
    one_that_keeps_what_a_failed_job_wrote,
    KeepsHalves by callers_get_their_answers_after_the_commit(false) as "done by half"
);
finds!(
    one_that_forgets_what_was_lost_to_another,
    ForgetsWhatWasLost by callers_get_their_answers_after_the_commit(true)
        as "done before it is durable"
);
finds!(
    one_that_gives_up_a_group_for_one_job,
    GivesUpTheGroup by one_job_costs_only_itself() as "failed for another's job"
);
finds!(
    one_that_answers_the_first,
    AnswersTheFirst by callers_get_their_answers_after_the_commit(false) as "deadlock"
);
finds!(
    one_that_takes_more_than_its_bound,
    NoBound by callers_get_their_answers_after_the_commit(false) as "too many"
);
finds!(
    one_that_begins_with_the_newest,
    NewestFirst by jobs_are_done_in_order(false) as "done in the order"
);
finds!(
    one_that_commits_each_alone,
    OneAtATime by what_waits_shares_a_commit() as "for what waited together"
);
finds!(
    one_that_forgets_when_it_is_closed,
    ForgetsWhenClosed by closing_writes_what_waits() as "forgotten when it was closed"
);
finds!(
    one_that_is_closed_before_it_is_done,
    ClosesAtOnce by closing_writes_what_waits() as "forgotten when it was closed"
);

#[test]
fn nobody_waits_for_a_thread_that_has_gone() {
    let schedules = many(|| commits::nobody_waits_for_a_thread_that_has_gone(false));
    println!("{schedules:>9} many nobody_waits_for_a_thread_that_has_gone");
}

#[test]
fn a_thread_that_leaves_its_jobs_in_a_bare_receiver() {
    let caught = caught(|| commits::nobody_waits_for_a_thread_that_has_gone(true));
    println!(
        "{:>9} until found: a_thread_that_leaves_its_jobs_in_a_bare_receiver",
        caught.schedule
    );
    assert!(caught.message.contains("deadlock"), "{caught:?}");
}
