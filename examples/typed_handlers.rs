//! Handlers over one's own types: one that says how far it is and stops when it is asked to, one that
//! is tried again when it fails, one that blocks, one that has much to tell.
//!
//!     cargo run --example typed_handlers
//!
//! The printer also says what its input looks like, so that the server refuses what does not fit before
//! it queues a task (feature `schema` of widget-agent).
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use widget_agent::schemars::{self, JsonSchema};
use widget_agent::{
    Agent, AnyHandler, Handler, RetryPolicy, TaskContext, TaskError, connect, schema_of,
};
use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::task::{Actor, Phase, Task};
use widget_examples::{Error, LocalServer};
use widget_server::SendError;

/// Prints pages, one after the other.
struct Printer;

#[derive(Deserialize, JsonSchema)]
struct Document {
    title: String,
    pages: u32,
}

#[derive(Serialize)]
struct Progress {
    page: u32,
    of: u32,
}

#[derive(Serialize)]
struct Printed {
    title: String,
}

impl Handler for Printer {
    const KIND: &str = "print";
    type Input = Document;
    type Output = Printed;

    async fn run(&self, cx: TaskContext, document: Document) -> Result<Printed, TaskError> {
        let of = document.pages;
        for page in 1..=of {
            cx.progress(&Progress { page, of });
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
                // Between two pages is a good place to stop. The answer says what is true.
                () = cx.cancelled() => {
                    return Err(TaskError::new("stopped", format!("stopped before the end of {of}")));
                }
            }
        }
        let title = document.title;
        Ok(Printed { title })
    }

    fn schema(&self) -> Option<Payload> {
        Some(schema_of::<Document>())
    }

    // There is one printer: the other tasks wait at the server.
    fn concurrency(&self) -> Option<u16> {
        Some(1)
    }
}

/// For a handler as small as this a function will do, or a closure.
async fn greet(_cx: TaskContext, name: String) -> Result<String, TaskError> {
    if name.is_empty() {
        return Err(TaskError::new("no_name", "somebody must be named"));
    }
    Ok(format!("hello {name}"))
}

/// Once more does no harm here, so it may fail: what is said to be permanent is not tried again.
async fn fetch(cx: TaskContext, name: String) -> Result<u32, TaskError> {
    match (name.as_str(), cx.failures()) {
        ("flaky", 0..=1) => Err(TaskError::new("no_answer", "nobody answers")),
        ("flaky", failures) => Ok(failures),
        _ => Err(TaskError::new("no_such_name", "there is no such name").permanent()),
    }
}

/// Blocks, so it is no `async fn`. What it writes can be read at the server while it runs.
fn sum(cx: TaskContext, numbers: Vec<u32>) -> Result<u32, TaskError> {
    let mut out = cx.writer();
    let mut sum = 0_u32;
    for number in numbers {
        std::thread::sleep(Duration::from_millis(10));
        sum = sum
            .checked_add(number)
            .ok_or_else(|| TaskError::new("overflow", "the sum is too large"))?;
        writeln!(out, "with {number} it is {sum}")?;
    }
    Ok(sum)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .handler(Printer)
        .on("greet", greet)
        .on_blocking("sum", sum)
        .handler(AnyHandler::typed("fetch", fetch).retry(RetryPolicy {
            first_pause: Duration::from_millis(50),
            ..RetryPolicy::default()
        }))
        .runtime(runtime)
        .build()?;
    let agent = tokio::spawn(agent.run());
    server.report(id, |_| true).await?;

    for (kind, input) in [
        ("greet", r#""ann""#),
        ("greet", r#""""#),
        ("print", r#"{"title":"letter","pages":2}"#),
        ("fetch", r#""flaky""#),
        ("fetch", r#""nobody""#),
        ("sum", "[1,2,3]"),
    ] {
        let task = send(&server, id, kind, input).await?;
        println!("{kind} {input}: {}", end(&server, task).await?);
        if let Some(written) = server.handle().output(task).await? {
            for line in written.head.lines() {
                println!("  {line}");
            }
        }
    }

    // What does not fit the schema never becomes a task.
    let input = Payload::from_json_text(r#"{"title":"letter","pages":"two"}"#);
    let refused = server.handle().send(id, "print", input).await;
    if let Err(SendError::InputDoesNotFit(places)) = refused {
        for place in places {
            println!("refused before it was queued: {}", place.pointer);
        }
    }

    // A long one: wait until it says how far it is, then ask it to stop.
    let task = send(&server, id, "print", r#"{"title":"novel","pages":100000}"#).await?;
    let running = server.task(task, |task| progress(task).is_some()).await?;
    let said = progress(&running).is_some_and(|said| said.as_bytes().starts_with(b"{\"page\":"));
    println!("the novel says its page: {said}");
    server.handle().cancel(task, Actor::Server).await?;
    println!("the novel: {}", end(&server, task).await?);

    handle.stop().await;
    agent.await?;
    Ok(())
}

async fn send(server: &LocalServer, to: AgentId, kind: &str, input: &str) -> Result<TaskId, Error> {
    let input = Payload::from_json_text(input.to_owned());
    Ok(server.handle().send(to, kind, input).await?.id)
}

/// How a task ended, as a line.
async fn end(server: &LocalServer, task: TaskId) -> Result<String, Error> {
    let outcome = server.handle().outcome(task).await?;
    let outcome = outcome.ok_or("there is no such task")?;
    let output = outcome.output.unwrap_or_default();
    let output = String::from_utf8_lossy(output.as_bytes());
    Ok(match outcome.failure {
        Some(failure) => format!("{}: {failure}", outcome.state),
        None => format!("{}: {output}", outcome.state),
    })
}

fn progress(task: &Task) -> Option<&Payload> {
    match &task.state.phase {
        Phase::Running { progress, .. } => progress.as_ref(),
        _ => None,
    }
}
