//! What a durable spool promises of tasks; of others nothing can be asked.

use super::{Shelf, fill, over, overfill, started, taken, work};
use crate::id::{Attempt, TaskId};
use crate::message::{Seen, WorkTask};
use crate::spool::{End, KeptStage, KeptTask, Record, Spool, SpoolError};
use crate::task::{AgentEvent, Failure, Finish, FinishKind};
use crate::testkit::fixtures::{at, store_epoch, task_id};

/// Only what a durable spool can be asked for.
macro_rules! durable {
    ($shelf:expr) => {{
        let spool = $shelf.open();
        if !spool.is_durable() {
            return;
        }
        spool
    }};
}

/// No number is given twice, though all reports were delivered.
pub fn numbers_go_on_where_they_were(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    fill(spool.as_mut(), 5);
    spool.trim(5).unwrap();
    spool.sync().unwrap();
    drop(spool);
    assert_eq!(shelf.open().next_seq(), 6);
}

/// What was committed is recalled.
pub fn a_group_is_recalled_as_a_whole(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    spool.commit(&[]).unwrap();
    spool
        .commit(&[taken(1, 9), started(task_id(1)), taken(2, 9)])
        .unwrap();
    let before = spool.recall();
    drop(spool);
    let recall = shelf.open().recall();
    assert_eq!(recall, before);
    assert_eq!(recall.tasks.len(), 2);
    assert!(recall.tasks[0].started);
}

/// The order of tasks is that of their receipt, whatever came later.
pub fn tasks_are_recalled_in_the_order_of_their_receipt(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    for n in [3, 1, 2] {
        spool.commit(&[taken(n, 9)]).unwrap();
    }
    spool.commit(&[started(task_id(2))]).unwrap();
    drop(spool);
    let recall = shelf.open().recall();
    let ids: Vec<TaskId> = recall.tasks.iter().map(|kept| kept.task.task).collect();
    assert_eq!(ids, [3, 1, 2].map(task_id));
}

/// Each record that changes a task is recalled.
pub fn a_task_is_recalled_in_each_stage(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let group: Vec<Record> = (1..=4).map(|n| taken(n, 9)).collect();
    spool.commit(&group).unwrap();
    let (attempt, task) = (Attempt(5), task_id(2));
    spool
        .commit(&[Record::Adopted {
            task: task_id(1),
            attempt,
        }])
        .unwrap();
    spool
        .commit(&[Record::CancelSeen { task: task_id(1) }])
        .unwrap();
    spool.commit(&[started(task), started(task_id(3))]).unwrap();
    spool
        .commit(&[Record::Leaving {
            task,
            end: End::Host,
        }])
        .unwrap();
    spool.commit(&[over(task_id(4), 9)]).unwrap();
    drop(spool);

    let kept = shelf.open().recall().tasks;
    let Record::Started { process, .. } = started(task) else {
        unreachable!("it is started");
    };
    let expected = KeptTask {
        task: WorkTask {
            attempt,
            ..work(1, 9)
        },
        idempotent: false,
        cancel_seen: true,
        started: false,
        stage: KeptStage::Waiting,
    };
    assert_eq!(kept[0], expected);
    let leaving = Some(End::Host);
    assert_eq!(
        kept[1].stage,
        KeptStage::Started {
            process: process.clone(),
            leaving
        }
    );
    assert!(kept[1].idempotent && kept[1].started);
    assert_eq!(
        kept[2].stage,
        KeptStage::Started {
            process,
            leaving: None
        }
    );
    let Record::Over { last, .. } = over(task_id(4), 9) else {
        unreachable!("it is over");
    };
    assert_eq!(kept[3].stage, KeptStage::Over(last));
}

fn seen() -> Seen {
    Seen {
        stores: vec![store_epoch(1), store_epoch(2)],
        sequence: 77,
        at: at(3),
    }
}

/// What keeps tasks from running twice is recalled.
pub fn what_is_spent_and_seen_is_recalled(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let forgotten = |n, spent| Record::Forgotten {
        task: task_id(n),
        spent,
    };
    let taken: Vec<Record> = (1..=4).map(|n| taken(n, 9)).collect();
    spool.commit(&taken).unwrap();
    let group = [
        Record::Seen(seen()),
        forgotten(2, true),
        forgotten(3, false),
    ];
    spool.commit(&group).unwrap();
    drop(spool);
    let recall = shelf.open().recall();
    assert_eq!(recall.seen, Some(seen()));
    let spent: Vec<u64> = (0..9).filter(|n| recall.spent.contains(*n)).collect();
    assert_eq!((spent, recall.tasks.len()), (vec![2], 2));
}

/// Sequence numbers of one store mean nothing for another.
pub fn another_store_begins_anew(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let task = task_id(1);
    spool.commit(&[Record::Seen(seen()), taken(1, 9)]).unwrap();
    spool
        .commit(&[Record::Forgotten { task, spent: true }])
        .unwrap();
    spool.commit(&[Record::OtherStore]).unwrap();
    drop(spool);
    let recall = shelf.open().recall();
    assert_eq!(recall.seen, None);
    assert!(!recall.spent.contains(1));
}

/// A task that is taken for another attempt is known to have started.
pub fn a_task_taken_again_has_started_before(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let task = task_id(1);
    let last = AgentEvent::Retry {
        failure: Failure::new("busy", "not now"),
        after_ms: 5,
        lost: false,
    };
    spool.commit(&[taken(1, 9), started(task)]).unwrap();
    spool.commit(&[Record::Over { task, last }]).unwrap();
    spool.commit(&[taken(1, 9)]).unwrap();
    drop(spool);
    let kept = shelf.open().recall().tasks;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].started && kept[0].stage == KeptStage::Waiting);
}

/// Takes tasks with large inputs until the next does not fit; how many it took.
fn take_all(spool: &mut dyn Spool) -> u8 {
    for n in 1..=u8::MAX {
        match spool.commit(&[taken(n, 50_000)]) {
            Ok(()) => {}
            Err(SpoolError::Full) => return n - 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the spool has no bound");
}

/// A group that does not fit is refused as a whole.
pub fn what_does_not_fit_changes_nothing(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let count = take_all(spool.as_mut());
    let (before, task) = (spool.recall(), task_id(1));
    for group in [
        vec![Record::CancelSeen { task }, taken(100, 200_000)],
        vec![over(task, 1_000_000)],
    ] {
        assert!(matches!(spool.commit(&group), Err(SpoolError::Full)));
        assert_eq!(spool.recall(), before);
    }
    drop(spool);
    let recall = shelf.open().recall();
    assert_eq!(recall, before);
    assert_eq!(recall.tasks.len(), usize::from(count));
}

/// The end of a task without output always fits, even when tasks and reports fill the spool.
pub fn the_end_of_every_task_fits_when_the_spool_is_full(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    // Small ones, so that their ends are what counts.
    let count = (1..=u8::MAX).take_while(|n| spool.commit(&[taken(*n, 1)]).is_ok());
    let count = count.last().unwrap();
    overfill(spool.as_mut());
    for n in 1..=count {
        let failure = Failure::new("x".repeat(64), "y".repeat(4_096));
        let last = AgentEvent::Finish(Finish::without(FinishKind::Failed, failure));
        let task = task_id(n);
        spool.commit(&[started(task)]).unwrap();
        spool.commit(&[Record::Over { task, last }]).unwrap();
    }
    drop(spool);
    let kept = shelf.open().recall().tasks;
    assert!(
        kept.iter()
            .all(|kept| matches!(kept.stage, KeptStage::Over(_)))
    );
    assert_eq!(kept.len(), usize::from(count));
}

/// Tasks have the room that reports took.
pub fn reports_make_room_for_tasks(shelf: &mut dyn Shelf) {
    let mut spool = durable!(shelf);
    let empty = take_all(spool.as_mut());
    for n in 1..=empty {
        let task = task_id(n);
        spool
            .commit(&[Record::Forgotten { task, spent: false }])
            .unwrap();
    }
    let appended = overfill(spool.as_mut());
    assert_eq!(take_all(spool.as_mut()), empty);
    let stats = spool.stats();
    assert_eq!(stats.reports as u64 + stats.dropped, appended);
    assert!(stats.bytes <= stats.limit);
}
