//! Bodies of every kind, there and back.

use proptest::prelude::*;

use super::*;
use crate::spool::contents::Marks;
use crate::time::Timestamp;

fn id() -> impl Strategy<Value = TaskId> {
    any::<[u8; 16]>().prop_map(TaskId::from_bytes)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn payload() -> impl Strategy<Value = Payload> {
    proptest::collection::vec(any::<u8>(), 0..300).prop_map(Payload::from_json_text)
}

fn a_failure() -> impl Strategy<Value = Failure> {
    (".{0,9}", ".{0,200}").prop_map(|(code, message)| Failure { code, message })
}

fn a_seen() -> impl Strategy<Value = Seen> {
    let stores =
        proptest::collection::vec(any::<[u8; 16]>().prop_map(StoreEpoch::from_bytes), 0..9);
    (stores, any::<u64>(), time()).prop_map(|(stores, sequence, at)| Seen {
        stores,
        sequence,
        at,
    })
}

fn a_work() -> impl Strategy<Value = WorkTask> {
    let names = (id(), ".{0,20}", payload(), proptest::option::of(".{0,20}"));
    let numbers = any::<(u32, u64, u64, Option<u64>, i16, u32, u32)>();
    (names, numbers).prop_map(|((task, kind, input, ordering_key), numbers)| {
        let (attempt, sequence, ttl_ms, timeout_ms, priority, failures, losses) = numbers;
        WorkTask {
            task,
            attempt: Attempt(attempt),
            sequence,
            kind,
            input,
            ttl_ms,
            timeout_ms,
            priority,
            ordering_key,
            failures,
            losses,
        }
    })
}

fn an_event() -> impl Strategy<Value = AgentEvent> {
    let finish = (
        0..5_usize,
        proptest::option::of(payload()),
        proptest::option::of(a_failure()),
        any::<Option<u64>>(),
    );
    prop_oneof![
        any::<bool>().prop_map(|idempotent| AgentEvent::Accept { idempotent }),
        a_failure().prop_map(AgentEvent::Reject),
        Just(AgentEvent::Start),
        payload().prop_map(AgentEvent::Progress),
        finish.prop_map(|(kind, output, failure, cut)| AgentEvent::Finish(Finish {
            kind: FINISHES[kind],
            output,
            failure,
            cut,
        })),
        (a_failure(), any::<u64>(), any::<bool>()).prop_map(|(failure, after_ms, lost)| {
            AgentEvent::Retry {
                failure,
                after_ms,
                lost,
            }
        }),
        Just(AgentEvent::CancelConfirmed),
        Just(AgentEvent::Expire),
        (any::<u64>(), ".{0,99}")
            .prop_map(|(offset, text)| AgentEvent::Output(Chunk { offset, text })),
    ]
}

fn a_record() -> impl Strategy<Value = Record> {
    let process = (".{0,40}", any::<u32>(), any::<[u8; 16]>());
    let process = process.prop_map(|(boot, pid, start)| Process { boot, pid, start });
    let end = prop_oneof![Just(End::Agent), Just(End::Host)];
    prop_oneof![
        a_seen().prop_map(Record::Seen),
        Just(Record::OtherStore),
        (a_work(), any::<bool>()).prop_map(|(task, idempotent)| Record::Taken {
            task: Box::new(task),
            idempotent,
        }),
        (id(), any::<u32>()).prop_map(|(task, attempt)| Record::Adopted {
            task,
            attempt: Attempt(attempt),
        }),
        id().prop_map(|task| Record::CancelSeen { task }),
        (id(), process).prop_map(|(task, process)| Record::Started { task, process }),
        (id(), end).prop_map(|(task, end)| Record::Leaving { task, end }),
        (id(), an_event()).prop_map(|(task, last)| Record::Over { task, last }),
        (id(), any::<bool>()).prop_map(|(task, spent)| Record::Forgotten { task, spent }),
    ]
}

fn a_report() -> impl Strategy<Value = Report> {
    let finite = proptest::num::f64::NORMAL;
    let small = proptest::num::f32::NORMAL;
    let gauges = proptest::collection::vec((".{0,64}", finite), 0..9);
    let ranges = proptest::collection::vec((finite, finite), 0..9);
    let thinned = (
        any::<u32>(),
        time(),
        any::<(u64, u64)>(),
        (small, small),
        ranges,
    );
    let thinned = thinned.prop_map(|(count, from, used_memory, average_cpu, gauges)| {
        Box::new(Thinned {
            count,
            from,
            used_memory,
            average_cpu,
            gauges,
        })
    });
    let plain = (
        any::<u64>(),
        time(),
        any::<u64>(),
        any::<u64>(),
        small,
        gauges,
    );
    (plain, proptest::option::of(thinned)).prop_map(|(plain, thinned)| {
        let (seq, at, total_memory, used_memory, average_cpu, gauges) = plain;
        Report {
            seq,
            at,
            total_memory,
            used_memory,
            average_cpu,
            gauges,
            thinned,
        }
    })
}

fn some_marks() -> impl Strategy<Value = Marks> {
    let ranges = proptest::collection::vec(any::<(u64, u64)>(), 0..9);
    let seen = proptest::option::of(a_seen());
    (ranges, seen, any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(ranges, seen, delivered, next_seq, dropped)| Marks {
            spent: Spent { ranges },
            seen,
            delivered,
            next_seq,
            dropped,
        },
    )
}

/// It is read as it was written; its beginnings, and more than it, are refused.
fn check<T: PartialEq>(
    value: &T,
    put: impl Fn(&mut BytesMut, &T),
    read: impl Fn(&mut Rest<'_>) -> T,
) {
    let mut out = BytesMut::new();
    put(&mut out, value);
    let read = |bytes: &[u8]| {
        let mut rest = Rest::new(bytes);
        let value = read(&mut rest);
        rest.end().map(|()| value)
    };
    assert!(read(&out).as_ref() == Some(value));
    for length in 0..out.len() {
        assert!(read(&out[..length]).is_none(), "{length} of {}", out.len());
    }
    out.extend_from_slice(&[0]);
    assert!(read(&out).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_record_is_read_as_it_was_written(value in a_record()) {
        check(&value, put_record, record);
    }

    #[test]
    fn a_report_is_read_as_it_was_written(value in a_report()) {
        check(&value, put_report, report);
    }

    #[test]
    fn marks_are_read_as_they_were_written(value in some_marks()) {
        check(&value, put_marks, marks);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        record(&mut Rest::new(&bytes));
        report(&mut Rest::new(&bytes));
        marks(&mut Rest::new(&bytes));
    }
}

#[test]
fn unknown_tags_are_refused() {
    let refused = |bytes: &[u8]| {
        let mut rest = Rest::new(bytes);
        record(&mut rest);
        rest.end().is_none()
    };
    let id = [7; 16];
    for tag in [0, 10, 255] {
        assert!(refused(&[&[tag], &id[..]].concat()), "record {tag}");
        assert!(refused(&[&[8], &id[..], &[tag]].concat()), "event {tag}");
    }
    let finish = |kind| [&[8], &id[..], &[5, kind, 0, 0, 0]].concat();
    assert!(!refused(&finish(4)));
    assert!(refused(&finish(5)));
}
