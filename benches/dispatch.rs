//! How long a task takes to reach an agent that waits for it: from the call of the handle until
//! the task is in the agent's hands, over TCP on loopback, the store in memory. Beside it, in the
//! same run, the floor: a bare ping-pong of 64 bytes between two such threads.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench"
)]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use widget_core::Payload;
use widget_core::id::{AgentId, Attempt, SpoolEpoch, StoreEpoch};
use widget_core::message::{
    Command, Credential, Hello, Opening, RequestWork, Response, Update, UpdateItem,
};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::MemoryStore;
use widget_core::task::{AgentEvent, Finish};
use widget_core::transport::{Listener, Transport};
use widget_server::{Server, ServerHandle};
use widget_transport_tcp::{TcpListener, TcpTransport};

const AGENT: AgentId = AgentId::from_u128(1);
/// Between two tasks: time for the agent to wait again.
const PAUSE: Duration = Duration::from_micros(300);

fn on_a_thread<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work().await });
    });
}

fn runtime() -> SharedRuntime {
    Arc::new(TokioRuntime::current().unwrap())
}

fn server() -> (ServerHandle, SocketAddr) {
    let (send, ready) = channel();
    on_a_thread(move || async move {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([1; 16])));
        let server = Server::builder(runtime(), store.into())
            .listener(listener)
            .build();
        send.send((server.handle(), address)).unwrap();
        let stop = Stop::new();
        server.run(stop.signal()).await.unwrap();
    });
    ready.recv().unwrap()
}

/// An agent that says when it has a task, and ends it.
fn agent(at: SocketAddr) -> Receiver<Instant> {
    let (send, got) = channel();
    on_a_thread(move || async move {
        let transport = TcpTransport::new(runtime(), at.to_string().parse().unwrap());
        let hello = Hello {
            versions: (2, 2),
            codecs: vec![1],
            agent: AGENT,
            epoch: SpoolEpoch::from_bytes([2; 16]),
            seen: None,
            credential: Credential::None,
            extras: Vec::new(),
        };
        let (connection, _) = transport.connect(Opening::Hello(hello)).await.unwrap();
        loop {
            let ask = RequestWork {
                room: 1,
                wait_ms: 25_000,
                holding: Vec::new(),
            };
            let answer = connection.call(Command::RequestWork(ask)).await;
            let Ok(Response::Work(work)) = answer else {
                return;
            };
            let now = Instant::now();
            for task in work.tasks {
                let event = AgentEvent::Finish(Finish::succeeded(Payload::null()));
                let item = UpdateItem {
                    task: task.task,
                    attempt: Attempt(1),
                    event,
                };
                let update = Update { items: vec![item] };
                connection.call(Command::Update(update)).await.unwrap();
                if send.send(now).is_err() {
                    return;
                }
            }
        }
    });
    got
}

fn echo() -> std::net::TcpStream {
    let (send, ready) = channel();
    on_a_thread(move || async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        send.send(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bytes = [0; 64];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&bytes).await.unwrap();
        }
    });
    let stream = std::net::TcpStream::connect(ready.recv().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    let mut stream = echo();
    let mut bytes = [0; 64];
    group.bench_function("ping-pong of 64 bytes (floor)", |bencher| {
        bencher.iter(|| {
            stream.write_all(&bytes).unwrap();
            stream.read_exact(&mut bytes).unwrap();
        });
    });

    let (handle, at) = server();
    let got = agent(at);
    let here = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    group.bench_function("task to a waiting agent over TCP", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let start = wait_for_agent(&here, &handle);
                total += got.recv().unwrap().saturating_duration_since(start);
                thread::sleep(PAUSE);
            }
            total
        });
    });
    group.finish();
}

/// Sends a task, as soon as the agent is known.
fn wait_for_agent(here: &tokio::runtime::Runtime, handle: &ServerHandle) -> Instant {
    loop {
        let start = Instant::now();
        if here
            .block_on(handle.send(AGENT, "bench", Payload::null()))
            .is_ok()
        {
            return start;
        }
        thread::sleep(PAUSE);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
}

criterion_group! {
    name = benches;
    config = short();
    targets = dispatch
}
criterion_main!(benches);
