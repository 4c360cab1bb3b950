//! Inserting: what is there afterwards, what makes a task the only one, who is woken.

use std::sync::Barrier;
use std::time::Duration;

use futures_lite::future::{block_on, poll_once};

use super::{EPOCH, ONE, TWO, admit, lease, put, put_cancelled, read};
use crate::Payload;
use crate::store::{StoreErrorKind, TaskStore};
use crate::task::{Actor, NewTask, Once, Revision};
use crate::testkit::cases::promptly;
use crate::testkit::fixtures::{NOW, at, json, new_task, secs, task_id};
use crate::time::Timestamp;

fn keyed(n: u8, agent: crate::id::AgentId, key: &str) -> NewTask {
    NewTask {
        once: Once::Key(key.into()),
        ..new_task(n, agent)
    }
}

fn pending(n: u8, kind: &str) -> NewTask {
    NewTask {
        kind: kind.into(),
        once: Once::WhilePending,
        ..new_task(n, ONE)
    }
}

/// All fields of a task read back as they were inserted, with the first entry of its timeline.
pub async fn an_inserted_task_reads_back_equal(store: &dyn TaskStore) {
    let full = NewTask {
        ttl: Duration::from_millis(3_600_001),
        timeout: Some(Duration::from_millis(90_001)),
        not_before: Some(at(60)),
        priority: -7,
        ordering_key: Some("disk / ünïcode".into()),
        once: Once::Key("key-1".into()),
        by: Actor::Page,
        asked_by: Some("page:älice".into()),
        ..new_task(1, ONE)
    };
    for new in [full, new_task(2, ONE)] {
        let expected = new.clone().into_task();
        let inserted = store.insert(new).await.unwrap();
        assert!(inserted.new);
        assert_eq!(inserted.task, expected);
        assert_eq!(read(store, &expected).await, expected);
        assert_eq!(expected.revision, Revision(0));
        assert_eq!(expected.timeline.len(), 1);
    }
}

/// Input is never looked into: white space, large values and bytes that are no JSON stay.
pub async fn input_bytes_are_kept_exactly(store: &dyn TaskStore) {
    let inputs = [
        json(" {\"b\" : 1.0,\n\"a\":\"\\u00e9\", \"a\":2 } "),
        Payload::from_json_text(Vec::new()),
        Payload::from_json_text((0..=255).collect::<Vec<u8>>()),
        Payload::from_json_text(vec![b'1'; crate::payload::MAX_INPUT]),
    ];
    for (n, input) in (1..).zip(inputs) {
        let new = NewTask {
            input: input.clone(),
            ..new_task(n, ONE)
        };
        let task = put(store, new).await;
        assert_eq!(read(store, &task).await.input, input);
    }
}

/// An insert that is repeated makes no second task, even if it differs.
pub async fn the_same_id_again_finds_the_first(store: &dyn TaskStore) {
    let first = put(store, new_task(1, ONE)).await;
    let other = NewTask {
        kind: "other".into(),
        ..new_task(1, TWO)
    };
    for again in [new_task(1, ONE), other] {
        let inserted = store.insert(again).await.unwrap();
        assert!(!inserted.new);
        assert_eq!(inserted.task, first);
    }
    assert_eq!(read(store, &first).await, first);
}

/// Reading what is not there gives nothing.
pub async fn an_unknown_id_is_none(store: &dyn TaskStore) {
    put(store, new_task(1, ONE)).await;
    assert_eq!(store.task(task_id(2)).await.unwrap(), None);
}

/// [`Once::Key`] answers the task of that key, also for another agent and after its end.
pub async fn a_key_finds_the_first_whatever_its_agent(store: &dyn TaskStore) {
    let first = put_cancelled(store, keyed(1, ONE, "a"), NOW).await;
    for again in [keyed(2, ONE, "a"), keyed(3, TWO, "a")] {
        let id = again.id;
        let inserted = store.insert(again).await.unwrap();
        assert!(!inserted.new, "a key that was used made a second task");
        assert_eq!(inserted.task, first);
        assert_eq!(store.task(id).await.unwrap(), None);
    }
    put(store, keyed(4, ONE, "b")).await;
}

/// [`Once::WhilePending`] answers an unfinished task of that agent and kind, and only that.
pub async fn while_pending_finds_an_unfinished_task_of_its_kind(store: &dyn TaskStore) {
    let first = put(store, pending(1, "shutdown")).await;
    let inserted = store.insert(pending(2, "shutdown")).await.unwrap();
    assert!(!inserted.new);
    assert_eq!(inserted.task, first);
    assert_eq!(store.task(task_id(2)).await.unwrap(), None);

    put(store, pending(3, "other")).await;
    let elsewhere = NewTask {
        agent: TWO,
        ..pending(4, "shutdown")
    };
    put(store, elsewhere).await;
}

/// [`Once::WhilePending`] makes a new task once the one before has ended.
pub async fn while_pending_does_not_find_a_finished_task(store: &dyn TaskStore) {
    put_cancelled(store, pending(1, "shutdown"), NOW).await;
    let second = put(store, pending(2, "shutdown")).await;
    assert_eq!(read(store, &second).await, second);
}

/// Of inserts with one key at the same time exactly one makes a task; all are answered with it.
pub async fn racing_inserts_of_one_key_make_one_task(store: &dyn TaskStore) {
    let barrier = Barrier::new(8);
    let insert = |n| {
        barrier.wait();
        block_on(store.insert(keyed(n, ONE, "a"))).unwrap()
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=8).map(|n| scope.spawn(move || insert(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|inserted| inserted.new).count(), 1);
    assert!(results.iter().all(|r| r.task.id == results[0].task.id));
}

/// An insert rings its agent's bell.
pub async fn an_insert_ends_a_wake_up_registered_before(store: &dyn TaskStore) {
    let mut other = store.watch(TWO);
    let wake_up = store.watch(ONE);
    put(store, new_task(1, ONE)).await;
    promptly("an insert rings its agent's bell", wake_up).await;
    assert!(poll_once(&mut other).await.is_none());
}

/// Registered when `watch` is called, not when it is first polled: nothing is missed in between.
pub async fn a_wake_up_is_registered_when_watch_is_called(store: &dyn TaskStore) {
    let (one, two) = (store.watch(ONE), store.watch(ONE));
    store.ring(ONE);
    let both = async {
        one.await;
        two.await;
    };
    promptly("a wake-up is registered when watch is called", both).await;
    let mut late = store.watch(ONE);
    assert!(poll_once(&mut late).await.is_none(), "rung before watch");
}

/// A ring ends every wait for its agent and no other.
pub async fn a_ring_ends_only_the_wait_for_its_agent(store: &dyn TaskStore) {
    let (one, mut two) = (store.watch(ONE), store.watch(TWO));
    store.ring(ONE);
    promptly("a ring ends every wait for its agent", one).await;
    assert!(poll_once(&mut two).await.is_none());
}

/// The ends of what each number can be are kept.
pub async fn extreme_times_and_priorities_read_back(store: &dyn TaskStore) {
    let least = NewTask {
        created: Timestamp::from_millis(0),
        ttl: Duration::ZERO,
        timeout: Some(Duration::ZERO),
        not_before: Some(Timestamp::from_millis(0)),
        priority: i16::MIN,
        ordering_key: Some(String::new()),
        ..new_task(1, ONE)
    };
    let most = NewTask {
        created: Timestamp::from_millis(253_402_300_799_999),
        ttl: crate::task::MAX_TTL,
        timeout: Some(secs(1 << 40)),
        not_before: Some(Timestamp::from_millis(253_402_300_799_999)),
        priority: i16::MAX,
        ..new_task(2, ONE)
    };
    for new in [least, most] {
        let task = put(store, new).await;
        assert_eq!(read(store, &task).await, task);
    }
}

/// The limit is for queued tasks of one agent. What has been handed out does not count, nor does a
/// task that is there already.
pub async fn one_task_too_many_is_full_and_a_repeat_is_not(store: &dyn TaskStore) {
    let limited = |n, agent| NewTask {
        most: Some(2),
        ..new_task(n, agent)
    };
    put(store, limited(1, ONE)).await;
    put(store, limited(2, ONE)).await;
    let error = store.insert(limited(3, ONE)).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    assert_eq!(store.task(task_id(3)).await.unwrap(), None);
    let repeated = store.insert(limited(2, ONE)).await.unwrap();
    assert!(!repeated.new);
    put(store, limited(4, TWO)).await;
    admit(store, ONE, EPOCH).await;
    assert_eq!(lease(store, ONE, &[]).await.tasks.len(), 2);
    put(store, limited(3, ONE)).await;
}
