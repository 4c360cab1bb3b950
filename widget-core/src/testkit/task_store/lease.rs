//! Leasing: what an agent is given, once and again, and what it is to give up.

use std::sync::Barrier;

use futures_lite::future::block_on;

use super::{
    EPOCH, ONE, TWO, admit, change, held, lease, name, put, put_accepted, put_leased, put_running,
    read, request,
};
use crate::id::Attempt;
use crate::message::{Cancel, Held};
use crate::store::{LeaseRequest, StoreErrorKind, TaskStore};
use crate::task::{Event, LEASE, NewTask, Phase, StateName};
use crate::testkit::fixtures::{NOW, at, epoch, new_task, secs, task_id};

/// A lease changes the row as the rules say: attempt 1, sequence 1, held for 30 seconds.
pub async fn a_lease_raises_the_attempt_and_gives_a_sequence(store: &dyn TaskStore) {
    let queued = put(store, new_task(1, ONE)).await;
    admit(store, ONE, EPOCH).await;
    let leased = lease(store, ONE, &[]).await;
    let [task] = leased.tasks.as_slice() else {
        panic!("{leased:?}")
    };
    assert_eq!(task.state.attempt, Attempt(1), "a lease raises the attempt");
    assert_eq!(task.sequence, Some(1), "a first lease gives a sequence");
    let expected = Phase::Leased {
        epoch: EPOCH,
        until: NOW.after(LEASE),
    };
    assert_eq!(task.state.phase, expected);
    assert_eq!(task.revision.0, queued.revision.0 + 1);
    assert_eq!(task.timeline.last().unwrap().state, StateName::Leased);
    assert_eq!(read(store, task).await, *task);
    assert!(leased.cancel.is_empty());
    assert_eq!(leased.next_due, None);
}

/// Each agent has numbers of its own; a task keeps the one of its first lease.
pub async fn sequences_rise_for_each_agent_and_stay_on_a_second_lease(store: &dyn TaskStore) {
    let first = put_leased(store, new_task(1, ONE)).await;
    let second = put_leased(store, new_task(2, ONE)).await;
    let other = put_leased(store, new_task(3, TWO)).await;
    assert_eq!(first.sequence, Some(1));
    assert_eq!(second.sequence, Some(2));
    assert_eq!(other.sequence, Some(1));

    change(store, &first, &Event::LeaseEnded, NOW).await;
    put(store, new_task(4, ONE)).await;
    let again = lease(store, ONE, &[&second]).await.tasks;
    let numbers: Vec<_> = again
        .iter()
        .map(|t| (t.sequence, t.state.attempt))
        .collect();
    assert_eq!(numbers, [(Some(1), Attempt(2)), (Some(3), Attempt(1))]);
    assert_eq!(admit(store, ONE, EPOCH).await.sequence, 3);
}

/// A lost answer costs nothing: what the agent does not name comes again, the same attempt.
pub async fn a_leased_task_not_named_is_handed_over_again(store: &dyn TaskStore) {
    let first = put_leased(store, new_task(1, ONE)).await;
    let later = LeaseRequest {
        now: at(10),
        ..request(ONE)
    };
    let leased = store.lease(&later).await.unwrap();
    let [again] = leased.tasks.as_slice() else {
        panic!("a leased task that the agent does not name comes again: {leased:?}")
    };
    assert_eq!(again.id, first.id);
    assert_eq!(again.state.attempt, first.state.attempt);
    assert_eq!(again.sequence, first.sequence);
    assert_eq!(again.timeline, first.timeline);
    let expected = Phase::Leased {
        epoch: EPOCH,
        until: at(10).after(LEASE),
    };
    assert_eq!(again.state.phase, expected);
}

/// What the agent names it has.
pub async fn a_leased_task_named_is_not_handed_over_again(store: &dyn TaskStore) {
    let task = put_leased(store, new_task(1, ONE)).await;
    let leased = lease(store, ONE, &[&task]).await;
    assert!(leased.tasks.is_empty() && leased.cancel.is_empty());
    assert_eq!(read(store, &task).await, task);
}

/// Once accepted the agent has it for good, whether it names it or not.
pub async fn accepted_and_running_tasks_are_not_handed_out(store: &dyn TaskStore) {
    let accepted = put_accepted(store, new_task(1, ONE), true).await;
    let running = put_running(store, new_task(2, ONE), true).await;
    for holding in [&[][..], &[&accepted, &running]] {
        let leased = lease(store, ONE, holding).await;
        assert!(leased.tasks.is_empty() && leased.cancel.is_empty());
    }
    assert_eq!(read(store, &accepted).await, accepted);
    assert_eq!(read(store, &running).await, running);
}

/// An agent is given its own tasks only.
pub async fn tasks_of_other_agents_are_not_handed_out(store: &dyn TaskStore) {
    let task = put(store, new_task(1, TWO)).await;
    admit(store, ONE, EPOCH).await;
    assert!(lease(store, ONE, &[]).await.tasks.is_empty());
    assert_eq!(read(store, &task).await, task);
}

async fn assert_replaced(store: &dyn TaskStore, request: &LeaseRequest) {
    let leased = store.lease(request).await;
    let error = leased.expect_err("only the epoch that was admitted last may lease");
    assert_eq!(*error.kind(), StoreErrorKind::Replaced(request.agent));
}

/// Who was never admitted gets nothing.
pub async fn an_epoch_that_was_not_admitted_is_replaced(store: &dyn TaskStore) {
    put(store, new_task(1, ONE)).await;
    assert_replaced(store, &request(ONE)).await;
    admit(store, TWO, EPOCH).await;
    assert_replaced(store, &request(ONE)).await;
}

/// The epoch that was admitted last is the only one that may lease.
pub async fn an_epoch_that_was_replaced_gets_nothing(store: &dyn TaskStore) {
    let task = put(store, new_task(1, ONE)).await;
    admit(store, ONE, EPOCH).await;
    admit(store, ONE, epoch(2)).await;
    assert_replaced(store, &request(ONE)).await;
    assert_eq!(read(store, &task).await, task);
    let current = LeaseRequest {
        epoch: epoch(2),
        ..request(ONE)
    };
    assert_eq!(store.lease(&current).await.unwrap().tasks.len(), 1);
}

/// A task that can no longer start in time is not handed out; `overdue` ends it.
pub async fn a_task_whose_ttl_has_passed_is_not_leased(store: &dyn TaskStore) {
    let short = NewTask {
        ttl: secs(10),
        ..new_task(1, ONE)
    };
    put(store, short).await;
    admit(store, ONE, EPOCH).await;
    let when = |secs| LeaseRequest {
        now: at(secs),
        ..request(ONE)
    };
    let late = store.lease(&when(10)).await.unwrap().tasks;
    assert!(late.is_empty(), "leased after its ttl: {late:?}");
    assert_eq!(store.lease(&when(9)).await.unwrap().tasks.len(), 1);
}

/// `holding` is the heartbeat of a task: written down once an hour at most.
pub async fn naming_a_task_renews_its_word(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let heard_at = async |secs, naming: bool| {
        let request = LeaseRequest {
            holding: if naming { vec![held(&task)] } else { vec![] },
            now: at(secs),
            ..request(ONE)
        };
        store.lease(&request).await.unwrap();
        match read(store, &task).await.state.phase {
            Phase::Running { heard, .. } => heard,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(heard_at(60, true).await, NOW);
    assert_eq!(heard_at(4_000, false).await, NOW);
    assert_eq!(heard_at(4_000, true).await, at(4_000));
}

async fn cancels(store: &dyn TaskStore, holding: &[Held]) -> Vec<Cancel> {
    let request = LeaseRequest {
        holding: holding.to_vec(),
        ..request(ONE)
    };
    store.lease(&request).await.unwrap().cancel
}

fn cancel_of(held: Held) -> Cancel {
    Cancel {
        task: held.task,
        attempt: held.attempt,
    }
}

/// What the server has ended the agent is to give up.
pub async fn an_ended_task_is_cancelled_at_the_agent(store: &dyn TaskStore) {
    let ended = put_leased(store, new_task(1, ONE)).await;
    let fine = put_leased(store, new_task(2, ONE)).await;
    change(store, &ended, &Event::Cancel, NOW).await;
    let got = cancels(store, &[held(&ended), held(&fine)]).await;
    assert_eq!(got, [cancel_of(held(&ended))]);
}

/// An attempt that was taken back is to be given up; what is named back is the agent's pair.
pub async fn a_task_at_another_attempt_is_cancelled_at_the_agent(store: &dyn TaskStore) {
    let old = put_leased(store, new_task(1, ONE)).await;
    change(store, &old, &Event::LeaseEnded, NOW).await;
    let new = lease(store, ONE, &[]).await.tasks.remove(0);
    assert_eq!(new.state.attempt, Attempt(2));
    let got = cancels(store, &[held(&old)]).await;
    assert_eq!(got, [cancel_of(held(&old))]);
    assert!(cancels(store, &[held(&new)]).await.is_empty());
}

/// What somebody asked to cancel is said until the agent has seen it.
pub async fn a_task_asked_to_cancel_is_cancelled_at_the_agent(store: &dyn TaskStore) {
    let accepted = put_accepted(store, new_task(1, ONE), false).await;
    let running = put_running(store, new_task(2, ONE), false).await;
    for task in [&accepted, &running] {
        change(store, task, &Event::Cancel, NOW).await;
    }
    let holding = [held(&accepted), held(&running)];
    for _ in 0..2 {
        assert_eq!(cancels(store, &holding).await, holding.map(cancel_of));
    }
    assert_eq!(name(store, &accepted).await, StateName::Accepted);
    assert_eq!(name(store, &running).await, StateName::Running);
}

/// A task that the server does not know is to be given up.
pub async fn an_unknown_task_is_cancelled_at_the_agent(store: &dyn TaskStore) {
    admit(store, ONE, EPOCH).await;
    let unknown = Held {
        task: task_id(9),
        attempt: Attempt(3),
        cancel_seen: false,
    };
    assert_eq!(cancels(store, &[unknown]).await, [cancel_of(unknown)]);
}

/// A task that is another agent's is to be given up, and stays the other's.
pub async fn another_agents_task_is_cancelled_at_the_agent(store: &dyn TaskStore) {
    let task = put_leased(store, new_task(1, TWO)).await;
    admit(store, ONE, EPOCH).await;
    assert_eq!(
        cancels(store, &[held(&task)]).await,
        [cancel_of(held(&task))]
    );
    assert_eq!(read(store, &task).await, task);
}

/// Once the agent knows, nothing is said again.
pub async fn a_cancel_that_was_seen_is_not_repeated(store: &dyn TaskStore) {
    let running = put_running(store, new_task(1, ONE), false).await;
    let ended = put_leased(store, new_task(2, ONE)).await;
    for task in [&running, &ended] {
        change(store, task, &Event::Cancel, NOW).await;
    }
    let seen = |task| Held {
        cancel_seen: true,
        ..held(task)
    };
    assert!(
        cancels(store, &[seen(&running), seen(&ended)])
            .await
            .is_empty()
    );
}

/// Room 0 asks for cancels only.
pub async fn no_room_still_gives_cancels(store: &dyn TaskStore) {
    let running = put_running(store, new_task(1, ONE), false).await;
    change(store, &running, &Event::Cancel, NOW).await;
    let waiting = put(store, new_task(2, ONE)).await;
    let request = LeaseRequest {
        room: 0,
        holding: vec![held(&running)],
        ..request(ONE)
    };
    let leased = store.lease(&request).await.unwrap();
    assert!(leased.tasks.is_empty());
    assert_eq!(leased.cancel, [cancel_of(held(&running))]);
    assert_eq!(read(store, &waiting).await, waiting);
}

/// Leases of one agent at the same time: each task goes out as attempt 1, with a number of its
/// own, and once all are named nothing comes again.
pub async fn racing_leases_never_raise_an_attempt_twice(store: &dyn TaskStore) {
    for n in 1..=8 {
        put(store, new_task(n, ONE)).await;
    }
    admit(store, ONE, EPOCH).await;
    let barrier = Barrier::new(4);
    let take = || {
        barrier.wait();
        let request = LeaseRequest {
            room: 8,
            ..request(ONE)
        };
        block_on(store.lease(&request)).unwrap().tasks
    };
    let got: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    let mut pairs: Vec<_> = got.iter().map(|t| (t.sequence, t.id)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let numbers: Vec<_> = pairs.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(numbers, (1..=8).map(Some).collect::<Vec<_>>());
    assert!(got.iter().all(|task| task.state.attempt == Attempt(1)));
    let all: Vec<_> = got.iter().collect();
    assert!(lease(store, ONE, &all).await.tasks.is_empty());
}
