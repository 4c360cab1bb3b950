//! Wrong stores in the suites.

use widget_core::id::StoreEpoch;
use widget_core::store::MemoryStore;
use widget_core::testkit::{report_store, run, task_store};

use crate::store::{Mistake, WrongStore};
use crate::{assert_names, caught};

fn store(mistake: Mistake) -> WrongStore<MemoryStore> {
    let right = MemoryStore::new(StoreEpoch::from_bytes([7; 16]));
    WrongStore::new(right, mistake, None)
}

mod without_a_mistake {
    //! What is around the right store is not what the suites find.

    use super::*;

    mod tasks {
        use super::*;
        widget_core::task_store_suite!(|| async { store(Mistake::None) });
    }

    mod reports {
        use super::*;
        widget_core::report_store_suite!(|| async { store(Mistake::None) });
    }
}

/// What this case of a suite says of a store with this mistake.
macro_rules! caught {
    ($mistake:ident in $suite:ident::$group:ident::$case:ident) => {
        caught(stringify!($case), || {
            let wrong = store(Mistake::$mistake);
            run($suite::$group::$case(&wrong));
        })
    };
}

#[test]
fn a_store_that_leases_without_raising_the_attempt_is_caught() {
    let said = caught!(SameAttempt in
        task_store::lease::a_lease_raises_the_attempt_and_gives_a_sequence);
    assert_names(&said, "a lease raises the attempt");
}

#[test]
fn a_store_whose_lease_ignores_the_epoch_is_caught() {
    let said = caught!(AnyEpoch in task_store::lease::an_epoch_that_was_replaced_gets_nothing);
    assert_names(&said, "only the epoch that was admitted last may lease");
}

#[test]
fn a_store_that_ignores_the_revision_is_caught() {
    let said = caught!(AnyRevision in
        task_store::change::a_change_at_the_wrong_revision_is_a_conflict_and_changes_nothing);
    assert_names(
        &said,
        "a change is taken at the revision that it expects only",
    );
}

#[test]
fn a_store_that_ignores_the_idempotency_key_is_caught() {
    let said = caught!(NoKeys in task_store::insert::a_key_finds_the_first_whatever_its_agent);
    assert_names(&said, "a key that was used made a second task");
}

#[test]
fn a_store_that_forgets_to_ring_is_caught() {
    let said = caught!(NoBell in task_store::insert::an_insert_ends_a_wake_up_registered_before);
    assert_names(&said, "an insert rings its agent's bell");
    let said = caught!(NoBell in task_store::change::a_change_rings_the_agents_bell);
    assert_names(&said, "a change rings its agent's bell");
}

#[test]
fn a_store_that_keeps_a_repeated_batch_twice_is_caught() {
    let said = caught!(NoWatermark in
        report_store::append::a_repeat_is_answered_the_same_and_stores_nothing);
    assert_names(&said, "a repeat stores nothing");
}

#[test]
fn a_store_that_skips_a_gap_of_reports_is_caught() {
    let said = caught!(TakesGaps in
        report_store::append::a_gap_is_answered_the_watermark_and_stores_nothing);
    assert_names(&said, "a batch above the watermark is not taken");
}
