//! A server and an agent of this host in one process, to look at.
//!
//!     cargo run --release --example quickstart [-- --admin 127.0.0.1:3000 --tcp 127.0.0.1:9004]
//!
//! Nothing is kept: when it ends, all is forgotten.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use tokio::signal::unix::{SignalKind, signal};
use widget_agent::{Agent, Shutdown, connect};
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::MemoryStore;
use widget_server::{HostRules, Server, open, router};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (admin, tcp) = addresses()?;
    let runtime = TokioRuntime::current().ok_or("no runtime")?;
    let runtime: SharedRuntime = Arc::new(runtime);

    // The server: a store, a listener for agents, API and page.
    let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
    let store = Arc::new(MemoryStore::new(epoch));
    let listener = open::listener(&format!("tcp://{tcp}")).await?;
    let tcp = listener.local_addr().ok_or("no address")?;
    let server = Server::builder(runtime.clone(), store.into())
        .boxed_listener(listener)
        .build();
    let page = tokio::net::TcpListener::bind(admin).await;
    let page = page.map_err(|error| format!("cannot listen on {admin}: {error}"))?;
    let admin = page.local_addr()?;
    let app = router(server.handle(), HostRules::default());
    tokio::spawn(async move { axum::serve(page, app).await });
    let stop = Stop::new();
    let served = tokio::spawn(server.run(stop.signal()));
    println!("listening admin http://{admin}\nlistening tcp tcp://{tcp}");

    // The agent, which would be in another program on another host.
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(&format!("tcp://{tcp}"), runtime.clone())?)
        .label("role", "quickstart")
        .interval(Duration::from_secs(1))
        .handler(Shutdown::new())
        .runtime(runtime)
        .build()?;
    println!("agent {id}\n\nOpen http://{admin} in a browser. Ctrl-C ends this.");
    let agent = tokio::spawn(async move {
        let why = agent.await;
        println!("the agent has ended: {why:?}");
    });

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    handle.stop().await;
    agent.await?;
    stop.ask();
    served.await??;
    Ok(())
}

/// Where to listen: the page, the agents.
fn addresses() -> Result<(SocketAddr, SocketAddr), Box<dyn Error>> {
    let mut admin = SocketAddr::from(([127, 0, 0, 1], 3000));
    let mut tcp = SocketAddr::from(([127, 0, 0, 1], 9004));
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("admin") => admin = args.value()?.parse()?,
            Arg::Long("tcp") => tcp = args.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    if !admin.ip().is_loopback() || !tcp.ip().is_loopback() {
        return Err("only loopback addresses can be listened on: anyone could command it".into());
    }
    Ok((admin, tcp))
}
