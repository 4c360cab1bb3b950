//! The store as its users see it: the suites, and what only a store on a disk can promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy knows only what stands in a #[test], not what it calls"
)]

mod audit;
mod common;
mod counts;
mod filled;
mod full;
mod golden;
mod leases;
mod opening;
mod outputs;
mod results;
mod retention;
mod suites;
mod survival;
