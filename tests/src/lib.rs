//! The real programs as a test sees them: started on ports of their own, asked over HTTP, ended
//! by id.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod agent;
mod api;
mod ctl;
#[cfg(doctest)]
mod guides;
mod journal;
mod nginx;
mod oracle;
mod program;
mod random;
mod rig;
mod server;
mod strace;

pub use agent::AgentProgram;
pub use api::Api;
pub use ctl::{Ctl, Said};
pub use journal::Journal;
pub use nginx::Nginx;
pub use oracle::{Counts, Oracle, Wish};
pub use program::{Program, binary, until};
pub use random::Random;
pub use rig::{Rig, Way};
pub use server::ServerProgram;
pub use strace::Strace;
