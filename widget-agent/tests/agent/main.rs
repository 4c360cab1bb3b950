//! A whole agent against a server in memory, on virtual time.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has to fail"
)]

mod clocks;
mod delivery;
mod failover;
#[cfg(feature = "policy")]
mod gates;
mod handlers;
mod kept;
mod leaving;
mod log;
mod pauses;
mod reports;
#[cfg(feature = "schema")]
mod schema;
mod server;
mod spool;
mod tasks;
mod the_end;
#[cfg(feature = "json")]
mod typed;

use std::sync::Arc;
use std::time::Duration;

use server::Server;
use spool::Clocked;
use tokio::task::JoinHandle;
use widget_agent::widget_core::id::AgentId;
use widget_agent::{Agent, AgentBuilder, AgentHandle, Ended, Host, Probe, Sample};

/// Measures the same each time.
#[derive(Debug)]
struct Fixed;

impl Probe for Fixed {
    fn warm_up(&mut self) -> Duration {
        Duration::from_millis(200)
    }

    fn measure(&mut self, sample: &mut Sample) {
        sample.total_memory = 100;
        sample.used_memory = 40;
        sample.average_cpu = 2.5;
    }
}

/// An agent that can be built, with a transport to this server.
fn builder(server: &Arc<Server>) -> AgentBuilder {
    Agent::builder()
        .id(AgentId::from_u128(1))
        .runtime(Arc::new(Clocked::new()))
        .transport(server.transport("memory"))
        .host(Host::default())
        .without_host_probe()
        .probe(Fixed)
}

/// Builds it and drives it in the background.
fn start(builder: AgentBuilder) -> (JoinHandle<Ended>, AgentHandle) {
    let (agent, handle) = builder.build().unwrap();
    (tokio::spawn(agent.run()), handle)
}
