//! Admission: whose memory counts, and what a lost one costs, the agent's or the store's.

use super::{
    EPOCH, ONE, TWO, admit, held, lease, name, put, put_accepted, put_leased, put_running, read,
    request,
};
use crate::id::{AgentId, Attempt, SpoolEpoch, StoreEpoch};
use crate::message::{Held, Seen};
use crate::store::{Admission, Admitted, LeaseRequest, TaskStore};
use crate::task::{NewTask, Phase, StateName};
use crate::testkit::fixtures::{NOW, at, epoch, new_task, store_epoch};

async fn admit_seen(
    store: &dyn TaskStore,
    (agent, epoch): (AgentId, SpoolEpoch),
    (seen, sequence): (StoreEpoch, u64),
) -> Admitted {
    admit_lineage(store, (agent, epoch), (&[seen], sequence)).await
}

/// Admits an agent that has seen a store with these epochs, oldest first, and such a sequence.
async fn admit_lineage(
    store: &dyn TaskStore,
    (agent, epoch): (AgentId, SpoolEpoch),
    (stores, sequence): (&[StoreEpoch], u64),
) -> Admitted {
    let admission = Admission {
        agent,
        epoch,
        seen: Some(Seen {
            stores: stores.to_vec(),
            sequence,
            at: NOW,
        }),
        now: NOW,
    };
    store.admit(&admission).await.unwrap()
}

/// Nothing was given yet; the epoch is the store's.
pub async fn a_first_admission_begins_at_sequence_zero(store: &dyn TaskStore) {
    let first = admit(store, ONE, EPOCH).await;
    assert_eq!(first.sequence, 0);
    assert_eq!(admit(store, TWO, EPOCH).await, first);
}

/// Leased to a memory that is gone, it has not started: back to the queue, and out again.
pub async fn a_new_epoch_takes_back_what_was_leased(store: &dyn TaskStore) {
    let task = put_leased(store, new_task(1, ONE)).await;
    assert_eq!(admit(store, ONE, epoch(2)).await.sequence, 1);
    let now = read(store, &task).await;
    assert_eq!(now.state.phase, Phase::Queued { not_before: None });
    assert!(!now.state.started_before);
    assert_eq!(now.timeline.last().unwrap().state, StateName::Queued);
    let request = LeaseRequest {
        epoch: epoch(2),
        ..request(ONE)
    };
    let again = store.lease(&request).await.unwrap().tasks.remove(0);
    assert_eq!(again.state.attempt, Attempt(2));
    assert_eq!(again.sequence, Some(1));
}

/// Accepted or running in a memory that is gone, it may have happened.
pub async fn a_new_epoch_interrupts_what_may_have_started(store: &dyn TaskStore) {
    let accepted = put_accepted(store, new_task(1, ONE), false).await;
    let running = put_running(store, new_task(2, ONE), false).await;
    admit(store, ONE, epoch(2)).await;
    for task in [accepted, running] {
        let now = read(store, &task).await;
        assert_eq!(now.state.name(), StateName::Interrupted);
        assert_eq!(now.timeline.len(), task.timeline.len() + 1);
        assert_eq!(now.revision.0, task.revision.0 + 1);
    }
}

/// An idempotent handler may start again.
pub async fn a_new_epoch_requeues_what_is_idempotent(store: &dyn TaskStore) {
    let accepted = put_accepted(store, new_task(1, ONE), true).await;
    let running = put_running(store, new_task(2, ONE), true).await;
    admit(store, ONE, epoch(2)).await;
    for task in [accepted, running] {
        let now = read(store, &task).await;
        assert_eq!(now.state.name(), StateName::Queued);
        assert!(now.state.started_before);
    }
}

/// A reconnect is no loss.
pub async fn the_same_epoch_again_changes_nothing(store: &dyn TaskStore) {
    let tasks = [
        put_leased(store, new_task(1, ONE)).await,
        put_accepted(store, new_task(2, ONE), true).await,
        put_running(store, new_task(3, ONE), false).await,
    ];
    let first = admit(store, ONE, EPOCH).await;
    assert_eq!(admit(store, ONE, EPOCH).await, first);
    for task in tasks {
        let now = read(store, &task).await;
        assert_eq!(now.state.name(), task.state.name());
        assert_eq!(now.state.attempt, task.state.attempt);
    }
}

/// The loss of one agent's memory is nobody else's.
pub async fn an_admission_leaves_other_agents_alone(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, TWO), false).await;
    admit(store, ONE, epoch(2)).await;
    assert_eq!(read(store, &task).await, task);
    assert!(lease(store, TWO, &[&task]).await.cancel.is_empty());
}

/// An agent that has seen what the store gave, or less, tells nothing new.
pub async fn a_sequence_seen_that_was_given_changes_nothing(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let first = admit(store, ONE, EPOCH).await;
    for seen in [0, 1] {
        let again = admit_seen(store, (ONE, EPOCH), (first.store, seen)).await;
        let known = true;
        assert_eq!(again, Admitted { known, ..first });
    }
    lease(store, ONE, &[]).await;
    assert_eq!(read(store, &task).await, task);
}

/// The store was restored from a backup: a new epoch, and numbers go on above the agent's.
pub async fn a_sequence_seen_above_the_stores_makes_a_new_store_epoch(store: &dyn TaskStore) {
    let before = admit(store, ONE, EPOCH).await;
    let after = admit_seen(store, (ONE, EPOCH), (before.store, 40)).await;
    assert_ne!(after.store, before.store);
    assert_eq!((after.known, after.sequence), (true, 40));
    let known = false;
    let silent = admit(store, ONE, EPOCH).await;
    assert_eq!(silent, Admitted { known, ..after });
    lease(store, ONE, &[]).await;
    put(store, new_task(1, ONE)).await;
    let task = lease(store, ONE, &[]).await.tasks.remove(0);
    assert_eq!(task.sequence, Some(41));
}

async fn restore(store: &dyn TaskStore) {
    let before = admit(store, ONE, EPOCH).await;
    admit_seen(store, (ONE, EPOCH), (before.store, 40)).await;
}

/// What was in the backup and is not named may have happened; what is named goes on.
pub async fn after_a_restore_tasks_not_named_are_interrupted(store: &dyn TaskStore) {
    let named = put_running(store, new_task(1, ONE), false).await;
    let running = put_running(store, new_task(2, ONE), false).await;
    let accepted = put_accepted(store, new_task(3, ONE), false).await;
    let leased = put_leased(store, new_task(4, ONE)).await;
    let other = put_running(store, new_task(6, TWO), false).await;
    let queued = put(store, new_task(5, ONE)).await;
    restore(store).await;
    assert_eq!(name(store, &running).await, StateName::Running, "not yet");

    let given = lease(store, ONE, &[&named]).await;
    assert!(given.tasks.is_empty(), "{given:?}");
    for task in [&running, &accepted, &leased, &queued] {
        assert_eq!(name(store, task).await, StateName::Interrupted);
    }
    assert_eq!(name(store, &named).await, StateName::Running);
    assert_eq!(read(store, &other).await, other);
}

/// After a restore too an idempotent handler may start again.
pub async fn after_a_restore_idempotent_tasks_are_requeued(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), true).await;
    restore(store).await;
    lease(store, ONE, &[]).await;
    let again = lease(store, ONE, &[]).await.tasks.remove(0);
    assert_eq!(again.id, task.id);
    assert_eq!(again.state.attempt, Attempt(2));
}

/// Only the first lease after the restore puts things right.
pub async fn after_a_restore_the_second_lease_is_an_ordinary_one(store: &dyn TaskStore) {
    restore(store).await;
    lease(store, ONE, &[]).await;
    let task = put(store, new_task(1, ONE)).await;
    let leased = lease(store, ONE, &[]).await.tasks.remove(0);
    assert_eq!(leased.id, task.id);
    let again = lease(store, ONE, &[]).await.tasks;
    assert_eq!(again.len(), 1, "handed over again, not interrupted");
}

/// A store has one memory, and so one epoch.
pub async fn the_store_epoch_is_the_same_for_every_agent(store: &dyn TaskStore) {
    let first = admit(store, ONE, EPOCH).await;
    let renewed = admit_seen(store, (ONE, EPOCH), (first.store, 5)).await;
    let other = admit(store, TWO, EPOCH).await;
    assert_eq!((other.store, other.sequence), (renewed.store, 0));
}

/// What an agent has seen of another store says nothing of this one.
pub async fn a_sequence_of_another_store_says_nothing(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let first = admit(store, ONE, EPOCH).await;
    let foreign = [store_epoch(98), store_epoch(99)];
    let again = admit_lineage(store, (ONE, EPOCH), (&foreign, 1_000)).await;
    assert_eq!((again, again.known), (first, false));
    let request = LeaseRequest {
        holding: vec![held(&task)],
        ..request(ONE)
    };
    assert!(store.lease(&request).await.unwrap().cancel.is_empty());
    assert_eq!(read(store, &task).await, task);
}

/// Another agent has already moved the store to a new epoch: one that shows the earlier one has
/// seen more all the same, and moves it no further.
pub async fn an_agent_that_shows_an_earlier_epoch_is_noticed_too(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, TWO), false).await;
    let before = admit(store, TWO, EPOCH).await;
    let renewed = admit_seen(store, (ONE, EPOCH), (before.store, 40)).await;
    let other = admit_seen(store, (TWO, EPOCH), (before.store, 7)).await;
    assert_eq!((other.store, other.known), (renewed.store, true));
    assert_eq!(other.sequence, 7);
    lease(store, TWO, &[]).await;
    assert_eq!(name(store, &task).await, StateName::Interrupted);
}

/// A backup that was restored twice: the agents name the epoch in between, which the store has
/// forgotten with all else, and one before it.
pub async fn a_second_restore_of_a_backup_is_noticed_by_the_lineage(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let backup = admit(store, ONE, EPOCH).await;
    let lineage = [backup.store, store_epoch(98)];
    let after = admit_lineage(store, (ONE, EPOCH), (&lineage, 40)).await;
    assert!(!lineage.contains(&after.store), "an epoch of its own");
    assert_eq!((after.known, after.sequence), (true, 40));
    lease(store, ONE, &[]).await;
    assert_eq!(name(store, &task).await, StateName::Interrupted);
    let other = admit_lineage(store, (TWO, EPOCH), (&lineage, 7)).await;
    assert_eq!((other.store, other.known), (after.store, true));
    assert_eq!(other.sequence, 7);
}

/// A store that was restored twice, and an agent whose memory began in between: it names an epoch that
/// the store has forgotten with all else, and none that it remembers.
pub async fn an_epoch_that_only_an_agent_remembers_is_noticed(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let backup = admit(store, ONE, EPOCH).await;
    let between = backup.store.followed_by(&store_epoch(98));
    let after = admit_seen(store, (ONE, EPOCH), (between, 1)).await;
    assert!(after.known && after.store != between);
    lease(store, ONE, &[]).await;
    assert_eq!(name(store, &task).await, StateName::Interrupted);
    // Once is enough: what waits now is of this state.
    let waits = put(store, new_task(2, ONE)).await;
    let lineage = [between, after.store];
    admit_lineage(store, (ONE, EPOCH), (&lineage, 1)).await;
    let given = lease(store, ONE, &[]).await.tasks;
    assert_eq!(given.first().map(|task| task.id), Some(waits.id));
}

/// However often it was restored, a store knows each of its epochs.
pub async fn every_epoch_of_a_store_stays_known(store: &dyn TaskStore) {
    let mut lineage = vec![admit(store, ONE, EPOCH).await.store];
    for sequence in [10, 20, 30] {
        let after = admit_lineage(store, (ONE, EPOCH), (&lineage, sequence)).await;
        assert!(after.known && !lineage.contains(&after.store));
        lineage.push(after.store);
    }
    for epoch in lineage {
        let seen = admit_seen(store, (TWO, EPOCH), (epoch, 0)).await;
        assert!(seen.known, "{epoch:?}");
    }
}

/// Queued after the agent was given something last, it cannot have been among that.
pub async fn after_a_restore_what_was_queued_later_is_an_ordinary_task(store: &dyn TaskStore) {
    let queued = |n, secs| NewTask {
        created: at(secs),
        ..new_task(n, ONE)
    };
    let older = put(store, queued(1, 0)).await;
    let newer = put(store, queued(2, 1)).await;
    restore(store).await;
    let given = lease(store, ONE, &[]).await.tasks;
    let given: Vec<_> = given.iter().map(|task| task.id).collect();
    assert_eq!(given, [newer.id]);
    assert_eq!(name(store, &older).await, StateName::Interrupted);
}

/// A connection that ends before the first lease changes nothing of what that has to put right.
pub async fn after_a_restore_a_reconnect_leaves_it_to_the_first_lease(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let before = admit(store, ONE, EPOCH).await;
    let after = admit_seen(store, (ONE, EPOCH), (before.store, 40)).await;
    let lineage = [before.store, after.store];
    let again = admit_lineage(store, (ONE, EPOCH), (&lineage, 40)).await;
    assert_eq!(again, after);
    lease(store, ONE, &[]).await;
    assert_eq!(name(store, &task).await, StateName::Interrupted);
}

/// However little room there is, what may have happened is never given again.
pub async fn after_a_restore_no_lack_of_room_hides_what_may_have_happened(store: &dyn TaskStore) {
    for (number, room) in [(1_u8, 0), (11, 1)] {
        let queued = |n, secs, priority| NewTask {
            created: at(secs),
            priority,
            ..new_task(number + n, ONE)
        };
        let older = put(store, queued(0, 0, 0)).await;
        for n in 1..=3 {
            put(store, queued(n, 1, 9)).await;
        }
        let before = admit(store, ONE, EPOCH).await;
        admit_seen(
            store,
            (ONE, EPOCH),
            (before.store, 1_000 * u64::from(number)),
        )
        .await;
        let request = LeaseRequest {
            room,
            ..request(ONE)
        };
        let given = store.lease(&request).await.unwrap().tasks;
        assert_eq!(given.len(), room);
        assert_eq!(name(store, &older).await, StateName::Interrupted, "{room}");
    }
}

/// The store has forgotten that it gave a task that the agent names: it would take no word of it, and
/// give it again once the agent is done with it.
pub async fn after_a_restore_what_waits_is_not_given_again_though_it_is_named(
    store: &dyn TaskStore,
) {
    let task = put(store, new_task(1, ONE)).await;
    restore(store).await;
    let running = Held {
        task: task.id,
        attempt: Attempt(1),
        cancel_seen: false,
    };
    let request = LeaseRequest {
        holding: vec![running],
        ..request(ONE)
    };
    let given = store.lease(&request).await.unwrap();
    assert!(given.tasks.is_empty(), "{given:?}");
    assert_eq!(given.cancel.len(), 1, "it is to be given up");
    assert_eq!(name(store, &task).await, StateName::Interrupted);
    assert!(lease(store, ONE, &[]).await.tasks.is_empty());
}
