//! What the browser tests need: the real server and agents as processes, and a real browser to look
//! at their page with. Everything is on loopback, on ports that the system picks, and is ended by
//! id when a test is over, however it ends.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod browser;
mod program;
mod site;

pub use browser::{Look, Page, browse};
pub use program::Program;
pub use site::{Agent, Site};
