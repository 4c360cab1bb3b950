//! The log against its model: whatever is done, in whatever order, what is on disk comes to the same
//! as what is in memory.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::panic)] // that is how a test fails

use proptest::prelude::*;
use widget_core::id::Attempt;
use widget_core::message::Seen;
use widget_core::spool::{Contents, End, LIMITS, LogSpool, Record, Spool, SpoolError};
use widget_core::testkit::disk::SimDisk;
use widget_core::testkit::fixtures::{NOW, at, epoch, report, store_epoch, task_id};
use widget_core::testkit::spool::{over, started, taken};

#[derive(Debug, Clone)]
enum Op {
    Commit(Vec<Record>),
    Reports(u64),
    Sync,
    Trim(u64),
    Reopen,
}

fn record() -> impl Strategy<Value = Record> {
    let task = (1..8_u8).prop_map(task_id);
    prop_oneof![
        6 => (1..8_u8, 1..40_000_usize).prop_map(|(n, size)| taken(n, size)),
        1 => (1..8_u8, 200_000..262_144_usize).prop_map(|(n, size)| taken(n, size)),
        3 => task.clone().prop_map(started),
        3 => (task.clone(), 1..40_000_usize).prop_map(|(task, size)| over(task, size)),
        1 => (task.clone(), 300_000..900_000_usize).prop_map(|(task, size)| over(task, size)),
        2 => (task.clone(), any::<bool>())
            .prop_map(|(task, spent)| Record::Forgotten { task, spent }),
        1 => task.clone().prop_map(|task| Record::CancelSeen { task }),
        1 => task.clone().prop_map(|task| Record::Leaving { task, end: End::Agent }),
        1 => (task, 1..9_u32)
            .prop_map(|(task, n)| Record::Adopted { task, attempt: Attempt(n) }),
        1 => (0..9_u8).prop_map(|n| Record::Seen(Seen {
            stores: vec![store_epoch(n)],
            sequence: n.into(),
            at: at(n.into()),
        })),
        1 => Just(Record::OtherStore),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => proptest::collection::vec(record(), 1..4).prop_map(Op::Commit),
        3 => (1..60_u64).prop_map(Op::Reports),
        1 => Just(Op::Sync),
        1 => (0..200_u64).prop_map(Op::Trim),
        1 => Just(Op::Reopen),
    ]
}

fn open(disk: &SimDisk) -> LogSpool {
    let opened = LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(1), NOW);
    assert!(opened.aside.is_none() && opened.trouble.is_none());
    opened.spool
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_is_what_the_model_is(ops in proptest::collection::vec(op(), 1..80)) {
        let (disk, mut model) = (SimDisk::default(), Contents::default());
        let (mut spool, mut thinned) = (open(&disk), false);
        for op in ops {
            match op {
                Op::Commit(group) => match spool.commit(&group) {
                    Ok(()) => group.iter().for_each(|record| model.apply(record)),
                    Err(SpoolError::Full) => {}
                    Err(error) => panic!("{error:?}"),
                },
                Op::Reports(count) => for _ in 0..count {
                    let report = report(spool.next_seq(), 0);
                    model.push(report.clone());
                    spool.append(report).unwrap();
                },
                Op::Sync => spool.sync().unwrap(),
                Op::Trim(through) => {
                    let through = through.min(spool.next_seq() - 1);
                    model.trim(through);
                    spool.trim(through).unwrap();
                }
                Op::Reopen => spool = open(&disk),
            }
            prop_assert_eq!(spool.recall(), model.recall());
            let stats = spool.stats();
            // Tasks may leave no room for all reports. What is thinned then, and thinned again after
            // a restart, depends on when.
            thinned |= stats.dropped > 0;
            if !thinned {
                let there = spool.read(0, usize::MAX).unwrap();
                prop_assert_eq!(there, model.read(0, u64::MAX, usize::MAX));
            }
            prop_assert!(stats.bytes <= stats.limit);
            prop_assert_eq!(stats.bytes, disk.image()["spool.log"].len() as u64);
        }
    }
}
