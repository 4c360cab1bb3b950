//! A disk that refuses, at each call of a spool: nothing that was answered is lost, what was refused
//! is kept as a whole or not at all, and once the disk is well again all goes on.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // that is how a test fails

use std::io::ErrorKind;

use widget_core::spool::{
    Contents, LIMITS, LOG, LogSpool, Opened, Recall, Record, Spool, SpoolError,
};
use widget_core::testkit::disk::SimDisk;
use widget_core::testkit::fixtures::{NOW, epoch, report, task_id};
use widget_core::testkit::spool::{fill, over, started, taken};

const KINDS: [ErrorKind; 3] = [
    ErrorKind::StorageFull,
    ErrorKind::Other,
    ErrorKind::ReadOnlyFilesystem,
];

fn open(disk: &SimDisk) -> Opened {
    LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(1), NOW)
}

/// What is there when the process dies now.
fn reopened(disk: &SimDisk) -> LogSpool {
    let Opened {
        spool,
        aside,
        trouble,
    } = open(&SimDisk::with(disk.image()));
    assert!(trouble.is_none() && aside.is_none());
    spool
}

fn tasks(recall: Recall) -> Recall {
    Recall {
        delivered: 0,
        ..recall
    }
}

fn groups() -> Vec<Vec<Record>> {
    let mut groups = Vec::new();
    for n in 1..=5_u8 {
        groups.push(vec![taken(n, 16_000)]);
        groups.push(vec![started(task_id(n))]);
        groups.push(vec![over(task_id(n), 100)]);
        groups.push(vec![Record::Forgotten {
            task: task_id(n),
            spent: true,
        }]);
    }
    groups
}

/// Runs the groups with `count` calls refused from the one after `after`. How many commits were
/// refused.
fn run(after: u64, count: u64, kind: ErrorKind) -> u64 {
    let disk = SimDisk::default();
    let mut spool = open(&disk).spool;
    disk.refuse(after, count, kind);
    let mut model = Contents::default();
    let (mut refused, mut synced, mut kept) = (0, 0, tasks(spool.recall()));
    for group in groups() {
        spool.append(report(spool.next_seq(), 0)).unwrap();
        if spool.sync().is_ok() {
            synced = spool.next_seq() - 1;
        }
        let result = spool.commit(&group);
        let mut after = reopened(&disk);
        let now = tasks(after.recall());
        match result {
            Ok(()) => {
                group.iter().for_each(|record| model.apply(record));
                kept = tasks(spool.recall());
                assert_eq!(kept, tasks(model.recall()));
                synced = spool.next_seq() - 1;
                assert_eq!(now, kept, "what was answered is there");
            }
            Err(SpoolError::Unusable(error)) => {
                refused += 1;
                assert_eq!(error.kind(), kind);
                assert_eq!(tasks(spool.recall()), kept, "it goes on without the group");
                let mut more = model.clone();
                group.iter().for_each(|record| more.apply(record));
                let whole = now == kept || now == tasks(more.recall());
                assert!(whole, "it is there as a whole or not at all");
            }
            Err(error) => panic!("{error:?}"),
        }
        let given = spool.read(0, usize::MAX).unwrap().reports;
        let last = given.last().map_or(0, |report| report.seq);
        assert!(after.next_seq() > last, "a number would be given twice");
        let there = after.read(0, usize::MAX).unwrap().reports.len() as u64;
        assert!(there >= synced, "synced reports are there");
    }

    disk.heal();
    spool.commit(&[taken(100, 1)]).unwrap();
    spool.append(report(spool.next_seq(), 0)).unwrap();
    spool.sync().unwrap();
    let count = groups().len() + 1;
    let mut after = reopened(&disk);
    assert_eq!(after.recall(), spool.recall());
    assert_eq!(after.read(0, usize::MAX).unwrap().reports.len(), count);
    refused
}

#[test]
fn each_call_may_fail_for_a_while_or_for_long() {
    let calls = {
        let disk = SimDisk::default();
        let mut spool = open(&disk).spool;
        let before = disk.calls();
        for group in groups() {
            spool.append(report(spool.next_seq(), 0)).unwrap();
            spool.sync().unwrap();
            spool.commit(&group).unwrap();
        }
        disk.calls() - before
    };
    println!(
        "{:<22} {:>6} {:>16}",
        "calls refused", "runs", "commits refused"
    );
    for count in [1, 2, 7, u64::MAX] {
        let kinds = KINDS.iter().cycle();
        let runs = (0..calls).step_by(2).zip(kinds);
        let refused: u64 = runs.map(|(at, kind)| run(at, count, *kind)).sum();
        let runs = calls.div_ceil(2);
        println!("{count:<22} {runs:>6} {refused:>16}");
        assert!(refused > 0);
    }
}

#[test]
fn a_failed_sync_is_never_asked_for_again_on_the_same_file() {
    let disk = SimDisk::default();
    let mut spool = open(&disk).spool;
    spool.append(report(1, 0)).unwrap();
    disk.refuse(0, 1, ErrorKind::Other);
    assert!(matches!(spool.sync(), Err(SpoolError::Unusable(_))));
    // The disk has lost it, and would say that all is well.
    spool.commit(&[taken(1, 1)]).unwrap();
    let mut after = reopened(&disk);
    assert_eq!(after.read(0, 9).unwrap().reports, [report(1, 0)]);
    assert_eq!(after.recall().tasks.len(), 1);
}

#[test]
fn a_disk_that_refuses_from_the_start_stops_nobody() {
    let disk = SimDisk::default();
    disk.refuse(1, u64::MAX, ErrorKind::StorageFull);
    let Opened {
        mut spool,
        aside,
        trouble,
    } = open(&disk);
    assert_eq!(trouble.unwrap().kind(), ErrorKind::StorageFull);
    assert!(aside.is_none());
    for _ in 0..1_000 {
        spool.append(report(spool.next_seq(), 0)).unwrap();
        assert!(spool.sync().is_err());
    }
    assert!(disk.calls() < 100, "it is not asked at each call");
    assert_eq!(spool.read(0, 9).unwrap().reports, []);
    disk.heal();
    spool.commit(&[taken(1, 1)]).unwrap();
    assert_eq!(spool.read(0, 2_000).unwrap().reports.len(), 1_000);
    assert_eq!(reopened(&disk).recall().tasks.len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_once_that_is_possible() {
    let disk = SimDisk::default();
    fill(&mut open(&disk).spool, 3);
    let before = disk.image()[LOG].clone();
    disk.refuse(0, 4, ErrorKind::Other);
    let mut opened = LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(2), NOW);
    let aside = opened.aside.unwrap();
    assert!(opened.trouble.is_some());
    assert_eq!(disk.image()[LOG], before);
    disk.heal();
    opened.spool.commit(&[taken(1, 1)]).unwrap();
    assert_eq!(disk.image()[&aside.name], before);
    assert_eq!(reopened(&disk).epoch(), epoch(2));
}

#[test]
fn a_disk_without_room_beside_the_file_goes_on_with_the_file() {
    let disk = SimDisk::default();
    let mut spool = open(&disk).spool;
    for n in 1..=16 {
        spool.commit(&[taken(n, 6_000)]).unwrap();
    }
    // Most of it is dead soon, and only new files are refused.
    let mut refused = 0;
    for n in 1..=16 {
        let task = task_id(n);
        let group = [Record::Forgotten { task, spent: true }];
        let before = disk.calls();
        disk.refuse(2, 1, ErrorKind::StorageFull);
        spool.commit(&group).unwrap();
        refused += u64::from(disk.calls() - before > 2);
        disk.heal();
    }
    assert!(refused > 0, "a new file was tried");
    assert_eq!(reopened(&disk).recall(), spool.recall());
}
