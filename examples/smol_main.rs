//! An agent on smol, in a plain `fn main`.
//!
//!     cargo run --example smol_main
//!
//! The program owns the executor and drives it; the agent is one future on it.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::sync::Arc;

use widget_agent::{Agent, connect};
use widget_core::id::AgentId;
use widget_core::runtime::{RuntimeExt, SharedRuntime, SmolRuntime};
use widget_examples::{Error, LocalServer};

fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;
    let executor = Arc::new(smol::Executor::new());
    let runtime: SharedRuntime = Arc::new(SmolRuntime::new(Arc::clone(&executor)));

    // `widget_agent::Identity` keeps an id in a directory, so that the agent is the same one after
    // a restart.
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .runtime(runtime)
        .build()?;

    // Nothing runs before this, and nothing after it.
    smol::block_on(executor.run(async {
        let agent = executor.spawn(agent.run());
        let report = server.report(id, |_| true).await?;
        println!("the server sees {} bytes of memory", report.total_memory);
        let connected = handle.status().transport.unwrap_or("nothing");
        println!("the agent is connected by {connected}");
        handle.stop().await;
        println!("the agent has ended: {:?}", agent.await);
        Ok(())
    }))
}
