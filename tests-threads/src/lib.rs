//! What Widget's threads share, in every order of steps or in very many: the wake-ups of stores, programs
//! and agents, and the group commit of the SQLite store.
//!
//! The sources are the real ones. They name their locks, events, channels and threads in the `sync` of
//! their crate, and this crate has another [`sync`], whose every step lets shuttle choose who goes
//! on. Each check has wrong doubles beside the real thing, one for each promise: a check that does
//! not find them would prove nothing.
//!
//! A failure prints its schedule, and `WIDGET_SCHEDULE=… cargo test -p widget-tests-threads TEST` runs that
//! one again. `scripts/proof threads` tries more of them.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a check that does not hold has to fail"
)]

use widget_core::id;

pub mod committing;
mod error;
pub mod explore;
pub mod ringing;
pub mod stopping;
pub mod sync;
pub mod toy;
pub mod watching;
pub mod wrong_writer;

#[allow(dead_code, unreachable_pub, reason = "as it is in its own crate")]
#[path = "../../widget-core/src/store/bells.rs"]
mod bells;
#[allow(dead_code, unreachable_pub, reason = "as it is in its own crate")]
#[path = "../../widget-core/src/stop.rs"]
mod stop;
#[allow(dead_code, unreachable_pub, reason = "as it is in its own crate")]
#[path = "../../widget-store-sqlite/src/waiting.rs"]
mod waiting;
#[allow(dead_code, unreachable_pub, reason = "as it is in its own crate")]
#[path = "../../widget-agent/src/watched.rs"]
mod watched;
#[allow(dead_code, unreachable_pub, reason = "as it is in its own crate")]
#[path = "../../widget-store-sqlite/src/writer.rs"]
mod writer;
