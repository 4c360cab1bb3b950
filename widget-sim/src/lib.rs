//! The real agent and the real server in a simulated world: one seed, one thread, virtual time.
//!
//! A [`World`] has hosts, processes, a clock and a network. In it a [`SimServer`] is a
//! [`Server`](widget_server::Server) with its store, and a [`SimAgent`] an
//! [`Agent`](widget_agent::Agent) with its disk. Both can be killed, cut off, restored from an old
//! copy, or lose their power, at any moment, and started again with what would be left to them.
//! Nothing in them knows that it is simulated.
//!
//! For tests of your own handlers, transports and stores begin with a [`Fleet`]: a server and as many
//! agents as you like in a few lines, with faults by name and assertions.

// A simulation is a test: what should not happen ends it, and a seed says how to get there again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
// And one seed is one run: clippy.toml says what that forbids.
#![deny(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

mod agent;
mod fleet;
pub mod fuzz;
mod listener;
pub mod proof;
mod server;
mod store;
mod switchboard;
mod tapped;
mod transport;

pub use agent::{Build, Carry, Left, SimAgent};
pub use fleet::{Fault, Fleet, FleetBuilder, InvalidFault, Ran};
pub use listener::{HTTP_PORT, SimListener, TCP_PORT, Way};
pub use server::{Desk, Open, Serve, SimServer};
pub use store::{SimStore, StoreFaults};
pub use switchboard::{Switchboard, Tap};
pub use transport::SimTransport;
pub use widget_core::testkit::disk::{Image, Moment, SimDisk};
pub use widget_core::testkit::sim::{Accepted, Incoming, Link, ProcessId, Road, SimRuntime, World};
