//! The long proof, for a few of its seeds: `scripts/proof sim` goes through ten thousand.

use widget_sim::proof::{Plan, edges, run};

#[test]
fn every_promise_is_kept_in_the_first_worlds() {
    let (mut tasks, mut faults) = (0, 0);
    for seed in 0..16 {
        let findings = run(&Plan::of(seed));
        assert!(
            findings.broken.is_empty(),
            "`widget-sim replay {seed} --trace`: {:#?}",
            findings.broken
        );
        tasks += findings.tasks;
        faults += findings.faults;
    }
    assert!(
        tasks > 1_000 && faults > 100,
        "{tasks} tasks, {faults} faults"
    );
}

#[test]
fn the_same_plan_gives_the_same_hash() {
    for seed in [1, 3] {
        assert_eq!(run(&Plan::of(seed)).hash, run(&Plan::of(seed)).hash);
    }
}

#[test]
fn the_state_table_has_edges_from_every_state_that_is_not_an_end() {
    let edges = edges();
    assert!(edges.len() > 60, "{}", edges.len());
    assert!(edges.iter().all(|(from, _, _)| !from.is_terminal()));
}
