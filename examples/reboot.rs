//! A handler that ends its host, so it cannot say how that went: the next start of the agent does.
//!
//!     cargo run --example reboot
//!
//! No host is rebooted here. The handler would call its system; in its place this program drops the
//! agent, which is what a power cut looks like, and starts it again on another boot of the host. What
//! has to outlive that is in the agent's spool on disk.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;
use widget_agent::widget_core::spool::DEFAULT_LIMIT;
use widget_agent::{Agent, AnyHandler, End, Ended, Host, connect, open_spool};
use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::task::{Phase, Task};
use widget_examples::{Error, LocalServer};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let directory = tempfile::tempdir()?;
    let (power, went_down) = async_channel::bounded(1);

    let start = |boot: &str| {
        let power = power.clone();
        let reboot = AnyHandler::raw("reboot", move |cx, _input| {
            let power = power.clone();
            async move {
                // From here on the next start decides. If the disk did not keep that, nothing is done.
                cx.will_not_return(End::Host).await?;
                power.send(()).await?;
                // A handler that comes back would have the last word itself.
                pending().await
            }
        });
        agent(&server, &runtime, id, directory.path(), boot, reboot)
    };

    let agent = start("first")?;
    server.report(id, |_| true).await?;
    let task = server.handle().send(id, "reboot", Payload::null()).await?;
    went_down.recv().await?;
    let runs = |task: &Task| matches!(task.state.phase, Phase::Running { .. });
    let state = server.task(task.id, runs).await?.state;
    agent.abort();
    let _ = agent.await;
    println!("while the host is down: {}", state.name());

    let agent = start("second")?;
    let outcome = server.handle().outcome(task.id).await?;
    let outcome = outcome.ok_or("there is no such task")?;
    println!("after its next boot: {}", outcome.state);
    println!("rebooted once: {}", went_down.is_empty());
    agent.abort();
    Ok(())
}

fn agent(
    server: &LocalServer,
    runtime: &SharedRuntime,
    id: AgentId,
    directory: &Path,
    boot: &str,
    reboot: AnyHandler,
) -> Result<JoinHandle<Ended>, Error> {
    // A real host says its boot by itself.
    let host = Host {
        boot: boot.to_owned(),
        ..Host::default()
    };
    let opened = open_spool(directory, DEFAULT_LIMIT, runtime.as_ref())?;
    let (agent, _handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .host(host)
        .spool(opened.spool)
        .handler(reboot)
        .runtime(runtime.clone())
        .build()?;
    Ok(tokio::spawn(agent.run()))
}
