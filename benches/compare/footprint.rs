//! What the agent library costs the program that it is in: memory, beside the same program without
//! it, and how often it wakes while nothing happens.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use smol::Executor;
use widget_agent::Agent;
use widget_benches::{AGENT, block_on, runtime};
use widget_core::runtime::{SharedRuntime, SmolRuntime};

use crate::Plan;
use crate::child::{Child, say};
use crate::proc::{kib, sleeps};
use crate::table::{Bar, Subject, Tables};

/// Until the agent has said who it is and what its host is doing.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the sampling interval is: nothing happens in between.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    for (on, memory, wakes) in [
        (
            "tokio",
            "memory that the agent adds on tokio",
            "wakes of an idle agent on tokio",
        ),
        (
            "smol",
            "memory that the agent adds on smol",
            "wakes of an idle agent on smol",
        ),
    ] {
        let subject = Subject {
            what: memory,
            floor: "the program without it",
            unit: "MiB",
            bar: Bar::Below(5.0),
        };
        tables.compare(
            subject,
            plan.rounds,
            || resident(on, true) - resident(on, false),
            || resident(on, false),
        );
        let subject = Subject {
            what: wakes,
            floor: "the same program without it",
            unit: "wakes/s",
            bar: Bar::Below(1.0),
        };
        tables.compare(
            subject,
            plan.rounds,
            || woken(plan, on, true),
            || woken(plan, on, false),
        );
    }
}

/// A server, and the program.
fn start(on: &str, with_agent: bool) -> (Child, Child) {
    let mut server = Child::start(&["serve", "tcp"]);
    let agent = if with_agent { "with" } else { "without" };
    let mut host = Child::start(&["host", on, agent, &server.line()]);
    assert_eq!(host.line(), "up");
    thread::sleep(SETTLE);
    (server, host)
}

fn resident(on: &str, with_agent: bool) -> f64 {
    let (_server, host) = start(on, with_agent);
    kib(host.id(), "VmRSS") / 1_024.0
}

fn woken(plan: &Plan, on: &str, with_agent: bool) -> f64 {
    let (_server, host) = start(on, with_agent);
    let before = sleeps(host.id());
    thread::sleep(Duration::from_secs(plan.idle_secs));
    (sleeps(host.id()) - before) / plan.idle_secs as f64
}

/// The role of the program: its runtime, with or without the agent, the server's address.
pub(crate) fn host(args: &[&str]) {
    let (with_agent, server) = (args[1] == "with", format!("tcp://{}", args[2]));
    match args[0] {
        "tokio" => block_on(async {
            let runtime = with_agent.then(runtime);
            live(runtime, &server).await;
        }),
        _ => {
            let executor = Arc::new(Executor::new());
            let runtime =
                with_agent.then(|| Arc::new(SmolRuntime::new(executor.clone())) as SharedRuntime);
            smol::block_on(executor.run(live(runtime, &server)));
        }
    }
}

async fn live(runtime: Option<SharedRuntime>, server: &str) {
    say("up");
    let Some(runtime) = runtime else {
        return std::future::pending().await;
    };
    let (agent, _handle) = Agent::builder()
        .id(AGENT)
        .interval(INTERVAL)
        .transport(widget_agent::connect(server, runtime.clone()).unwrap())
        .on_raw("echo", |_cx, input| async { Ok(input) })
        .runtime(runtime)
        .build()
        .unwrap();
    agent.await;
}
