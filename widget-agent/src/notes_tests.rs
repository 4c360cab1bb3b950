//! Tests of what waits for the spool.

use proptest::prelude::*;
use widget_core::id::Attempt;
use widget_core::message::Verdict;
use widget_core::spool::{Contents, KeptStage};
use widget_core::task::Finish;

use super::*;
use crate::fixtures::{NOW, done, durable, id, keep, offer, prepared, say, start, work};
use crate::tasks::Prepared;

fn cancel(task: u8) -> Record {
    let task = TaskId::from_bytes([task; 16]);
    Record::CancelSeen { task }
}

#[test]
fn a_note_counts_as_kept_only_when_all_before_it_are() {
    let mut notes = Notes::default();
    assert!(notes.is_kept(notes.latest()));
    let (first, second) = (notes.add(cancel(1)), notes.add(cancel(2)));
    let group = notes.take().unwrap();
    let third = notes.add(cancel(3));
    notes.done(group, 1);
    assert_eq!(
        [first, second, third].map(|note| notes.is_kept(note)),
        [true, false, false]
    );
    let group = notes.take().unwrap();
    assert_eq!(group.records, [cancel(2), cancel(3)]);
    notes.done(group, 2);
    assert!(notes.is_kept(third));
}

#[test]
fn what_was_left_out_keeps_nobody_waiting() {
    let mut notes = Notes::default();
    notes.add(cancel(1));
    let second = notes.add(cancel(2));
    notes.leave_out(TaskId::from_bytes([2; 16]));
    assert!(!notes.is_kept(second));
    let group = notes.take().unwrap();
    assert_eq!(group.records, [cancel(1)]);
    notes.done(group, 1);
    assert!(notes.is_kept(second));
}

#[test]
fn nothing_is_said_of_a_task_before_its_news_is_kept() {
    let mut ledger = durable(&[]);
    offer(&mut ledger, &work(1));
    assert_eq!(ledger.update(64), None);
    keep(&mut ledger);
    offer(&mut ledger, &work(2));
    let said = ledger.update(64).unwrap().items;
    let said: Vec<TaskId> = said.iter().map(|item| item.task).collect();
    assert_eq!(said, [id(1)], "others do not wait for it");
    say(&mut ledger, Verdict::Ok, NOW);
    assert_eq!(start(&mut ledger, NOW).len(), 1);
    let end = done();
    ledger.finish(id(1), end);
    let said = ledger.update(64).unwrap().items;
    assert!(said.iter().all(|item| item.task != id(1)), "{said:?}");
}

#[test]
fn a_start_that_is_said_first_is_kept_before_that() {
    let mut ledger = durable(&[]);
    assert!(ledger.meet(&work(1)));
    let first = Prepared {
        job: (),
        idempotent: false,
        start_first: true,
    };
    ledger.take(&work(1), Ok(first), NOW);
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    ledger.starts(NOW);
    assert_eq!(ledger.update(64), None);
    let records = keep(&mut ledger);
    assert!(
        matches!(&records[..], [Record::Started { .. }]),
        "{records:?}"
    );
    assert!(ledger.starts(NOW).is_empty());
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [AgentEvent::Start]);
    assert_eq!(ledger.starts(NOW).len(), 1);
}

#[derive(Debug, Clone)]
enum Op {
    Offer { task: u64, again: bool },
    Say { verdicts: Vec<Verdict>, lost: bool },
    Cancel { task: u64 },
    Finish { task: u64 },
    Keep { most: usize },
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let verdict = prop_oneof![
        8 => Just(Verdict::Ok),
        1 => Just(Verdict::Stale),
        1 => Just(Verdict::Unknown),
    ];
    let verdicts = proptest::collection::vec(verdict, 12);
    prop_oneof![
        3 => (1..4_u64, any::<bool>()).prop_map(|(task, again)| Op::Offer { task, again }),
        4 => (verdicts, any::<bool>()).prop_map(|(verdicts, lost)| Op::Say { verdicts, lost }),
        1 => (1..4_u64).prop_map(|task| Op::Cancel { task }),
        2 => (1..4_u64).prop_map(|task| Op::Finish { task }),
        5 => (0..4_usize).prop_map(|most| Op::Keep { most }),
        1 => Just(Op::Crash),
    ]
}

proptest! {
    #[test]
    fn a_handler_starts_at_most_once_over_any_number_of_crashes(
        ops in proptest::collection::vec(op(), 1..200)
    ) {
        let mut ledger = durable(&[("test", 2)]);
        let mut disk = Contents::default();
        let mut attempts = [1_u32; 4];
        let mut started = [false; 4];
        for op in ops {
            match op {
                Op::Offer { task, again } => {
                    let attempt = &mut attempts[usize::try_from(task).unwrap()];
                    *attempt += u32::from(again);
                    let mut work = work(task);
                    work.attempt = Attempt(*attempt);
                    if ledger.meet(&work) {
                        ledger.take(&work, prepared(&work), NOW);
                    }
                }
                Op::Say { verdicts, lost } => {
                    let Some(update) = ledger.update(64) else { continue };
                    let kept = disk.recall().tasks;
                    for item in &update.items {
                        let there = kept.iter().find(|kept| kept.task.task == item.task);
                        let stage = there.map(|kept| &kept.stage);
                        let fits = match &item.event {
                            // What it was before may not be forgotten there yet.
                            AgentEvent::Finish(Finish { failure: Some(why), .. })
                                if why.code == "already_delivered" => true,
                            AgentEvent::Accept { .. } => stage == Some(&KeptStage::Waiting),
                            AgentEvent::Start => there.is_some_and(|kept| kept.started),
                            last => stage == Some(&KeptStage::Over(last.clone())),
                        };
                        prop_assert!(fits, "{:?} of {:?}", item, stage);
                    }
                    if !lost {
                        ledger.settle(&update, &verdicts, NOW);
                    }
                }
                Op::Cancel { task } => {
                    let attempt = Attempt(attempts[usize::try_from(task).unwrap()]);
                    ledger.cancel(id(task), attempt);
                }
                Op::Finish { task } => ledger.finish(id(task), done()),
                Op::Keep { most } => {
                    let Some(group) = ledger.notes().take() else { continue };
                    let kept = most.min(group.records.len());
                    group.records.iter().take(kept).for_each(|record| disk.apply(record));
                    ledger.notes().done(group, kept);
                }
                Op::Crash => {
                    ledger = durable(&[("test", 2)]);
                    ledger.recall(disk.recall(), prepared, NOW);
                }
            }
            let starts = ledger.starts(NOW);
            prop_assert!(ledger.stages().running <= 2);
            for start in starts {
                let task = usize::from(start.task.as_bytes()[15]);
                prop_assert!(!started[task], "{} started again", task);
                started[task] = true;
            }
        }
    }
}
