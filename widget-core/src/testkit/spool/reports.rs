//! What is promised of reports.

use super::{Shelf, fill, overfill};
use crate::report::Report;
use crate::spool::Spool;
use crate::testkit::fixtures::{at, report};

/// The first report has number 1, and what was delivered frees no number.
pub fn numbers_begin_with_1_and_rise(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    assert_eq!(spool.next_seq(), 1);
    fill(spool.as_mut(), 3);
    assert_eq!(spool.next_seq(), 4);
    spool.trim(3).unwrap();
    assert_eq!(spool.next_seq(), 4);
}

/// Reports are given as they were kept, in order.
pub fn reports_come_back_in_the_order_of_their_numbers(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    fill(spool.as_mut(), 50);
    assert_eq!(seqs(spool.as_mut()), (1..=50).collect::<Vec<_>>());
    assert_eq!(all(spool.as_mut())[6], report(7, 7));
}

/// A read begins after its number and ends with its limit.
pub fn no_more_reports_are_given_than_asked_for(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    fill(spool.as_mut(), 9);
    let backlog = spool.read(4, 3).unwrap();
    let seqs: Vec<u64> = backlog.reports.iter().map(|report| report.seq).collect();
    assert_eq!((seqs, backlog.dropped), (vec![5, 6, 7], 0));
}

/// What was delivered is not given again, nor counted as dropped.
pub fn delivered_reports_are_gone(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    fill(spool.as_mut(), 9);
    spool.trim(7).unwrap();
    assert_eq!(seqs(spool.as_mut()), [8, 9]);
    assert_eq!(spool.stats().dropped, 0);
    spool.trim(3).unwrap();
    assert_eq!(seqs(spool.as_mut()), [8, 9]);
    if spool.is_durable() {
        assert_eq!(spool.recall().delivered, 7);
        spool.sync().unwrap();
        drop(spool);
        assert_eq!(seqs(shelf.open().as_mut()), [8, 9]);
    }
}

/// Telemetry is thinned before any of it is lost: the samples of the first thinning are all still counted in.
pub fn a_full_spool_thins_before_it_drops(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    let appended = overfill(spool.as_mut());
    let reports = all(spool.as_mut());
    assert_eq!(reports.iter().map(count).sum::<u64>(), appended);
    assert_eq!(reports[0].thinned.as_ref().unwrap().from, at(1));
    assert!(reports.last().unwrap().thinned.is_none());
    assert!(reports.iter().all(|report| report.check().is_ok()));
}

/// A report for several has their mean, least and most.
pub fn what_is_thinned_keeps_mean_least_and_most(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    overfill(spool.as_mut());
    let first = all(spool.as_mut()).remove(0);
    let thinned = first.thinned.clone().unwrap();
    let last = first.seq;
    assert_eq!(u64::from(thinned.count), last);
    let base = 1_000_000_000;
    assert_eq!(thinned.used_memory, (base + 1, base + last));
    let mean = base + last.div_ceil(2);
    assert!(first.used_memory.abs_diff(mean) <= 1, "{first:?}");
    assert_eq!(thinned.average_cpu, (12.5, 12.5));
    assert_eq!(thinned.gauges, [(3.25, 3.25)]);
    assert_eq!(first.gauges, [("queue.depth".to_owned(), 3.25)]);
}

/// A backlog says how many numbers of its range it has no report of.
pub fn every_number_is_given_or_counted_as_missing(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    let appended = overfill(spool.as_mut());
    let mut after = 0;
    while after < appended {
        let backlog = spool.read(after, 100).unwrap();
        let last = backlog.reports.last().unwrap().seq;
        let given = backlog.reports.len() as u64;
        assert_eq!(backlog.dropped + given, last - after);
        after = last;
    }
}

/// What was kept is there, or counted as dropped.
pub fn every_report_is_there_or_counted(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    let mut appended = overfill(spool.as_mut());
    fill(spool.as_mut(), appended);
    appended *= 2;
    let stats = spool.stats();
    assert_eq!(stats.reports as u64 + stats.dropped, appended);
    assert_eq!(stats.reports, all(spool.as_mut()).len());
}

/// There is a bound, and it holds however many reports come.
pub fn the_limit_is_kept(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    let appended = overfill(spool.as_mut());
    let most = usize::try_from(appended).unwrap();
    for _ in 0..10 {
        fill(spool.as_mut(), appended / 10);
        let stats = spool.stats();
        assert!(stats.reports <= most && stats.bytes <= stats.limit);
    }
}

/// A durable spool is the same when opened again; another is a new memory.
pub fn its_content_outlives_it_if_it_says_so(shelf: &mut dyn Shelf) {
    let mut spool = shelf.open();
    fill(spool.as_mut(), 5);
    let (durable, epoch) = (spool.is_durable(), spool.epoch());
    drop(spool);
    let mut spool = shelf.open();
    assert_eq!(spool.epoch() == epoch, durable);
    assert_eq!(seqs(spool.as_mut()).len(), if durable { 5 } else { 0 });
}

fn all(spool: &mut dyn Spool) -> Vec<Report> {
    spool.read(0, usize::MAX).unwrap().reports
}

fn seqs(spool: &mut dyn Spool) -> Vec<u64> {
    all(spool).iter().map(|report| report.seq).collect()
}

fn count(report: &Report) -> u64 {
    report.thinned.as_ref().map_or(1, |t| t.count.into())
}
