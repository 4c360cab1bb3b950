//! A whole agent over real sockets, by each transport: on each runtime, and against servers that are
//! none.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has to fail"
)]

#[path = "../agent/log.rs"]
mod log;
mod odd_servers;
mod runtimes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use widget_agent::runtime::{RuntimeExt, SharedRuntime};
use widget_agent::widget_core::id::AgentId;
use widget_agent::widget_core::stop::Stop;
use widget_agent::widget_core::testkit::transport::ScriptedService;
use widget_agent::widget_core::transport::{Listener, Transport, TransportError};
use widget_agent::{Agent, AgentHandle, Host, Probe, Sample};
use widget_transport_http::HttpListener;
use widget_transport_tcp::TcpListener;

/// Nothing here takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Fixed;

impl Probe for Fixed {
    fn measure(&mut self, sample: &mut Sample) {
        sample.total_memory = 2;
        sample.used_memory = 1;
    }
}

fn agent(runtime: SharedRuntime, transport: Arc<dyn Transport>) -> (Agent, AgentHandle) {
    Agent::builder()
        .id(AgentId::from_u128(1))
        .runtime(runtime)
        .transport(transport)
        .interval(Duration::from_millis(100))
        .host(Host::default())
        .without_host_probe()
        .probe(Fixed)
        .gauge("queue.depth", || 3.0)
        .build()
        .unwrap()
}

/// A server that serves as long as this lives.
struct Served {
    address: SocketAddr,
    _stop: Stop,
    _task: JoinHandle<Result<(), TransportError>>,
}

/// Serves on the tokio runtime that this is called in.
async fn serve(scheme: &str, address: SocketAddr) -> Served {
    let listener: Box<dyn Listener> = match scheme {
        "tcp" => Box::new(TcpListener::bind(address).await.unwrap()),
        _ => Box::new(HttpListener::bind(address).await.unwrap()),
    };
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let service = Arc::new(ScriptedService::default());
    Served {
        address,
        _task: tokio::spawn(listener.serve(service, stop.signal())),
        _stop: stop,
    }
}

/// Waits for something that no event tells of.
async fn until(runtime: &SharedRuntime, what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LIMIT, "not in time: {what}");
        runtime.sleep(Duration::from_millis(10)).await;
    }
}
