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
#[cfg(doctest)]
mod guides;
mod nginx;
mod program;
mod server;

pub use agent::AgentProgram;
pub use api::Api;
pub use nginx::Nginx;
pub use program::{Program, binary, until};
pub use server::ServerProgram;
