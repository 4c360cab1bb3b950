//! What time alone does: tasks that are overdue, and ended ones that are old enough to go.

use super::{
    EPOCH, LARGE_ON_A_PAGE, ONE, admit, change, ids, lease, put, put_accepted, put_cancelled,
    put_large, put_leased, put_running,
};
use crate::store::{OverdueQuery, TaskStore};
use crate::task::{Event, LEASE, NO_WORD, NewTask, Once};
use crate::testkit::fixtures::{NOW, at, new_task, secs, task_id};
use crate::time::Timestamp;

const ALL: OverdueQuery = OverdueQuery {
    now: NOW,
    unnamed: true,
    limit: 100,
};

async fn overdue(store: &dyn TaskStore, now: Timestamp) -> Vec<u8> {
    ids(&store.overdue(&OverdueQuery { now, ..ALL }).await.unwrap())
}

/// The task is overdue at this time, and was not a millisecond before.
async fn assert_due(store: &dyn TaskStore, n: u8, due: Timestamp) {
    let before = Timestamp::from_millis(due.as_millis() - 1);
    assert!(!overdue(store, before).await.contains(&n), "too early");
    assert!(overdue(store, due).await.contains(&n), "not in time");
}

/// A queued task is overdue when its ttl has passed.
pub async fn a_queued_task_past_its_ttl_is_overdue(store: &dyn TaskStore) {
    let short = NewTask {
        ttl: secs(10),
        ..new_task(1, ONE)
    };
    let task = put(store, short).await;
    assert_due(store, 1, at(10)).await;
    let one = OverdueQuery {
        now: at(10),
        limit: 1,
        ..ALL
    };
    let found = store.overdue(&one).await.unwrap();
    assert_eq!(found, [task]);
}

/// A leased task is overdue when its lease has ended, also if its ttl passed before.
pub async fn a_lease_past_its_end_is_overdue(store: &dyn TaskStore) {
    let short = NewTask {
        ttl: secs(10),
        ..new_task(1, ONE)
    };
    put_leased(store, short).await;
    assert_due(store, 1, NOW.after(LEASE)).await;
}

/// An accepted task of a silent agent is overdue after no-word, its ttl and its timeout.
pub async fn an_accepted_task_is_overdue_after_no_word_and_ttl_and_timeout(store: &dyn TaskStore) {
    for (n, timeout) in [(1, None), (2, Some(secs(70)))] {
        let new = NewTask {
            ttl: secs(100),
            timeout,
            ..new_task(n, ONE)
        };
        put_accepted(store, new, false).await;
    }
    assert_due(store, 1, NOW.after(NO_WORD + secs(100))).await;
    assert_due(store, 2, NOW.after(NO_WORD + secs(170))).await;
}

/// A running task of a silent agent is overdue after no-word and its timeout.
pub async fn a_running_task_is_overdue_after_no_word_and_timeout(store: &dyn TaskStore) {
    for (n, timeout) in [(1, None), (2, Some(secs(70)))] {
        let new = NewTask {
            timeout,
            ..new_task(n, ONE)
        };
        put_running(store, new, false).await;
    }
    assert_due(store, 1, NOW.after(NO_WORD)).await;
    assert_due(store, 2, NOW.after(NO_WORD + secs(70))).await;
}

/// What has ended waits for nothing.
pub async fn an_ended_task_is_never_overdue(store: &dyn TaskStore) {
    put_cancelled(store, new_task(1, ONE), NOW).await;
    let task = put_running(store, new_task(2, ONE), false).await;
    change(store, &task, &Event::NoWord, NOW).await;
    let end_of_time = Timestamp::from_millis(253_402_300_799_999);
    assert!(overdue(store, end_of_time).await.is_empty());
}

/// The longest overdue first, whatever its state, and no more than asked for.
pub async fn the_longest_overdue_comes_first_up_to_the_limit(store: &dyn TaskStore) {
    admit(store, ONE, EPOCH).await;
    put(store, new_task(3, ONE)).await;
    lease(store, ONE, &[]).await;
    for (n, ttl) in [(1, 40), (2, 20), (4, 10), (5, 90)] {
        let task = NewTask {
            ttl: secs(ttl),
            ..new_task(n, ONE)
        };
        put(store, task).await;
    }
    assert_eq!(overdue(store, at(60)).await, [4, 2, 3, 1]);
    let two = OverdueQuery {
        now: at(60),
        limit: 2,
        ..ALL
    };
    assert_eq!(ids(&store.overdue(&two).await.unwrap()), [4, 2]);
}

/// Whoever does not ask for those that an agent has gets the others, up to the limit.
pub async fn overdue_tasks_that_an_agent_has_are_left_out_unless_asked_for(store: &dyn TaskStore) {
    put_accepted(store, new_task(1, ONE), false).await;
    put_running(store, new_task(2, ONE), false).await;
    for n in [3, 4] {
        put(store, new_task(n, ONE)).await;
    }
    let late = NOW.after(NO_WORD * 400);
    let named = OverdueQuery {
        now: late,
        unnamed: false,
        limit: 1,
    };
    assert_eq!(ids(&store.overdue(&named).await.unwrap()), [3]);
    let all = OverdueQuery {
        unnamed: true,
        limit: 100,
        ..named
    };
    let mut all = ids(&store.overdue(&all).await.unwrap());
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
}

/// One look carries about as much as a page, however large the tasks are, and one task at least.
pub async fn a_look_at_what_is_overdue_ends_by_size(store: &dyn TaskStore) {
    put_large(store, 20).await;
    let late = NOW.after(NO_WORD * 400);
    let found = store.overdue(&OverdueQuery { now: late, ..ALL }).await;
    assert_eq!(found.unwrap().len(), LARGE_ON_A_PAGE);
}

async fn there(store: &dyn TaskStore, n: u8) -> bool {
    store.task(task_id(n)).await.unwrap().is_some()
}

/// Only tasks that ended before the time go; unfinished ones stay however old.
pub async fn prune_deletes_only_what_ended_before(store: &dyn TaskStore) {
    put_cancelled(store, new_task(1, ONE), at(10)).await;
    put_cancelled(store, new_task(2, ONE), at(20)).await;
    put(store, new_task(3, ONE)).await;
    put_running(store, new_task(4, ONE), false).await;
    assert_eq!(store.prune_tasks(at(10), 100).await.unwrap(), 0);
    assert_eq!(store.prune_tasks(at(20), 100).await.unwrap(), 1);
    assert!(!there(store, 1).await);
    for n in 2..=4 {
        assert!(there(store, n).await, "{n}");
    }
}

/// Small steps, so that nobody waits long behind one.
pub async fn prune_deletes_at_most_the_limit(store: &dyn TaskStore) {
    for n in 1..=5 {
        put_cancelled(store, new_task(n, ONE), NOW).await;
    }
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(store.prune_tasks(at(1), 2).await.unwrap());
    }
    assert_eq!(steps, [2, 2, 1, 0]);
}

/// With the task its key goes too, and may be used again.
pub async fn prune_frees_the_idempotency_key(store: &dyn TaskStore) {
    let keyed = |n| NewTask {
        once: Once::Key("a".into()),
        ..new_task(n, ONE)
    };
    put_cancelled(store, keyed(1), NOW).await;
    assert!(!store.insert(keyed(2)).await.unwrap().new);
    assert_eq!(store.prune_tasks(at(1), 100).await.unwrap(), 1);
    put(store, keyed(2)).await;
    assert!(!store.insert(keyed(3)).await.unwrap().new);
}
