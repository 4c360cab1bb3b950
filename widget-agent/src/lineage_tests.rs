//! Tests of what a ledger knows of stores and of the numbers that they give.

use widget_core::Payload;
use widget_core::id::StoreEpoch;
use widget_core::message::{Pacing, Verdict};
use widget_core::task::{AgentEvent, Failure, Finish};

use super::*;
use crate::fixtures::{NOW, done, durable, id, keep, prepared, queue, say, work};

#[test]
fn what_tells_tasks_apart_stays_below_a_kilobyte_when_they_end_in_order() {
    let mut ledger = durable(&[]);
    for number in 1..=10_000 {
        let task = work(number);
        let unknown = Err(Failure::new("unknown_kind", "no handlers"));
        assert!(ledger.meet(&task));
        let result = if number % 3 == 0 {
            unknown
        } else {
            prepared(&task)
        };
        ledger.take(&task, result, NOW);
        if number % 5 == 1 {
            ledger.cancel(task.task, task.attempt);
        }
        while ledger.len() > 0 {
            keep(&mut ledger);
            say(&mut ledger, Verdict::Ok, NOW);
            for start in ledger.starts(NOW) {
                let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
                ledger.finish(start.task, end);
            }
        }
    }
    // As text it is longer than in any binary form.
    let text = format!("{:?}", ledger.spent);
    assert!(text.len() <= 64, "{}", text.len());
    assert!((1..=10_000).all(|number| ledger.spent.contains(number)));
}

fn welcome(store: u8, known: bool, sequence: u64) -> Welcome {
    Welcome {
        version: 2,
        session: String::new(),
        store: StoreEpoch::from_bytes([store; 16]),
        known,
        sequence,
        pacing: Pacing::default(),
        limits: widget_core::message::Limits::default(),
        extras: Vec::new(),
    }
}

#[test]
fn a_store_that_was_restored_is_the_same_one_with_one_more_epoch() {
    let mut ledger = durable(&[]);
    ledger.spent.insert(5);
    assert!(ledger.welcomed(&welcome(0, false, 7)));
    for store in 1..=9 {
        assert!(ledger.welcomed(&welcome(store, true, 7)));
    }
    let Seen {
        stores, sequence, ..
    } = ledger.seen().unwrap();
    let expected = (2..=9).map(|store| StoreEpoch::from_bytes([store; 16]));
    assert_eq!(stores, expected.collect::<Vec<_>>());
    assert_eq!(sequence, 7);
    assert!(ledger.spent.contains(5));
    assert!(matches!(&keep(&mut ledger)[..], [Record::Seen(_)]));
}

#[test]
fn another_store_begins_to_count_anew_and_old_numbers_are_not_spent_for_it() {
    let mut ledger = queue();
    assert!(ledger.welcomed(&welcome(1, false, 7)));
    ledger.spent.insert(5);
    keep(&mut ledger);
    assert!(!ledger.welcomed(&welcome(2, false, 3)));
    assert_eq!(ledger.seen().unwrap().sequence, 3);
    let records = keep(&mut ledger);
    assert!(
        matches!(&records[..], [Record::OtherStore, Record::Seen(_)]),
        "{records:?}"
    );
    ledger.finish(id(1), done());
    keep(&mut ledger);
    say(&mut ledger, Verdict::Unknown, NOW);
    assert_eq!(ledger.spent, Spent::default());
}
