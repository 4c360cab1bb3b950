//! What leases cost: nothing is written for an agent that has nothing to do.

use futures_lite::future::block_on;
use tempfile::TempDir;
use widget_core::store::{Admission, LeaseRequest, StoreErrorKind, TaskStore};
use widget_core::testkit::fixtures::{NOW, agent, epoch, new_task};

use crate::common::{open, written};

fn request(room: usize) -> LeaseRequest {
    LeaseRequest {
        agent: agent(1),
        epoch: epoch(1),
        room,
        bytes: 1_000,
        holding: Vec::new(),
        now: NOW,
        kinds: Vec::new(),
    }
}

async fn admit(store: &dyn TaskStore) {
    let admission = Admission {
        agent: agent(1),
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    store.admit(&admission).await.unwrap();
}

#[test]
fn a_lease_with_nothing_to_give_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    block_on(async {
        admit(&store).await;
        store.insert(new_task(1, agent(2))).await.unwrap();
        store.insert(new_task(2, agent(1))).await.unwrap();
        let before = written(directory.path());
        assert!(store.lease(&request(0)).await.unwrap().tasks.is_empty());
        assert_eq!(written(directory.path()), before);
        assert_eq!(store.lease(&request(1)).await.unwrap().tasks.len(), 1);
        assert!(written(directory.path()) > before);
    });
}

#[test]
fn a_lease_of_a_replaced_memory_is_refused_without_a_write() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    block_on(async {
        admit(&store).await;
        let before = written(directory.path());
        let old = LeaseRequest {
            epoch: epoch(9),
            ..request(1)
        };
        let error = store.lease(&old).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Replaced(agent(1)));
        assert_eq!(written(directory.path()), before);
    });
}
