//! Appending: what is new, what is a repeat, what was dropped.

use std::sync::Barrier;

use futures_lite::future::block_on;

use super::{ONE, TWO, all, append, appended, batch, dropped, seqs, whole};
use crate::report::{MAX_GAUGES, Report, Thinned};
use crate::store::{ReportBatch, ReportStore};
use crate::testkit::fixtures::{NOW, at, epoch, report};
use crate::time::Timestamp;

const MOST: u64 = i64::MAX as u64;

/// Reports are given back equal to what came: `at` as the agent said, `received` as the server.
pub async fn reports_read_back_equal(store: &dyn ReportStore) {
    let plain = report(1, -3_600);
    let bare = Report {
        gauges: Vec::new(),
        ..report(2, 5)
    };
    let sent = vec![plain, bare];
    let came = ReportBatch {
        received: at(77),
        ..batch(0, 2, sent.clone())
    };
    assert_eq!(append(store, came).await, appended(2, 2));
    let rows = all(store, ONE).await;
    assert!(rows.iter().all(|r| r.agent == ONE && r.received == at(77)));
    let reports: Vec<_> = rows.into_iter().map(|row| row.report).collect();
    assert_eq!(reports, sent);
}

/// The ends of what each field can be, and as many gauges as there may be.
pub async fn extreme_values_read_back_equal(store: &dyn ReportStore) {
    let gauges = (0..MAX_GAUGES).map(|n| (format!("g.{n:062}"), 0.1));
    let most = Report {
        seq: MOST,
        at: Timestamp::from_millis(253_402_300_799_999),
        total_memory: MOST,
        used_memory: MOST,
        average_cpu: 100.0,
        gauges: gauges.collect(),
        thinned: None,
    };
    let least = Report {
        seq: 1,
        at: Timestamp::from_millis(0),
        total_memory: 0,
        used_memory: 0,
        average_cpu: 0.0,
        gauges: vec![
            ("z".into(), f64::MAX),
            ("a".into(), f64::MIN_POSITIVE),
            ("m".into(), -1e-300),
            ("n".into(), 5e-324),
        ],
        thinned: None,
    };
    let sent = vec![least, most];
    let came = ReportBatch {
        received: Timestamp::from_millis(253_402_300_799_999),
        ..batch(0, MOST, sent.clone())
    };
    assert_eq!(append(store, came).await, appended(MOST, 2));
    let rows = all(store, ONE).await;
    let reports: Vec<_> = rows.into_iter().map(|row| row.report).collect();
    assert_eq!(reports, sent);
    assert_eq!(dropped(store, ONE).await, MOST - 2);
}

/// A CPU value comes back with the bits that it had, whatever its width in between.
pub async fn every_bit_of_a_cpu_value_is_kept(store: &dyn ReportStore) {
    let values = [0.1, 33.333_332, f32::MIN_POSITIVE, 1e-45, 99.999_99, -0.0];
    let with = |(seq, average_cpu): (u64, f32)| Report {
        average_cpu,
        ..report(seq, i64::try_from(seq).unwrap())
    };
    let reports = (1..).zip(values).map(with).collect();
    append(store, batch(0, 6, reports)).await;
    let rows = all(store, ONE).await;
    let bits = rows.iter().map(|row| row.report.average_cpu.to_bits());
    assert_eq!(bits.collect::<Vec<_>>(), values.map(f32::to_bits));
}

/// At or below the watermark is skipped: the same answer, and nothing twice.
pub async fn a_repeat_is_answered_the_same_and_stores_nothing(store: &dyn ReportStore) {
    assert_eq!(append(store, whole(0, 3)).await, appended(3, 3));
    let rows = all(store, ONE).await;
    for (after, through) in [(0, 3), (0, 1), (2, 3)] {
        let again = append(store, whole(after, through)).await;
        assert_eq!(again, appended(3, 0), "a repeat stores nothing");
    }
    assert_eq!(all(store, ONE).await, rows);
}

/// Of a batch that overlaps only what is above the watermark is stored.
pub async fn a_partial_repeat_stores_only_what_is_new(store: &dyn ReportStore) {
    append(store, whole(0, 3)).await;
    assert_eq!(append(store, whole(1, 5)).await, appended(5, 2));
    assert_eq!(seqs(store, ONE).await, [1, 2, 3, 4, 5]);
}

/// A batch that begins above the watermark: the agent has to send again from there.
pub async fn a_gap_is_answered_the_watermark_and_stores_nothing(store: &dyn ReportStore) {
    append(store, whole(0, 2)).await;
    let above = append(store, whole(3, 5)).await;
    assert_eq!(
        above,
        appended(2, 0),
        "a batch above the watermark is not taken"
    );
    assert_eq!(seqs(store, ONE).await, [1, 2]);
    assert_eq!(append(store, whole(2, 5)).await, appended(5, 3));
    assert_eq!(dropped(store, ONE).await, 0);
}

/// Nothing sent and nothing dropped asks for the watermark.
pub async fn an_empty_batch_is_answered_the_watermark(store: &dyn ReportStore) {
    assert_eq!(append(store, batch(0, 0, vec![])).await, appended(0, 0));
    append(store, whole(0, 4)).await;
    assert_eq!(append(store, batch(4, 4, vec![])).await, appended(4, 0));
    assert_eq!(append(store, batch(2, 2, vec![])).await, appended(4, 0));
}

/// Numbers within a batch that carry no report were dropped by the agent.
pub async fn what_is_missing_counts_as_dropped(store: &dyn ReportStore) {
    let thinned = vec![report(3, 3), report(6, 6)];
    assert_eq!(append(store, batch(0, 6, thinned)).await, appended(6, 2));
    assert_eq!(dropped(store, ONE).await, 4);
    assert_eq!(seqs(store, ONE).await, [3, 6]);
}

/// What was dropped behind the last report is covered too.
pub async fn a_dropped_tail_moves_the_watermark(store: &dyn ReportStore) {
    let tail = batch(0, 5, vec![report(1, 1), report(2, 2)]);
    assert_eq!(append(store, tail).await, appended(5, 2));
    assert_eq!(dropped(store, ONE).await, 3);
    assert_eq!(append(store, whole(5, 6)).await, appended(6, 1));
    assert_eq!(dropped(store, ONE).await, 3);
}

/// A batch may carry no report at all.
pub async fn a_batch_of_drops_alone_moves_the_watermark(store: &dyn ReportStore) {
    assert_eq!(append(store, batch(0, 7, vec![])).await, appended(7, 0));
    assert_eq!(dropped(store, ONE).await, 7);
    assert_eq!(append(store, whole(7, 8)).await, appended(8, 1));
}

/// However a batch is repeated or overlaps the next one, each dropped number counts once.
pub async fn drops_count_once_under_repeats_and_overlap(store: &dyn ReportStore) {
    // 1 2 - 4 - 6 sent, 3 and 5 dropped.
    let sent = |seqs: &[u64]| -> Vec<Report> {
        let one = |seq: &u64| report(*seq, i64::try_from(*seq).unwrap());
        seqs.iter().map(one).collect()
    };
    let first = batch(0, 4, sent(&[1, 2, 4]));
    assert_eq!(append(store, first.clone()).await, appended(4, 3));
    assert_eq!(dropped(store, ONE).await, 1);
    assert_eq!(append(store, first).await, appended(4, 0));
    assert_eq!(dropped(store, ONE).await, 1);
    let overlapping = batch(1, 6, sent(&[2, 4, 6]));
    for stored in [1, 0] {
        let answer = append(store, overlapping.clone()).await;
        assert_eq!(answer, appended(6, stored));
        assert_eq!(dropped(store, ONE).await, 2);
    }
    assert_eq!(seqs(store, ONE).await, [1, 2, 4, 6]);
}

/// A new memory of an agent counts from 1 again, beside the old one.
pub async fn two_epochs_have_a_watermark_each(store: &dyn ReportStore) {
    let other = |batch| ReportBatch {
        epoch: epoch(2),
        ..batch
    };
    append(store, whole(0, 3)).await;
    assert_eq!(append(store, other(whole(0, 1))).await, appended(1, 1));
    assert_eq!(append(store, other(whole(3, 4))).await, appended(1, 0));
    assert_eq!(append(store, whole(3, 4)).await, appended(4, 1));
    append(store, other(batch(1, 3, vec![]))).await;
    append(store, batch(4, 5, vec![])).await;
    assert_eq!(dropped(store, ONE).await, 3);
    assert_eq!(seqs(store, ONE).await, [1, 1, 2, 3, 4]);
}

/// The same epoch and numbers of two agents are two things.
pub async fn two_agents_have_a_watermark_each(store: &dyn ReportStore) {
    let other = |batch| ReportBatch {
        agent: TWO,
        ..batch
    };
    append(store, whole(0, 3)).await;
    assert_eq!(append(store, other(whole(0, 2))).await, appended(2, 2));
    assert_eq!(append(store, other(whole(3, 4))).await, appended(2, 0));
    assert_eq!(seqs(store, ONE).await, [1, 2, 3]);
    assert_eq!(seqs(store, TWO).await, [1, 2]);
}

/// The agent was here before: with another store, or with this one before its past was lost. What
/// it had delivered then is no gap and was not dropped; what it drops from now on is.
pub async fn a_first_batch_may_begin_anywhere(store: &dyn ReportStore) {
    assert_eq!(append(store, whole(40, 42)).await, appended(42, 2));
    assert_eq!(dropped(store, ONE).await, 0);
    assert_eq!(append(store, whole(40, 42)).await, appended(42, 0));
    assert_eq!(append(store, whole(44, 45)).await, appended(42, 0));
    let thinned = batch(42, 45, vec![report(45, 45)]);
    assert_eq!(append(store, thinned).await, appended(45, 1));
    assert_eq!(dropped(store, ONE).await, 2);
    assert_eq!(seqs(store, ONE).await, [41, 42, 45]);
}

/// Only of the memory that is new to the store.
pub async fn a_first_batch_of_each_epoch_may_begin_anywhere(store: &dyn ReportStore) {
    append(store, whole(0, 1)).await;
    let other = ReportBatch {
        epoch: epoch(2),
        ..batch(MOST - 1, MOST, vec![report(MOST, 0)])
    };
    assert_eq!(append(store, other.clone()).await, appended(MOST, 1));
    assert_eq!(append(store, other).await, appended(MOST, 0));
    assert_eq!(append(store, whole(7, 8)).await, appended(1, 0));
    assert_eq!(dropped(store, ONE).await, 0);
}

/// A report that stands for several samples keeps what is said of them, to the last bit.
pub async fn a_thinned_report_reads_back_equal(store: &dyn ReportStore) {
    let ends = |gauges: Vec<(f64, f64)>| Thinned {
        count: 2,
        from: at(-90),
        used_memory: (0, 1_000_000_009),
        average_cpu: (-0.0, 33.333_332),
        gauges,
    };
    let of = |seq: u64, gauges: &[f64], thinned| Report {
        gauges: (0..)
            .zip(gauges)
            .map(|(n, v)| (format!("g.{n}"), *v))
            .collect(),
        thinned: Some(Box::new(thinned)),
        ..report(seq, i64::try_from(seq).unwrap())
    };
    let odd = [(-0.0, 0.0), (5e-324, 0.1), (f64::MIN, f64::MAX)];
    let most = Thinned {
        count: u32::MAX,
        from: Timestamp::from_millis(0),
        used_memory: (MOST, MOST),
        average_cpu: (1e-45, 100.0),
        gauges: odd.to_vec(),
    };
    let sent = vec![of(1, &[], ends(Vec::new())), of(2, &[0.0, 0.1, 1.0], most)];
    append(
        store,
        batch(0, 3, [sent.clone(), vec![report(3, 3)]].concat()),
    )
    .await;
    let rows = all(store, ONE).await;
    assert_eq!(rows[2].report.thinned, None);
    let bits = |report: &Report| {
        let thinned = report.thinned.as_ref().unwrap();
        let (a, b) = thinned.average_cpu;
        let gauges = thinned
            .gauges
            .iter()
            .flat_map(|(a, b)| [a.to_bits(), b.to_bits()]);
        ([a.to_bits(), b.to_bits()], gauges.collect::<Vec<_>>())
    };
    for (row, sent) in rows.iter().zip(&sent) {
        assert_eq!(row.report, *sent);
        assert_eq!(bits(&row.report), bits(sent));
    }
    let latest = store.latest(&[ONE]).await.unwrap();
    assert_eq!(latest[0].report.as_ref().unwrap().report, report(3, 3));
}

/// A version 1 collector sends no numbers: the store gives them, and the report's own is ignored.
pub async fn version_1_samples_are_numbered_by_the_server(store: &dyn ReportStore) {
    for n in 1..=3 {
        let sample = report(77, i64::try_from(n).unwrap());
        let answer = store.append_v1(ONE, sample, at(9)).await.unwrap();
        assert_eq!(answer, appended(n, 1));
    }
    let rows = all(store, ONE).await;
    assert!(rows.iter().all(|row| row.received == at(9)));
    assert_eq!(
        rows[0].report,
        Report {
            seq: 1,
            ..report(77, 1)
        }
    );
    assert_eq!(seqs(store, ONE).await, [1, 2, 3]);
    assert_eq!(dropped(store, ONE).await, 0);
}

/// Each collector is counted by itself.
pub async fn version_1_numbers_are_each_agents_own(store: &dyn ReportStore) {
    for (agent, through) in [(ONE, 1), (TWO, 1), (ONE, 2)] {
        let answer = store.append_v1(agent, report(0, 0), NOW).await.unwrap();
        assert_eq!(answer, appended(through, 1));
    }
}

/// An agent that was a version 1 collector keeps those reports when it speaks version 2.
pub async fn versions_1_and_2_of_an_agent_stand_side_by_side(store: &dyn ReportStore) {
    store.append_v1(ONE, report(0, 0), NOW).await.unwrap();
    assert_eq!(append(store, whole(0, 2)).await, appended(2, 2));
    let again = store.append_v1(ONE, report(0, 9), NOW).await.unwrap();
    assert_eq!(again, appended(2, 1));
    assert_eq!(seqs(store, ONE).await, [1, 1, 2, 2]);
}

/// A batch that is sent again before the first was answered is stored once.
pub async fn racing_repeats_store_each_report_once(store: &dyn ReportStore) {
    let barrier = Barrier::new(4);
    let send = || {
        barrier.wait();
        block_on(append(store, whole(0, 20)))
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.through == 20));
    assert_eq!(answers.iter().map(|answer| answer.stored).sum::<u64>(), 20);
    assert_eq!(seqs(store, ONE).await, (1..=20).collect::<Vec<_>>());
}
