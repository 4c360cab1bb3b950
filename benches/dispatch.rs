//! How long a task takes to reach an agent that waits for it: from the call of the handle until
//! the task is in the agent's hands, over each transport on loopback, the store in memory. Beside
//! it, in the same run, the floor: a bare ping-pong of 64 bytes between two threads.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures_lite::future::block_on;
use widget_benches::{
    AGENT, TRANSPORTS, echo, finish, hello, memory_store, on_a_thread, runtime, serve,
    wait_for_work,
};
use widget_core::Payload;
use widget_core::message::Response;
use widget_server::ServerHandle;

/// Between two tasks: time for the agent to wait again.
const PAUSE: Duration = Duration::from_micros(300);

/// An agent that says when it has a task, and ends it.
fn agent(transport: &'static str, at: SocketAddr) -> Receiver<Instant> {
    let (send, got) = channel();
    on_a_thread(move || async move {
        let transport = widget_benches::transport(transport, runtime(), at);
        let (connection, _) = transport.connect(hello(AGENT)).await.unwrap();
        loop {
            let answer = connection.call(wait_for_work()).await;
            let Ok(Response::Work(work)) = answer else {
                return;
            };
            let now = Instant::now();
            for task in work.tasks {
                connection.call(finish(task.task)).await.unwrap();
                if send.send(now).is_err() {
                    return;
                }
            }
        }
    });
    got
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
    for transport in TRANSPORTS {
        let (handle, at) = serve(transport, memory_store());
        let got = agent(transport, at);
        group.bench_function(
            format!("task to a waiting agent over {transport}"),
            |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut total = Duration::ZERO;
                    for _ in 0..rounds {
                        let start = send_to_agent(&handle);
                        total += got.recv().unwrap().saturating_duration_since(start);
                        thread::sleep(PAUSE);
                    }
                    total
                });
            },
        );
    }
    group.finish();
}

/// Sends a task, as soon as the agent is known.
fn send_to_agent(handle: &ServerHandle) -> Instant {
    loop {
        let start = Instant::now();
        if block_on(handle.send(AGENT, "bench", Payload::null())).is_ok() {
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
