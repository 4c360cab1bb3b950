//! The spool on real files keeps what a spool promises.
#![allow(clippy::unwrap_used)] // that is how a test fails

use std::fs;
use std::path::Path;

use smol::Executor;
use std::sync::Arc;
use tempfile::TempDir;
use widget_agent::runtime::SmolRuntime;
use widget_agent::{Identity, IdentityError, open_spool};
use widget_core::spool::{Damage, LIMITS, LOG, LOG_NEW, Opened, Record, Spool};
use widget_core::testkit::fixtures::task_id;
use widget_core::testkit::spool::{Shelf, fill, over, started, taken};

fn open(directory: &Path) -> Result<Opened, IdentityError> {
    let runtime = SmolRuntime::new(Arc::new(Executor::new()));
    open_spool(directory, LIMITS.0, &runtime)
}

#[test]
fn a_limit_that_was_lowered_below_what_is_there_stops_no_task() {
    let directory = TempDir::new().unwrap();
    let runtime = SmolRuntime::new(Arc::new(Executor::new()));
    let mut before = open_spool(directory.path(), 8 * LIMITS.0, &runtime).unwrap();
    for number in 1..=20 {
        before.spool.commit(&[taken(number, 200_000)]).unwrap();
    }
    drop(before);
    let mut spool = open(directory.path()).unwrap().spool;
    for number in 1..=20 {
        let task = task_id(number);
        spool.commit(&[started(task)]).unwrap();
        spool.commit(&[over(task, 0)]).unwrap();
    }
    for number in 1..=20 {
        let task = task_id(number);
        spool
            .commit(&[Record::Forgotten { task, spent: true }])
            .unwrap();
    }
    spool.commit(&[taken(21, 200_000)]).unwrap();
    let path = directory.path().join(LOG);
    assert!(fs::metadata(path).unwrap().len() < LIMITS.0);
}

fn files() -> impl Shelf {
    let directory = TempDir::new().unwrap();
    move || {
        let opened = open(directory.path()).unwrap();
        assert!(opened.aside.is_none() && opened.trouble.is_none());
        Box::new(opened.spool) as Box<dyn Spool>
    }
}

widget_core::spool_suite!(files);

#[test]
fn a_second_process_is_refused_with_or_without_an_identity() {
    let directory = TempDir::new().unwrap();
    let runtime = SmolRuntime::new(Arc::new(Executor::new()));
    let identity = Identity::open(directory.path(), &runtime).unwrap();
    let first = open(directory.path()).unwrap();
    drop(identity);
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, IdentityError::InUse(_)), "{error}");
    drop(first);
    open(directory.path()).unwrap();
}

#[test]
fn a_rewritten_file_is_alone() {
    let directory = TempDir::new().unwrap();
    let mut spool = open(directory.path()).unwrap().spool;
    for _ in 0..40 {
        spool.commit(&[taken(1, 10_000)]).unwrap();
    }
    let path = directory.path().join(LOG);
    let length = fs::metadata(path).unwrap().len();
    assert_eq!(length, spool.stats().bytes);
    assert!(length < 200_000, "{length}");
    assert!(!directory.path().join(LOG_NEW).exists());
}

#[test]
fn a_directory_in_the_place_of_the_file_is_set_aside() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join(LOG)).unwrap();
    let mut opened = open(directory.path()).unwrap();
    assert_eq!(opened.aside.unwrap().damage, Damage::Unreadable);
    fill(&mut opened.spool, 1);
}
