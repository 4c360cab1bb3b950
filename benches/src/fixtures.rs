//! Messages as agents send them, and transports by name.

use std::net::SocketAddr;
use std::sync::Arc;

use widget_core::Payload;
use widget_core::id::{AgentId, Attempt, SpoolEpoch, StoreEpoch, TaskId};
use widget_core::message::{
    Command, Credential, Hello, Opening, RequestWork, Submit, Update, UpdateItem,
};
use widget_core::report::Report;
use widget_core::runtime::SharedRuntime;
use widget_core::store::{MemoryStore, Stores};
use widget_core::task::{AgentEvent, Finish};
use widget_core::time::Timestamp;
use widget_core::transport::{Listener, Transport};
use widget_server::Limits;
use widget_transport_http::{HttpListener, HttpTransport};
use widget_transport_tcp::{TcpListener, TcpTransport};

/// The agent of benches that need only one.
pub const AGENT: AgentId = AgentId::from_u128(0x0192_d4a0_6c1e_7b44_9d2e_3f5a_8c7b_1e90);
/// The memory of every agent here.
pub const EPOCH: SpoolEpoch = SpoolEpoch::from_bytes([7; 16]);
/// The transports that can be compared.
pub const TRANSPORTS: &[&str] = &["tcp", "http"];

/// A listener of this transport on any free port.
///
/// # Panics
/// If there is no such transport or no port.
pub async fn listener(name: &str) -> Box<dyn Listener> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    match name {
        "tcp" => Box::new(TcpListener::bind(any).await.unwrap()),
        "http" => Box::new(HttpListener::bind(any).await.unwrap()),
        other => panic!("no transport {other}"),
    }
}

/// The agent's side of this transport.
///
/// # Panics
/// If there is no such transport.
#[must_use]
pub fn transport(name: &str, runtime: SharedRuntime, to: SocketAddr) -> Arc<dyn Transport> {
    match name {
        "tcp" => Arc::new(TcpTransport::new(runtime, to.to_string().parse().unwrap())),
        "http" => {
            let url = format!("http://{to}").parse().unwrap();
            Arc::new(HttpTransport::new(runtime, url))
        }
        other => panic!("no transport {other}"),
    }
}

/// An empty store in memory.
#[must_use]
pub fn memory_store() -> Stores {
    Arc::new(MemoryStore::new(StoreEpoch::from_bytes([1; 16]))).into()
}

/// The opening of this agent.
#[must_use]
pub fn hello(agent: AgentId) -> Opening {
    Opening::Hello(Hello {
        versions: (2, 2),
        codecs: vec![1],
        agent,
        epoch: EPOCH,
        seen: None,
        credential: Credential::None,
        extras: Vec::new(),
    })
}

/// A usual report with this number.
#[must_use]
pub fn report(seq: u64) -> Report {
    Report {
        seq,
        at: Timestamp::from_millis(1_795_361_105_007),
        total_memory: 17_179_869_184,
        used_memory: 7_516_192_768,
        average_cpu: 12.5,
        gauges: Vec::new(),
        thinned: None,
    }
}

/// The usual limits, but agents may report as fast as they can.
#[must_use]
pub fn no_rate() -> Limits {
    let mut limits = Limits::default();
    (limits.reports, limits.report_burst) = (u32::MAX, u32::MAX);
    limits
}

/// One report with this number, as it is sent.
#[must_use]
pub fn submit(seq: u64) -> Submit {
    Submit {
        epoch: EPOCH,
        after: seq - 1,
        reports: vec![report(seq)],
        dropped: 0,
    }
}

/// Asks for a task, as long as a server lets an agent wait.
#[must_use]
pub const fn wait_for_work() -> Command {
    Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 25_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    })
}

/// Says that a task has succeeded.
#[must_use]
pub fn finish(task: TaskId) -> Command {
    let event = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    let item = UpdateItem {
        task,
        attempt: Attempt(1),
        event,
    };
    Command::Update(Update { items: vec![item] })
}
