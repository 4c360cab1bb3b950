//! A full disk: said as it is, nothing half done, and over as soon as there is room.

use crate::common::{append, batch, open, seqs, whole};
use futures_lite::future::{block_on, zip};
use tempfile::TempDir;
use widget_core::Payload;
use widget_core::store::{ReportStore, StoreError, StoreErrorKind, TaskStore};
use widget_core::task::NewTask;
use widget_core::testkit::fixtures::{agent, at, new_task, task_id};
use widget_store_sqlite::{SqliteOptions, SqliteStore};

const STEP: u64 = 500;

/// A store with room for some thousand reports, and the last number that it took.
fn full() -> (TempDir, SqliteStore, u64, StoreError) {
    let directory = TempDir::new().unwrap();
    let mut options = SqliteOptions::new(directory.path());
    options.max_bytes = Some(400_000);
    let store = SqliteStore::open(&options).unwrap();
    let mut last = 0;
    loop {
        match append(&store, batch(agent(1), last, last + STEP)) {
            Ok(_) => last += STEP,
            Err(error) => return (directory, store, last, error),
        }
        assert!(last < 100_000, "the limit does not hold");
    }
}

#[test]
fn what_does_not_fit_is_unavailable_and_nothing_of_it_is_stored() {
    let (_directory, store, last, error) = full();
    assert!(last > 0);
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    assert!(whole(&error).contains("full"), "{}", whole(&error));
    assert_eq!(seqs(&store, agent(1)), (1..=last).collect::<Vec<_>>());
    let task = NewTask {
        input: Payload::from_json_text(format!("\"{}\"", "x".repeat(200_000))),
        ..new_task(1, agent(1))
    };
    let error = block_on(store.insert(task)).unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(block_on(store.task(task_id(1))).unwrap(), None);
}

#[test]
fn a_write_that_fits_goes_through_beside_one_that_does_not() {
    let (_directory, store, last, _) = full();
    block_on(async {
        let large = store.append(batch(agent(1), last, last + STEP));
        let small = store.append(batch(agent(1), last, last));
        let (large, small) = zip(large, small).await;
        assert_eq!(*large.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(small.unwrap().through, last);
    });
}

#[test]
fn it_goes_on_when_there_is_room_again() {
    let (_directory, store, last, _) = full();
    assert_eq!(block_on(store.prune_reports(at(1), 1_000)).unwrap(), 1_000);
    append(&store, batch(agent(1), last, last + STEP)).unwrap();
    block_on(store.insert(new_task(1, agent(1)))).unwrap();
    assert_eq!(
        seqs(&store, agent(1)),
        (1_001..=last + STEP).collect::<Vec<_>>()
    );
}

#[test]
fn it_goes_on_when_the_limit_is_lifted() {
    let (directory, store, last, _) = full();
    drop(store);
    let store = open(directory.path());
    append(&store, batch(agent(1), last, last + STEP)).unwrap();
    assert_eq!(seqs(&store, agent(1)).len() as u64, last + STEP);
}
