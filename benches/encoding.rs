//! What it costs to write and read a report and a task, in each codec: time, and bytes on the
//! wire. The floor is the copy of as many bytes.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench"
)]

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use serde::Serialize;
use serde::de::DeserializeOwned;
use widget_core::codec::{Bincode, Codec, Json, Legacy, Postcard};
use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::{Command, Response, Submit, Work, WorkTask};
use widget_core::payload::Payload;
use widget_core::report::Report;
use widget_core::time::Timestamp;
use widget_core::v1;

const ID: u128 = 0x0192_d4a0_6c1e_7b44_9d2e_3f5a_8c7b_1e90;

fn report_v1() -> v1::Command {
    v1::Command::SubmitData {
        collector_id: ID,
        total_memory: 17_179_869_184,
        used_memory: 7_516_192_768,
        average_cpu_usage: 12.5,
    }
}

fn report() -> Command {
    let report = Report {
        seq: 4_711,
        at: Timestamp::from_millis(1_795_361_105_007),
        total_memory: 17_179_869_184,
        used_memory: 7_516_192_768,
        average_cpu: 12.5,
        gauges: Vec::new(),
        thinned: None,
    };
    let epoch = SpoolEpoch::from_bytes([7; 16]);
    Command::Submit(Submit {
        epoch,
        after: 4_710,
        reports: vec![report],
        dropped: 0,
    })
}

fn task() -> Response {
    let task = WorkTask {
        task: TaskId::from_bytes(*AgentId::from_u128(ID).as_bytes()),
        attempt: Attempt(1),
        sequence: 12,
        kind: "reindex".into(),
        input: Payload::from_json_text(r#"{"index":"books","full":true}"#),
        ttl_ms: 86_400_000,
        timeout_ms: None,
        priority: 0,
        ordering_key: None,
        failures: 0,
        losses: 0,
    };
    Response::Work(Work {
        tasks: vec![task],
        cancel: Vec::new(),
        at: Timestamp::default(),
    })
}

fn both<C: Codec, M: Serialize + DeserializeOwned>(
    criterion: &mut Criterion,
    what: &str,
    codec: &str,
    message: &M,
) {
    let mut bytes = BytesMut::new();
    C::encode(message, &mut bytes).unwrap();
    println!("bytes  {what:<8} {codec:<8} {:>4}", bytes.len());
    let mut group = criterion.benchmark_group(format!("encoding/{what}"));
    let mut out = BytesMut::with_capacity(1_024);
    group.bench_function(format!("{codec} encode"), |bencher| {
        bencher.iter(|| {
            out.clear();
            C::encode(black_box(message), &mut out).unwrap();
            black_box(out.len())
        });
    });
    group.bench_function(format!("{codec} decode"), |bencher| {
        bencher.iter(|| C::decode::<M>(black_box(&bytes)).unwrap());
    });
    group.bench_function(format!("{codec} copy (floor)"), |bencher| {
        bencher.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&bytes));
            black_box(out.len())
        });
    });
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    both::<Legacy, _>(criterion, "report", "v1", &report_v1());
    both::<Bincode, _>(criterion, "report", "bincode", &report());
    both::<Postcard, _>(criterion, "report", "postcard", &report());
    both::<Json, _>(criterion, "report", "json", &report());
    both::<Legacy, _>(
        criterion,
        "task",
        "v1",
        &v1::Response::Task(v1::Task::Shutdown),
    );
    both::<Bincode, _>(criterion, "task", "bincode", &task());
    both::<Postcard, _>(criterion, "task", "postcard", &task());
    both::<Json, _>(criterion, "task", "json", &task());
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
    targets = encoding
}
criterion_main!(benches);
