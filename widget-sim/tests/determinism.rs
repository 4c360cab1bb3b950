//! One seed, one run: whatever goes wrong in it, and over every way.
//!
//! That builds with and without optimization agree is shown by comparing what the example `hashes` prints.

mod stories;

use stories::{fleet, troubles};
use widget_sim::Way;

#[test]
fn a_hundred_seeds_give_the_same_run_twice() {
    let ran = fleet(Way::Calls).seeds(100).twice().run(troubles);
    let mut hashes: Vec<u64> = ran.hashes.iter().map(|(_, hash)| *hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 100, "two seeds gave the same run");
}

#[test]
fn runs_over_the_bytes_of_tcp_are_the_same_twice() {
    fleet(Way::Tcp).seeds(20).twice().run(troubles);
}

#[test]
fn runs_over_the_bytes_of_http_are_the_same_twice() {
    fleet(Way::Http).seeds(20).twice().run(troubles);
}
