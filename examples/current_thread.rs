//! An agent in a program that has one thread, on tokio's current-thread runtime.
//!
//!     cargo run --example current_thread
//!
//! The program's own state need not be shared between threads: its tasks run in a `LocalSet`. The
//! agent runs in between. Only what reads the host's memory and CPU runs on tokio's threads for
//! blocking work, and so do gauges.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use tokio::task::LocalSet;
use widget_agent::{Agent, connect};
use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_examples::{Error, LocalServer};

fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
    LocalSet::new().block_on(&tokio, run(&server, runtime))
}

async fn run(server: &LocalServer, runtime: SharedRuntime) -> Result<(), Error> {
    // What tasks ask for goes over a channel to the program's own loop, which has the state.
    let (lines, mut asked) = tokio::sync::mpsc::channel::<String>(16);
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .on_raw("print", move |_cx, _input| {
            let (lines, line) = (lines.clone(), format!("{:?}", thread::current().id()));
            async move {
                lines.send(line).await?;
                Ok(Payload::null())
            }
        })
        .runtime(runtime)
        .build()?;
    let agent = tokio::task::spawn_local(agent.run());

    let printed = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&printed);
    tokio::task::spawn_local(async move {
        while let Some(line) = asked.recv().await {
            own.borrow_mut().push(line);
        }
    });

    server.report(id, |_| true).await?;
    for _ in 0..2 {
        let task = server.handle().send(id, "print", Payload::null()).await?;
        server
            .task(task.id, |task| task.state.name().is_terminal())
            .await?;
    }
    handle.stop().await;
    println!("the agent has ended: {:?}", agent.await?);
    let here = format!("{:?}", thread::current().id());
    let here = printed
        .borrow()
        .iter()
        .filter(|line| **line == here)
        .count();
    println!("{here} handlers ran on the program's only thread");
    Ok(())
}
