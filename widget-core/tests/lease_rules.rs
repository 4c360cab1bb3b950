//! The rules of a lease, for whatever tasks there are and whatever an agent asks.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)] // a failing test is what it is for

use std::collections::BTreeSet;

use futures_lite::future::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use widget_core::Payload;
use widget_core::id::TaskId;
use widget_core::message::Held;
use widget_core::store::{Admission, LeaseRequest, Leased, MemoryStore, TaskStore};
use widget_core::task::{NewTask, Task};
use widget_core::testkit::fixtures::{NOW, agent, at, epoch, new_task, secs, store_epoch};

/// What a task of the property is like: input, priority, ordering key, held back until, ttl.
type Shape = (usize, i16, Option<u8>, Option<i64>, u64);

fn shape() -> impl Strategy<Value = Shape> {
    let key = prop::option::weighted(0.6, 0..3_u8);
    let not_before = prop::option::weighted(0.2, 0..60_i64);
    (0..100_usize, -2..3_i16, key, not_before, 1..120_u64)
}

/// Room, bytes, and how much later each of several leases asks.
fn request() -> impl Strategy<Value = (usize, usize, i64)> {
    (0..6_usize, 0..250_usize, 0..20_i64)
}

fn store_of(shapes: &[Shape]) -> MemoryStore {
    let store = MemoryStore::new(store_epoch(7));
    for (n, (len, priority, key, not_before, ttl)) in (1..).zip(shapes) {
        let task = NewTask {
            input: Payload::from_json_text(vec![b'1'; *len]),
            priority: *priority,
            ordering_key: key.map(|key| key.to_string()),
            not_before: not_before.map(at),
            ttl: secs(*ttl),
            ..new_task(n, agent(1))
        };
        assert!(block_on(store.insert(task)).unwrap().new);
    }
    let admission = Admission {
        agent: agent(1),
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    block_on(store.admit(&admission)).unwrap();
    store
}

/// Leases again and again; names what it got; shows each answer with the request and what was
/// held before.
fn live(
    shapes: &[Shape],
    requests: &[(usize, usize, i64)],
    mut check: impl FnMut(&LeaseRequest, &[Task], &Leased),
) {
    let store = store_of(shapes);
    let mut taken: Vec<Task> = Vec::new();
    let mut now = 0;
    for (room, bytes, later) in requests {
        now += later;
        let held = |task: &Task| Held {
            task: task.id,
            attempt: task.state.attempt,
            cancel_seen: false,
        };
        let request = LeaseRequest {
            agent: agent(1),
            epoch: epoch(1),
            room: *room,
            bytes: *bytes,
            holding: taken.iter().map(held).collect(),
            now: at(now),
            kinds: Vec::new(),
        };
        let leased = block_on(store.lease(&request)).unwrap();
        check(&request, &taken, &leased);
        taken.extend(leased.tasks);
    }
}

fn config() -> Config {
    Config {
        cases: 500,
        rng_seed: RngSeed::Fixed(12),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn room_and_bytes_are_kept_but_one_task_always_goes(
        shapes in prop::collection::vec(shape(), 0..12),
        requests in prop::collection::vec(request(), 1..6),
    ) {
        live(&shapes, &requests, |request, _, leased| {
            let bytes: usize = leased.tasks.iter().map(|task| task.input.len()).sum();
            assert!(leased.tasks.len() <= request.room);
            assert!(leased.tasks.len() <= 1 || bytes <= request.bytes);
        });
    }

    #[test]
    fn nothing_that_is_named_comes_again(
        shapes in prop::collection::vec(shape(), 0..12),
        requests in prop::collection::vec(request(), 1..6),
    ) {
        live(&shapes, &requests, |_, taken, leased| {
            let taken: BTreeSet<TaskId> = taken.iter().map(|task| task.id).collect();
            assert!(leased.tasks.iter().all(|task| !taken.contains(&task.id)));
            assert!(leased.cancel.is_empty());
        });
    }

    #[test]
    fn no_two_tasks_of_an_ordering_key_are_out_together(
        shapes in prop::collection::vec(shape(), 0..12),
        requests in prop::collection::vec(request(), 1..6),
    ) {
        live(&shapes, &requests, |_, taken, leased| {
            let out = taken.iter().chain(&leased.tasks);
            let keys: Vec<_> = out.filter_map(|task| task.ordering_key.as_ref()).collect();
            let distinct: BTreeSet<_> = keys.iter().collect();
            assert_eq!(keys.len(), distinct.len());
        });
    }

    #[test]
    fn nothing_goes_out_before_its_time_or_after_its_ttl(
        shapes in prop::collection::vec(shape(), 0..12),
        requests in prop::collection::vec(request(), 1..6),
    ) {
        live(&shapes, &requests, |request, _, leased| {
            for task in &leased.tasks {
                let n = usize::from(task.id.as_bytes()[0]) - 1;
                let not_before = shapes[n].3.map_or(NOW, at);
                assert!(not_before <= request.now && request.now < task.state.ttl_at);
            }
            assert!(leased.next_due.is_none_or(|due| due > request.now));
        });
    }

    #[test]
    fn an_answer_is_in_order_and_its_sequences_rise(
        shapes in prop::collection::vec(shape(), 0..12),
        requests in prop::collection::vec(request(), 1..6),
    ) {
        let mut last = 0;
        live(&shapes, &requests, |_, _, leased| {
            for task in &leased.tasks {
                assert_eq!(task.sequence, Some(last + 1));
                last += 1;
            }
            let key = |task: &Task| (std::cmp::Reverse(task.priority), task.id);
            assert!(leased.tasks.is_sorted_by_key(key));
        });
    }
}
