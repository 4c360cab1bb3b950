//! The suite of task stores on the example `file_store`, and what it promises besides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has to fail"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use widget_core::runtime::SmolRuntime;
use widget_core::store::{StoreErrorKind, TaskStore};
use widget_core::testkit::fixtures::{NOW, agent, new_task, task_id};
use widget_core::testkit::run;
use widget_examples::file_store::FileStore;

mod tasks {
    //! Each case on a directory of its own.
    widget_core::task_store_suite!(super::fresh);
}

/// A store, and the directory that lives as long as it.
async fn fresh() -> (FileStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open(directory.path()), directory)
}

fn open(directory: &Path) -> FileStore {
    let runtime = Arc::new(SmolRuntime::new(Arc::default()));
    FileStore::open(runtime, directory).unwrap()
}

#[test]
fn opened_again_it_has_what_it_answered() {
    run(async {
        let (store, directory) = fresh().await;
        let kept = store.insert(new_task(1, agent(1))).await.unwrap().task;
        assert_eq!(store.prune_tasks(NOW, 10).await.unwrap(), 0);
        drop(store);
        let store = open(directory.path());
        assert_eq!(store.task(task_id(1)).await.unwrap(), Some(kept));
    });
}

#[test]
fn an_end_that_was_cut_off_is_left_out_and_written_over() {
    run(async {
        let (store, directory) = fresh().await;
        store.insert(new_task(1, agent(1))).await.unwrap();
        drop(store);
        let path = directory.path().join("tasks.journal");
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        // The beginning of a frame.
        file.write_all(&[0x04, 0xd2, 0, 2, 1]).unwrap();
        drop(file);
        for n in 2..=3 {
            let store = open(directory.path());
            assert!(store.insert(new_task(n, agent(1))).await.unwrap().new);
            drop(store);
        }
        let store = open(directory.path());
        for n in 1..=3 {
            assert!(store.task(task_id(n)).await.unwrap().is_some());
        }
    });
}

#[test]
fn damage_in_the_middle_is_told_and_nothing_is_thrown_away() {
    run(async {
        let (store, directory) = fresh().await;
        store.insert(new_task(1, agent(1))).await.unwrap();
        drop(store);
        let path = directory.path().join("tasks.journal");
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(byte) = bytes.get_mut(20) {
            *byte ^= 1;
        }
        std::fs::write(&path, &bytes).unwrap();
        let runtime = Arc::new(SmolRuntime::new(Arc::default()));
        let error = FileStore::open(runtime, directory.path()).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    });
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    run(async {
        let (_store, directory) = fresh().await;
        let runtime = Arc::new(SmolRuntime::new(Arc::default()));
        let error = FileStore::open(runtime, directory.path()).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::InUse);
    });
}
