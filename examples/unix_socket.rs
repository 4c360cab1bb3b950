//! A transport of one's own in use: server and agent speak over a Unix socket.
//!
//!     cargo run --example unix_socket
//!
//! The transport itself is in `src/unix_socket`: a client, a listener, and what both need.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::sync::Arc;

use widget_agent::Agent;
use widget_core::Payload;
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::MemoryStore;
use widget_examples::Error;
use widget_examples::unix_socket::{UnixSocketListener, UnixTransport};
use widget_server::{Server, ServerEvent};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("widget.socket");

    let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
    let store = Arc::new(MemoryStore::new(epoch));
    let server = Server::builder(runtime.clone(), store.into())
        .listener(UnixSocketListener::bind(runtime.clone(), &path)?)
        .build();
    let (server_handle, stop) = (server.handle(), Stop::new());
    let mut events = server_handle.events();
    let served = tokio::spawn(server.run(stop.signal()));

    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(Arc::new(UnixTransport::new(runtime.clone(), &path)))
        .on_raw("echo", |_cx, input| async { Ok(input) })
        .runtime(runtime)
        .build()?;
    let agent = tokio::spawn(agent.run());
    while events.next().await != Some(ServerEvent::Reported(id)) {}
    println!(
        "connected by {}",
        handle.status().transport.unwrap_or("nothing")
    );

    let input = Payload::from_json_text(r#"["over","a","socket"]"#);
    let task = server_handle.send(id, "echo", input).await?;
    let outcome = server_handle.outcome(task.id).await?;
    let outcome = outcome.ok_or("there is no such task")?;
    let output = outcome.output.unwrap_or_default();
    let output = String::from_utf8_lossy(output.as_bytes());
    println!("echo {}: {output}", outcome.state);

    handle.stop().await;
    agent.await?;
    stop.ask();
    served.await??;
    println!("the socket is gone: {}", !path.exists());
    Ok(())
}
