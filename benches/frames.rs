//! What it costs to put a payload into a frame of version 2 and to take it out, checksum and all.
//! The floor is the copy of as many bytes.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use widget_core::frame::{FrameBuffer, FrameError, MAX_TO_SERVER, v2};

/// A report, a task with some input, a long output.
const SIZES: [usize; 3] = [64, 1_024, 65_536];

fn encode(payload: &[u8], out: &mut BytesMut) {
    v2::encode(out, (1, v2::Kind::Command, 7), MAX_TO_SERVER, |out| {
        out.extend_from_slice(payload);
        Ok::<_, FrameError>(())
    })
    .unwrap();
}

fn frames(criterion: &mut Criterion) {
    for size in SIZES {
        let payload = vec![0xa5; size];
        let mut frame = BytesMut::new();
        encode(&payload, &mut frame);
        let mut out = BytesMut::with_capacity(2 * frame.len());
        let mut group = criterion.benchmark_group(format!("frames/{size}"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(black_box(&payload), &mut out);
                black_box(out.len())
            });
        });
        let mut buffer = FrameBuffer::new();
        group.bench_function("decode", |bencher| {
            bencher.iter(|| {
                buffer.push(black_box(&frame));
                let frame = buffer.next_v2(MAX_TO_SERVER).unwrap().unwrap();
                black_box(frame.payload.len())
            });
        });
        group.bench_function("copy (floor)", |bencher| {
            bencher.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&frame));
                black_box(out.len())
            });
        });
        group.finish();
    }
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
}

criterion_group! {
    name = benches;
    config = short();
    targets = frames
}
criterion_main!(benches);
