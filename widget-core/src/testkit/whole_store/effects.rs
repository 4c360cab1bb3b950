//! Effects and their entries.

use crate::access::Verifier;
use crate::store::{
    Action, Arrival, AuditEntry, AuditOrder, AuditQuery, Enrolled, Enrolment, HostId, NewToken,
    Purpose, StoreErrorKind, TaskChange, TaskStoreExt as _, WholeStore,
};
use crate::task::{Actor, Event, NewTask, Once, StateName};
use crate::testkit::fixtures::{NOW, agent, at, epoch, new_task, task_id};

fn entry(action: Action) -> AuditEntry {
    AuditEntry::new(NOW, "alice", "192.0.2.1", action, "it")
}

fn audited(n: u8) -> NewTask {
    NewTask {
        asked_by: Some("token:dép".into()),
        audit: Some(entry(Action::TaskCreate)),
        ..new_task(n, agent(1))
    }
}

async fn entries(store: &dyn WholeStore) -> Vec<AuditEntry> {
    let query = AuditQuery {
        order: AuditOrder::OldestFirst,
        limit: usize::MAX,
        ..AuditQuery::default()
    };
    let page = store.audit(&query).await.unwrap();
    page.entries
        .into_iter()
        .map(|record| record.entry)
        .collect()
}

/// The entry as it came; who asked stays with the task.
pub async fn a_task_and_its_entry_are_there_together(store: &dyn WholeStore) {
    let inserted = store.insert(audited(1)).await.unwrap();
    assert!(inserted.new);
    assert_eq!(inserted.task.asked_by.as_deref(), Some("token:dép"));
    let read = store.task(task_id(1)).await.unwrap();
    assert_eq!(read, Some(inserted.task));
    store.insert(new_task(2, agent(1))).await.unwrap();
    assert_eq!(entries(store).await, [entry(Action::TaskCreate)]);
}

/// By its id, its key, or since one like it waits.
pub async fn a_repeated_insert_leaves_no_entry(store: &dyn WholeStore) {
    let first = NewTask {
        once: Once::Key("key".into()),
        ..audited(1)
    };
    store.insert(first.clone()).await.unwrap();
    let by_key = NewTask {
        id: task_id(2),
        ..first
    };
    let by_kind = NewTask {
        once: Once::WhilePending,
        ..audited(3)
    };
    for repeated in [audited(1), by_key, by_kind] {
        let found = store.insert(repeated).await.unwrap();
        assert!(!found.new);
    }
    assert_eq!(entries(store).await.len(), 1);
}

/// The limit is that of the agent, and nothing is there of a task beyond it.
pub async fn a_task_too_many_leaves_no_entry(store: &dyn WholeStore) {
    let limited = |n| NewTask {
        most: Some(1),
        ..audited(n)
    };
    store.insert(limited(1)).await.unwrap();
    let error = store.insert(limited(2)).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    assert_eq!(store.task(task_id(2)).await.unwrap(), None);
    assert_eq!(entries(store).await.len(), 1);
}

/// The entry has the state before and after.
pub async fn a_change_and_its_entry_are_there_together(store: &dyn WholeStore) {
    store.insert(new_task(1, agent(1))).await.unwrap();
    let cancel = entry(Action::TaskCancel);
    let applied = store.apply_audited(task_id(1), &Event::Cancel, Actor::Api, NOW, cancel);
    let task = applied.await.unwrap().unwrap().task;
    assert_eq!(task.state.name(), StateName::Cancelled);
    let expected = entry(Action::TaskCancel).changing(Some("queued"), Some("cancelled"));
    assert_eq!(entries(store).await, [expected]);
}

/// Nor does a change of a task that is not there.
pub async fn a_conflict_leaves_no_entry(store: &dyn WholeStore) {
    let task = store.insert(new_task(1, agent(1))).await.unwrap().task;
    let applied = store.apply(task.id, &Event::Cancel, Actor::Api, NOW).await;
    applied.unwrap();
    for (n, kind) in [(1, StoreErrorKind::Conflict), (2, StoreErrorKind::NotFound)] {
        let change = TaskChange {
            id: task_id(n),
            expected: task.revision,
            state: task.state.clone(),
            evidence: None,
            entry: None,
            chunk: None,
            audit: Some(entry(Action::TaskCancel)),
        };
        let error = store.replace(change).await.unwrap_err();
        assert_eq!(*error.kind(), kind);
    }
    assert_eq!(entries(store).await, []);
}

/// A second cancel, and one of a task that is not there.
pub async fn an_event_that_changes_nothing_leaves_no_entry(store: &dyn WholeStore) {
    store.insert(new_task(1, agent(1))).await.unwrap();
    for id in [task_id(1), task_id(1), task_id(2)] {
        let cancel = entry(Action::TaskCancel);
        let applied = store.apply_audited(id, &Event::Cancel, Actor::Api, NOW, cancel);
        applied.await.unwrap();
    }
    assert_eq!(entries(store).await.len(), 1);
}

async fn arrive_on(store: &dyn WholeStore, machine: u8) {
    let arrival = Arrival {
        host: Some(HostId::new([machine; 16], "boot")),
        audit: Some(entry(Action::AgentClone)),
        ..Arrival::new(agent(1), 2, "tcp", Some(epoch(1)), at(0))
    };
    store.arrive(&arrival).await.unwrap();
}

/// Once, however often both arrive.
pub async fn a_clone_and_its_entry_are_there_together(store: &dyn WholeStore) {
    for machine in [1, 1] {
        arrive_on(store, machine).await;
    }
    assert_eq!(entries(store).await, []);
    for machine in [2, 1, 2] {
        arrive_on(store, machine).await;
        let row = store.agent(agent(1)).await.unwrap().unwrap();
        assert!(row.cloned.is_some());
        assert_eq!(entries(store).await, [entry(Action::AgentClone)]);
    }
}

/// And none where there was nothing to be released.
pub async fn a_release_and_its_entry_are_there_together(store: &dyn WholeStore) {
    for machine in [1, 2] {
        arrive_on(store, machine).await;
    }
    for released in [true, false] {
        let audit = entry(Action::AgentRelease);
        let result = store.release(agent(1), None, audit).await;
        assert_eq!(result.unwrap(), released);
    }
    let expected = [entry(Action::AgentClone), entry(Action::AgentRelease)];
    assert_eq!(entries(store).await, expected);
}

/// It was deleted between the look at its credential and its arrival.
pub async fn whose_credential_has_ended_makes_no_row_again(store: &dyn WholeStore) {
    let token = NewToken {
        verifier: Verifier::from_bytes([1; 32]),
        purpose: Purpose::Join {
            uses: 1,
            labels: Vec::new(),
        },
        name: "one".to_owned(),
        by: "alice".to_owned(),
        at: NOW,
        expires: None,
    };
    let made = store.add_token(token, entry(Action::TokenCreate)).await;
    let enrolment = Enrolment {
        token: made.unwrap().verifier,
        credential: Verifier::from_bytes([2; 32]),
        agent: agent(1),
        at: NOW,
        most: None,
        audit: entry(Action::AgentEnrol),
    };
    let Enrolled::New(credential) = store.enrol(&enrolment).await.unwrap() else {
        panic!("the token is good");
    };
    let arrival = Arrival {
        credential: Some(credential),
        ..Arrival::new(agent(1), 2, "tcp", Some(epoch(1)), at(0))
    };
    store.arrive(&arrival).await.unwrap();
    let ended = store.end_credential(agent(1), entry(Action::AgentDelete));
    assert!(ended.await.unwrap());
    store.delete_agent(agent(1)).await.unwrap();
    let error = store.arrive(&arrival).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::NotFound);
    assert_eq!(store.agent(agent(1)).await.unwrap(), None);
}
