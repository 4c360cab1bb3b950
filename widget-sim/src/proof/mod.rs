//! The long proof: random fleets with random tasks under random faults, and an oracle that says after
//! each whether everything that was promised was kept.
//!
//! A [`Plan`] follows from a seed and is nothing but data, so that it can be [shrunk](shrink). [`run`]
//! carries it out in a [`World`](crate::World) and gives [`Findings`].

mod again;
mod bad;
mod bounds;
mod checks;
mod collector;
mod coverage;
mod director;
mod edges;
mod faults;
mod findings;
mod fresh;
mod handlers;
mod history;
mod joined;
mod journal;
mod newcomers;
mod oracle;
mod order;
mod plan;
mod prompt;
mod reports;
mod rogue;
mod shrink;
mod strike;
mod words;

pub use coverage::{Coverage, Gaps};
pub use edges::{Edge, edges};
pub use faults::Fault;
pub use findings::{Findings, run, run_traced};
pub use plan::{AgentPlan, FaultPlan, Kind, Plan, TaskPlan};
pub use shrink::shrink;
