//! Values of one's own in every report: gauges, and a probe that has several.
//!
//!     cargo run --example gauges
//!
//! They are read at the agent's interval, where blocking is allowed, such as reading a file of the
//! system. A value that is not finite is left out.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use widget_agent::{Agent, Probe, Sample, connect};
use widget_core::id::AgentId;
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_examples::{Error, LocalServer};

/// Degrees Celsius, or no number where there is no such sensor.
fn temperature() -> f64 {
    let text = std::fs::read_to_string("/sys/class/thermal/thermal_zone0/temp");
    let thousandths = text.ok().and_then(|text| text.trim().parse::<f64>().ok());
    thousandths.map_or(f64::NAN, |thousandths| thousandths / 1_000.0)
}

/// Two values that are read together: the mean of the last jobs, and how many there were.
#[derive(Debug)]
struct Jobs(Vec<Duration>);

impl Probe for Jobs {
    fn measure(&mut self, sample: &mut Sample) {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let total: Duration = self.0.iter().sum();
        sample
            .gauges
            .push(("jobs.count".to_owned(), f64::from(count)));
        let mean = total.as_secs_f64() / f64::from(count.max(1));
        sample.gauges.push(("jobs.mean_seconds".to_owned(), mean));
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());

    let queue = Arc::new(Mutex::new(VecDeque::from(["a", "b", "c"])));
    let read = Arc::clone(&queue);
    let length = move || {
        let queue = read.lock().unwrap_or_else(PoisonError::into_inner);
        f64::from(u32::try_from(queue.len()).unwrap_or(u32::MAX))
    };
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .gauge("queue.length", length)
        .gauge("temperature", temperature)
        .gauge("broken.sensor", || f64::NAN)
        .probe(Jobs(vec![Duration::from_millis(250); 4]))
        .runtime(runtime)
        .build()?;
    let agent = tokio::spawn(agent.run());

    let report = server.report(id, |_| true).await?;
    for (name, value) in &report.gauges {
        println!("{name} = {value}");
    }
    // The next report has what is so then. It need not wait for the interval.
    queue
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front();
    handle.report_now();
    let shorter = ("queue.length".to_owned(), 2.0);
    server
        .report(id, |report| report.gauges.contains(&shorter))
        .await?;
    println!("then queue.length = 2");

    handle.stop().await;
    agent.await?;
    Ok(())
}
