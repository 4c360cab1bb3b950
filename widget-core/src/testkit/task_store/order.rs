//! Which tasks go first, how many at once, and what holds one back.

use super::{EPOCH, ONE, TWO, admit, change, ids, lease, put, request};
use crate::Payload;
use crate::id::AgentId;
use crate::message::KindRoom;
use crate::store::{LeaseRequest, Leased, TaskStore};
use crate::task::{Event, NewTask};
use crate::testkit::fixtures::{NOW, at, new_task, secs};

/// The numbers of the tasks that a lease gives.
async fn leased(store: &dyn TaskStore, request: &LeaseRequest) -> (Vec<u8>, Leased) {
    let leased = store.lease(request).await.unwrap();
    (ids(&leased.tasks), leased)
}

fn keyed(n: u8, agent: AgentId, key: &str) -> NewTask {
    NewTask {
        ordering_key: Some(key.into()),
        ..new_task(n, agent)
    }
}

/// Higher priority first; among equals the one that was inserted first, whatever its id or time.
pub async fn priority_goes_first_then_age(store: &dyn TaskStore) {
    for (n, priority) in [(9, 0), (1, -5), (7, 3), (2, 0), (8, 3)] {
        let task = NewTask {
            priority,
            created: at(-i64::from(n)),
            ..new_task(n, ONE)
        };
        put(store, task).await;
    }
    admit(store, ONE, EPOCH).await;
    let given = lease(store, ONE, &[]).await.tasks;
    assert_eq!(ids(&given), [7, 8, 9, 2, 1]);
    let sequences: Vec<_> = given.iter().map(|task| task.sequence).collect();
    assert_eq!(sequences, (1..=5).map(Some).collect::<Vec<_>>());
}

/// No more tasks than there is room for; the rest stays queued.
pub async fn room_limits_the_number(store: &dyn TaskStore) {
    for n in 1..=5 {
        put(store, new_task(n, ONE)).await;
    }
    admit(store, ONE, EPOCH).await;
    let two = LeaseRequest {
        room: 2,
        ..request(ONE)
    };
    let (given, first) = leased(store, &two).await;
    assert_eq!(given, [1, 2]);
    let named: Vec<_> = first.tasks.iter().collect();
    assert_eq!(ids(&lease(store, ONE, &named).await.tasks), [3, 4, 5]);
}

/// No more bytes of input than asked for, but one task however large.
pub async fn bytes_limit_the_input_but_one_always_goes(store: &dyn TaskStore) {
    for (n, len) in [(1, 150), (2, 40), (3, 60), (4, 1)] {
        let task = NewTask {
            input: Payload::from_json_text(vec![b'1'; len]),
            ..new_task(n, ONE)
        };
        put(store, task).await;
    }
    admit(store, ONE, EPOCH).await;
    let mut small = LeaseRequest {
        bytes: 100,
        ..request(ONE)
    };
    let mut next = async || {
        let (given, leased) = leased(store, &small).await;
        small.holding.extend(leased.tasks.iter().map(super::held));
        given
    };
    assert_eq!(next().await, [1]);
    assert_eq!(next().await, [2, 3]);
    assert_eq!(next().await, [4]);
}

/// What comes again counts as much as what is new, and comes first.
pub async fn a_task_handed_over_again_takes_room(store: &dyn TaskStore) {
    put(store, new_task(1, ONE)).await;
    admit(store, ONE, EPOCH).await;
    lease(store, ONE, &[]).await;
    let urgent = NewTask {
        priority: 9,
        ..new_task(2, ONE)
    };
    put(store, urgent).await;
    let one = LeaseRequest {
        room: 1,
        ..request(ONE)
    };
    assert_eq!(leased(store, &one).await.0, [1]);
    assert_eq!(leased(store, &request(ONE)).await.0, [1, 2]);
}

/// A task that is held back until a time is not given before, and the answer says when.
pub async fn not_before_holds_a_task_back_and_says_until_when(store: &dyn TaskStore) {
    let later = NewTask {
        not_before: Some(at(60)),
        ..new_task(1, ONE)
    };
    put(store, later).await;
    admit(store, ONE, EPOCH).await;
    let when = |millis| LeaseRequest {
        now: crate::time::Timestamp::from_millis(NOW.as_millis() + millis),
        ..request(ONE)
    };
    let (given, answer) = leased(store, &when(59_999)).await;
    assert!(given.is_empty());
    assert_eq!(answer.next_due, Some(at(60)));
    let (given, answer) = leased(store, &when(60_000)).await;
    assert_eq!(given, [1]);
    assert_eq!(answer.next_due, None);
}

/// Of several that are held back the earliest counts, and not another agent's.
pub async fn next_due_is_the_earliest(store: &dyn TaskStore) {
    for (n, agent, due) in [(1, ONE, 60), (2, ONE, 30), (3, ONE, 90), (4, TWO, 10)] {
        let task = NewTask {
            not_before: Some(at(due)),
            ttl: secs(3_600),
            ..new_task(n, agent)
        };
        put(store, task).await;
    }
    admit(store, ONE, EPOCH).await;
    assert_eq!(lease(store, ONE, &[]).await.next_due, Some(at(30)));
}

/// While a task of a key is held, others of that key wait; other keys and none go on.
pub async fn a_held_ordering_key_blocks_only_its_own_tasks(store: &dyn TaskStore) {
    put(store, keyed(1, ONE, "a")).await;
    admit(store, ONE, EPOCH).await;
    let first = lease(store, ONE, &[]).await.tasks.remove(0);
    put(store, keyed(2, ONE, "a")).await;
    put(store, keyed(3, ONE, "b")).await;
    put(store, new_task(4, ONE)).await;
    assert_eq!(ids(&lease(store, ONE, &[&first]).await.tasks), [3, 4]);
    let accept = crate::task::AgentEvent::Accept { idempotent: false };
    let first = super::say(store, &first, accept).await;
    let running = super::say(store, &first, crate::task::AgentEvent::Start).await;
    let given = lease(store, ONE, &[&running]).await.tasks;
    assert_eq!(ids(&given), [3, 4], "handed over again, and not 2");
}

/// A task that is held back until a time holds back the later ones of its key too.
pub async fn a_waiting_ordering_key_blocks_only_its_own_tasks(store: &dyn TaskStore) {
    let waits = NewTask {
        not_before: Some(at(60)),
        ..keyed(1, ONE, "a")
    };
    put(store, waits).await;
    put(store, keyed(2, ONE, "a")).await;
    put(store, keyed(3, ONE, "b")).await;
    put(store, new_task(4, ONE)).await;
    admit(store, ONE, EPOCH).await;
    assert_eq!(ids(&lease(store, ONE, &[]).await.tasks), [3, 4]);
}

/// Tasks of one key go out one after the other, not together.
pub async fn one_lease_gives_one_task_of_an_ordering_key(store: &dyn TaskStore) {
    for n in 1..=3 {
        put(store, keyed(n, ONE, "a")).await;
    }
    admit(store, ONE, EPOCH).await;
    assert_eq!(ids(&lease(store, ONE, &[]).await.tasks), [1]);
}

/// The end of a task lets the next one of its key go.
pub async fn an_ordering_key_is_free_again_after_the_end(store: &dyn TaskStore) {
    for n in 1..=2 {
        put(store, keyed(n, ONE, "a")).await;
    }
    admit(store, ONE, EPOCH).await;
    let first = lease(store, ONE, &[]).await.tasks.remove(0);
    change(store, &first, &Event::Cancel, NOW).await;
    assert_eq!(ids(&lease(store, ONE, &[]).await.tasks), [2]);
}

/// The same key of two agents is two keys.
pub async fn an_ordering_key_is_each_agents_own(store: &dyn TaskStore) {
    put(store, keyed(1, ONE, "a")).await;
    put(store, keyed(2, TWO, "a")).await;
    for (agent, expected) in [(ONE, 1), (TWO, 2)] {
        admit(store, agent, EPOCH).await;
        assert_eq!(ids(&lease(store, agent, &[]).await.tasks), [expected]);
    }
}

fn of_kind(n: u8, kind: &str) -> NewTask {
    NewTask {
        kind: kind.into(),
        ..new_task(n, ONE)
    }
}

/// A request of an agent that takes only so many of these kinds.
fn rooms(kinds: &[(&str, u16)]) -> LeaseRequest {
    let room = |(kind, room): &(&str, u16)| KindRoom {
        kind: (*kind).into(),
        room: *room,
    };
    LeaseRequest {
        kinds: kinds.iter().map(room).collect(),
        ..request(ONE)
    }
}

/// A kind without room takes nothing of the others' room, and what waits is queued as it was.
pub async fn a_kind_without_room_waits_and_others_go_on(store: &dyn TaskStore) {
    let full = put(store, of_kind(1, "backup")).await;
    for n in 2..=3 {
        put(store, of_kind(n, "reindex")).await;
    }
    admit(store, ONE, EPOCH).await;
    let two = LeaseRequest {
        room: 2,
        ..rooms(&[("backup", 0), ("unheard.of", 0)])
    };
    let (given, first) = leased(store, &two).await;
    assert_eq!(given, [2, 3]);
    assert_eq!(super::read(store, &full).await, full);
    let named: Vec<_> = first.tasks.iter().collect();
    assert_eq!(ids(&lease(store, ONE, &named).await.tasks), [1]);
}

/// Of a kind as many as there is room for, also within one lease; all together as many as the
/// room in all.
pub async fn room_of_a_kind_limits_that_kind_alone(store: &dyn TaskStore) {
    for n in 1..=4 {
        put(store, of_kind(n, "backup")).await;
    }
    for n in 5..=8 {
        put(store, of_kind(n, "reindex")).await;
    }
    put(store, of_kind(9, "other")).await;
    admit(store, ONE, EPOCH).await;
    let mut request = LeaseRequest {
        room: 5,
        ..rooms(&[("backup", 2), ("reindex", 40)])
    };
    let (given, first) = leased(store, &request).await;
    assert_eq!(given, [1, 2, 5, 6, 7]);
    request.holding = first.tasks.iter().map(super::held).collect();
    request.kinds = rooms(&[("backup", 0), ("reindex", 1)]).kinds;
    assert_eq!(leased(store, &request).await.0, [8, 9]);
}

/// What comes later under its key must not overtake it, whatever its kind; other keys do.
pub async fn a_task_that_waits_for_its_kind_holds_back_its_ordering_key(store: &dyn TaskStore) {
    let keyed = |n, kind, key: &str| NewTask {
        ordering_key: Some(key.into()),
        ..of_kind(n, kind)
    };
    put(store, keyed(1, "backup", "disk")).await;
    put(store, keyed(2, "reindex", "disk")).await;
    put(store, keyed(3, "reindex", "net")).await;
    admit(store, ONE, EPOCH).await;
    let (given, first) = leased(store, &rooms(&[("backup", 0)])).await;
    assert_eq!(given, [3]);
    let named: Vec<_> = first.tasks.iter().collect();
    assert_eq!(ids(&lease(store, ONE, &named).await.tasks), [1]);
}

/// After a lost answer the room that the agent says is as it was: what is handed over again takes
/// of it first.
pub async fn a_task_handed_over_again_takes_room_of_its_kind(store: &dyn TaskStore) {
    put(store, of_kind(1, "backup")).await;
    admit(store, ONE, EPOCH).await;
    let one = rooms(&[("backup", 1)]);
    assert_eq!(leased(store, &one).await.0, [1]);
    put(store, of_kind(2, "backup")).await;
    put(store, of_kind(3, "reindex")).await;
    assert_eq!(leased(store, &one).await.0, [1, 3]);
    assert_eq!(leased(store, &rooms(&[("backup", 0)])).await.0, [3]);
}
