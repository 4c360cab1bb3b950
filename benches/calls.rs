//! One report and its acknowledgement over each transport, one at a time and 64 in flight, the
//! store in memory. The floor is a bare ping-pong of 64 bytes, in the same run.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::future::join_all;
use widget_benches::{AGENT, TRANSPORTS, echo, hello, memory_store, runtime, serve, submit};
use widget_core::message::{Command, Response};
use widget_core::transport::{Connection, MAX_CALLS};

async fn call(connection: &dyn Connection, seq: u64) {
    let answer = connection.call(Command::Submit(submit(seq))).await.unwrap();
    assert!(matches!(answer, Response::Ack { .. }), "{answer:?}");
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("calls");
    let mut stream = echo();
    let mut bytes = [0; 64];
    group.bench_function("ping-pong of 64 bytes (floor)", |bencher| {
        bencher.iter(|| {
            stream.write_all(&bytes).unwrap();
            stream.read_exact(&mut bytes).unwrap();
        });
    });
    for transport in TRANSPORTS {
        let (_server, at) = serve(transport, memory_store());
        let here = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let connection: Arc<dyn Connection> = here.block_on(async {
            let transport = widget_benches::transport(transport, runtime(), at);
            transport.connect(hello(AGENT)).await.unwrap().0
        });
        let mut seq = 0;
        group.bench_function(format!("one call over {transport}"), |bencher| {
            bencher.iter(|| {
                seq += 1;
                here.block_on(call(&*connection, seq));
            });
        });
        // Repeats of what is stored, so that their order does not matter.
        group.bench_function(
            format!("one of {MAX_CALLS} calls in flight over {transport}"),
            |bencher| {
                bencher.iter_custom(|calls| {
                    let start = Instant::now();
                    let rounds = calls.div_ceil(MAX_CALLS as u64);
                    for _ in 0..rounds {
                        here.block_on(join_all((0..MAX_CALLS).map(|_| call(&*connection, 1))));
                    }
                    start
                        .elapsed()
                        .mul_f64(calls as f64 / (rounds * MAX_CALLS as u64) as f64)
                });
            },
        );
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
}

criterion_group! {
    name = benches;
    config = short();
    targets = calls
}
criterion_main!(benches);
