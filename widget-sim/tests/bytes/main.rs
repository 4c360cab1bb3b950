//! The real TCP and HTTP connection code over simulated bytes, under every fault of a network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what should not happen fails the test"
)]

#[path = "../check/mod.rs"]
mod check;
mod v1;

use std::collections::BTreeMap;

use check::{Lived, Setting, live};
use widget_core::task::StateName;
use widget_sim::Way;

const SEEDS: u64 = 40;

/// How tasks must have ended somewhere in all these lives.
const ENDS: [StateName; 4] = [
    StateName::Succeeded,
    StateName::Interrupted,
    StateName::Cancelled,
    StateName::Stopped,
];
/// Faults that must have happened.
const FAULTS: [&str; 8] = [
    "connection reset (bytes)",
    "cut one way",
    "held by a cut",
    "link is slow",
    "packet lost",
    "partial write",
    "process killed",
    "sent to a host that had lost its power",
];

/// Many lives, and what they all must have come to together.
fn live_all(way: Way) {
    let mut all: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut ends: BTreeMap<StateName, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let setting = Setting {
            // In some the network alone is bad: then no task may be interrupted.
            kills: seed % 4 != 0,
            ..Setting::new(seed, way)
        };
        let lived = live(&setting);
        lived.check(&setting);
        assert!(lived.reports > 20, "seed {seed}: {} reports", lived.reports);
        let Lived {
            counts, ends: its, ..
        } = lived;
        counts
            .into_iter()
            .for_each(|(what, n)| *all.entry(what).or_default() += n);
        its.into_iter()
            .for_each(|(name, n)| *ends.entry(name).or_default() += n);
    }
    for name in ENDS {
        assert!(ends.contains_key(&name), "no task was {name}: {ends:?}");
    }
    for fault in FAULTS {
        assert!(all.contains_key(fault), "{fault} never happened: {all:?}");
    }
}

#[test]
fn over_tcp_tasks_end_as_they_must_and_reports_arrive_once() {
    live_all(Way::Tcp);
}

#[test]
fn over_http_tasks_end_as_they_must_and_reports_arrive_once() {
    live_all(Way::Http);
}

#[test]
fn the_same_seed_lives_the_same_life_over_bytes() {
    for way in [Way::Tcp, Way::Http] {
        for seed in 0..5 {
            let setting = Setting::new(seed, way);
            let (one, other) = (live(&setting), live(&setting));
            assert_eq!(one.hash, other.hash, "seed {seed} by {way:?}");
            assert_eq!(one.counts, other.counts, "seed {seed} by {way:?}");
        }
    }
}
