//! What a [`Spool`] promises, and the list of its cases: [`spool_suite!`](crate::spool_suite).

pub mod reports;
pub mod tasks;

use super::disk::{Image, SimDisk};
use super::fixtures::{NOW, epoch, json, report, task_id};
use crate::id::{Attempt, TaskId};
use crate::message::WorkTask;
use crate::payload::Payload;
use crate::spool::{LIMITS, LOG, LogSpool, Process, Record, Spool};
use crate::task::{AgentEvent, Finish};

/// Makes a test of each promise of a spool. Takes what makes a fresh
/// [`Shelf`](crate::testkit::spool::Shelf): a closure or function without arguments. The limit should
/// be small, about 2 MiB.
#[macro_export]
macro_rules! spool_suite {
    ($fresh:expr) => {
        $crate::__spool_cases! { $fresh;
            reports [
                numbers_begin_with_1_and_rise,
                reports_come_back_in_the_order_of_their_numbers,
                no_more_reports_are_given_than_asked_for,
                delivered_reports_are_gone,
                a_full_spool_thins_before_it_drops,
                what_is_thinned_keeps_mean_least_and_most,
                every_number_is_given_or_counted_as_missing,
                every_report_is_there_or_counted,
                the_limit_is_kept,
                its_content_outlives_it_if_it_says_so,
            ]
            tasks [
                numbers_go_on_where_they_were,
                a_group_is_recalled_as_a_whole,
                tasks_are_recalled_in_the_order_of_their_receipt,
                a_task_is_recalled_in_each_stage,
                what_is_spent_and_seen_is_recalled,
                another_store_begins_anew,
                a_task_taken_again_has_started_before,
                what_does_not_fit_changes_nothing,
                the_end_of_every_task_fits_when_the_spool_is_full,
                reports_make_room_for_tasks,
            ]
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spool_cases {
    ($fresh:expr; $($group:ident [$($case:ident),* $(,)?])*) => {$($(
        #[test]
        fn $case() {
            $crate::testkit::spool::$group::$case(&mut ($fresh)());
        }
    )*)*};
}

/// Where one spool is kept.
pub trait Shelf {
    /// Opens the spool: the same as before, if it is durable. The last one was dropped.
    fn open(&mut self) -> Box<dyn Spool>;
}

impl<F: FnMut() -> Box<dyn Spool>> Shelf for F {
    fn open(&mut self) -> Box<dyn Spool> {
        self()
    }
}

/// A task, number `n`, with the sequence number `n` and an input of so many bytes.
#[must_use]
pub fn work(n: u8, input: usize) -> WorkTask {
    WorkTask {
        task: task_id(n),
        attempt: Attempt(1),
        sequence: n.into(),
        kind: "reindex".into(),
        input: json(&"1".repeat(input.max(1))),
        ttl_ms: 86_400_000,
        timeout_ms: None,
        priority: 0,
        ordering_key: None,
        failures: 0,
        losses: 0,
    }
}

/// Such a task is taken.
#[must_use]
pub fn taken(n: u8, input: usize) -> Record {
    Record::Taken {
        task: Box::new(work(n, input)),
        idempotent: n.is_multiple_of(2),
    }
}

/// A task is over, with an output of so many bytes.
#[must_use]
pub fn over(task: TaskId, output: usize) -> Record {
    let output = Payload::from_json_text("1".repeat(output));
    let last = AgentEvent::Finish(Finish::succeeded(output));
    Record::Over { task, last }
}

/// The handler of a task starts.
#[must_use]
pub fn started(task: TaskId) -> Record {
    let process = Process {
        boot: "a boot".into(),
        pid: 7,
        start: [9; 16],
    };
    Record::Started { task, process }
}

/// Appends so many plain reports, and syncs.
pub fn fill(spool: &mut dyn Spool, count: u64) {
    for _ in 0..count {
        let seq = spool.next_seq();
        spool.append(report(seq, seq as i64)).unwrap();
    }
    spool.sync().unwrap();
}

/// Appends reports until some were given up; how many it were.
fn overfill(spool: &mut dyn Spool) -> u64 {
    let mut count = 0;
    while spool.stats().dropped == 0 {
        fill(spool, 100);
        count += 100;
        assert!(count < 1_000_000, "the spool has no bound");
    }
    count
}

/// Opens any bytes as the file of a spool, as the fuzz target `spool_log` does: what was there is kept
/// or set aside, and the spool goes on.
pub fn any_file(bytes: &[u8]) {
    let disk = SimDisk::with(Image::from([(LOG.to_owned(), bytes.to_vec())]));
    let open = || LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(9), NOW);
    let mut opened = open();
    assert!(opened.trouble.is_none());
    if let Some(aside) = opened.aside {
        assert_eq!(disk.image()[&aside.name], bytes);
    }
    let full = opened.spool.commit(&[taken(200, 1)]).is_err();
    let kept = opened.spool.recall();
    drop(opened.spool);
    let again = open();
    assert!(again.aside.is_none());
    assert!(full || again.spool.recall() == kept);
}
