//! What the benches of Widget share; they stand beside this folder, each next to its floor. Run
//! all with `cargo bench`, one with `cargo bench --bench encoding`. `scripts/benchmarks` runs those
//! that compare whole programs, and writes `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot run has to fail"
)]

mod fixtures;
mod threads;

pub use fixtures::{
    AGENT, EPOCH, TRANSPORTS, finish, hello, listener, memory_store, no_rate, report, submit,
    transport, wait_for_work,
};
pub use threads::{block_on, echo, on_a_thread, runtime, serve};
