//! A story in which much goes wrong, for whoever compares its hashes.

use std::time::Duration;

use widget_agent::{AgentBuilder, Payload, TaskError};
use widget_core::runtime::RuntimeExt;
use widget_sim::{Fault, Fleet, FleetBuilder, Way};

/// Three agents whose handler takes up to half a minute and writes, over this way.
pub(crate) fn fleet(way: Way) -> FleetBuilder {
    Fleet::builder()
        .agents(3)
        .way(way)
        .interval(Duration::from_secs(10))
        .handlers(handlers)
}

fn handlers(agent: AgentBuilder) -> AgentBuilder {
    agent.on_raw("work", |cx, input| async move {
        for step in 0..3 {
            cx.write(&format!("step {step}\n"));
            let wait = cx.runtime().random() % 10_000;
            cx.runtime().sleep(Duration::from_millis(wait)).await;
            if cx.is_cancelled() {
                return Err(TaskError::new("stopped", "it was asked to"));
            }
        }
        Ok::<Payload, TaskError>(input)
    })
}

/// Six tasks, of which one is cancelled, and six faults of any sort but copies; then all is delivered.
pub(crate) async fn troubles(fleet: Fleet) {
    let world = fleet.world().clone();
    // What a copy has begun when it goes is over a day later, which would be most of the run.
    let faults = Fault::ALL.into_iter();
    let faults: Vec<Fault> = faults.filter(|fault| *fault != Fault::CloneAgent).collect();
    let mut tasks = Vec::new();
    for round in 0..6 {
        let agent = world.below(3) as usize;
        if fleet.server().is_some() {
            let request = fleet.request(agent, "work", "7");
            tasks.extend(fleet.submit(request).await.ok());
        }
        let fault = faults.get(world.below(faults.len() as u64) as usize);
        fault.iter().for_each(|fault| fleet.apply(agent, **fault));
        if round == 3 && fleet.server().is_some() {
            let some = tasks.get(world.below(3) as usize).copied();
            let server = fleet.server();
            if let (Some(task), Some(server)) = (some, server) {
                let by = widget_core::task::Actor::Api;
                // The store may refuse.
                let _ = server.cancel(task, by).await;
            }
        }
        fleet
            .after(world.between(Duration::ZERO, Duration::from_secs(20)))
            .await;
    }
    fleet.settle().await;
}
