//! A store of one's own in use: a task that was queued while its agent was away outlives the
//! server.
//!
//!     cargo run --example file_store
//!
//! The store itself is in `src/file_store`. Agents and reports stay in memory: each of the three
//! stores can be replaced alone.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;
use widget_agent::{Agent, AgentHandle, Ended};
use widget_core::Payload;
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::{MemoryStore, Stores};
use widget_core::transport::{MemoryTransport, Service};
use widget_examples::Error;
use widget_examples::file_store::FileStore;
use widget_server::{Server, ServerEvent};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let directory = tempfile::tempdir()?;
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());

    // The server gets to know the agent; then the agent leaves, and a task is queued for it.
    let server = server(&runtime, directory.path())?;
    let (server_handle, stop) = (server.handle(), Stop::new());
    let mut events = server_handle.events();
    let (agent, handle) = agent(&runtime, id, server.service())?;
    let served = tokio::spawn(server.run(stop.signal()));
    while events.next().await != Some(ServerEvent::Reported(id)) {}
    handle.stop().await;
    agent.await?;
    let task = server_handle.send(id, "greet", Payload::null()).await?;
    println!("while the agent is away: {}", task.state.name());
    stop.ask();
    served.await??;
    // The last of the store goes with the last handle.
    drop((server_handle, handle));

    // Another server on the same file, to which the agent comes back.
    let server = self::server(&runtime, directory.path())?;
    let (server_handle, stop) = (server.handle(), Stop::new());
    let kept = server_handle.task(task.id).await?;
    let kept = kept.ok_or("the task was lost")?;
    println!("after a restart: {}", kept.state.name());
    let (agent, handle) = self::agent(&runtime, id, server.service())?;
    let served = tokio::spawn(server.run(stop.signal()));
    let outcome = server_handle.outcome(task.id).await?;
    let outcome = outcome.ok_or("the task was lost")?;
    println!("with the agent back: {}", outcome.state);
    handle.stop().await;
    agent.await?;
    stop.ask();
    served.await??;
    Ok(())
}

fn server(runtime: &SharedRuntime, directory: &Path) -> Result<Server, Error> {
    let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
    let memory = Arc::new(MemoryStore::new(epoch));
    let stores = Stores {
        tasks: Arc::new(FileStore::open(runtime.clone(), directory)?),
        ..Stores::from(memory)
    };
    Ok(Server::builder(runtime.clone(), stores).build())
}

fn agent(
    runtime: &SharedRuntime,
    id: AgentId,
    service: Arc<dyn Service>,
) -> Result<(JoinHandle<Ended>, AgentHandle), Error> {
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(Arc::new(MemoryTransport::new(service)))
        .on_raw("greet", |_cx, _input| async {
            Ok(Payload::from_json_text(r#""hello""#))
        })
        .runtime(runtime.clone())
        .build()?;
    Ok((tokio::spawn(agent.run()), handle))
}
