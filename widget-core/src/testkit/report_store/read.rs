//! Reading: order, ranges, summaries, the latest of each agent.

use std::collections::{BTreeMap, BTreeSet};

use super::{ONE, TWO, all, always, append, batch, seqs, whole};
use crate::report::{Report, Thinned};
use crate::store::{
    Bucket, BucketQuery, LatestReport, Range, ReportBatch, ReportQuery, ReportStore, StoredReport,
};
use crate::testkit::fixtures::{NOW, Noise, agent, at, epoch, report};
use crate::time::Timestamp;

fn by_two(batch: ReportBatch) -> ReportBatch {
    ReportBatch {
        agent: TWO,
        ..batch
    }
}

fn numbers(rows: &[StoredReport]) -> Vec<u64> {
    rows.iter().map(|row| row.report.seq).collect()
}

/// Oldest first by the agent's clock, which may have jumped.
pub async fn reports_are_ordered_by_time_whatever_their_order_of_arrival(store: &dyn ReportStore) {
    let jumpy = vec![report(1, 50), report(2, -20), report(3, 10)];
    append(store, batch(0, 3, jumpy)).await;
    assert_eq!(seqs(store, ONE).await, [2, 3, 1]);
}

/// Reports of the same time come in the order of their numbers, as they came.
pub async fn equal_times_are_ordered_by_number(store: &dyn ReportStore) {
    let same = (1..=5).map(|seq| report(seq, 0)).collect();
    append(store, batch(0, 5, same)).await;
    let other = ReportBatch {
        epoch: epoch(0),
        ..batch(0, 1, vec![report(1, 0)])
    };
    append(store, other).await;
    let rows = all(store, ONE).await;
    let order: Vec<_> = rows.iter().map(|row| row.number).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted);
    assert_eq!(rows.len(), 6);
}

/// If there are more than asked for, the newest are given, still oldest first.
pub async fn the_limit_keeps_the_newest(store: &dyn ReportStore) {
    append(store, whole(0, 9)).await;
    for agent in [Some(ONE), None] {
        let query = ReportQuery {
            before: None,
            limit: 3,
            ..always(agent)
        };
        let rows = store.reports(&query).await.unwrap();
        assert_eq!(numbers(&rows), [7, 8, 9]);
    }
}

/// `from` is in, `to` is not, to the millisecond.
pub async fn a_range_includes_its_start_and_not_its_end(store: &dyn ReportStore) {
    append(store, whole(0, 9)).await;
    for agent in [Some(ONE), None] {
        let mut query = ReportQuery {
            before: None,
            from: at(3),
            to: at(6),
            ..always(agent)
        };
        let rows = store.reports(&query).await.unwrap();
        assert_eq!(numbers(&rows), [3, 4, 5]);
        query.from = Timestamp::from_millis(at(3).as_millis() + 1);
        query.to = Timestamp::from_millis(at(6).as_millis() + 1);
        let rows = store.reports(&query).await.unwrap();
        assert_eq!(numbers(&rows), [4, 5, 6]);
    }
}

/// A range that ends where it begins, or before, holds nothing.
pub async fn an_empty_range_is_empty(store: &dyn ReportStore) {
    append(store, whole(0, 3)).await;
    for (from, to) in [(1, 1), (3, 1), (100, 200)] {
        let query = ReportQuery {
            before: None,
            from: at(from),
            to: at(to),
            ..always(Some(ONE))
        };
        assert!(store.reports(&query).await.unwrap().is_empty());
    }
}

/// Reports of all agents in one list, by time, with one limit for all.
pub async fn everybodys_reports_come_in_one_order(store: &dyn ReportStore) {
    let spaced = |first| {
        let reports = [first, first + 2, first + 4].map(|secs| report(0, secs));
        let numbered = (1..).zip(reports).map(|(seq, r)| Report { seq, ..r });
        batch(0, 3, numbered.collect())
    };
    append(store, spaced(1)).await;
    append(store, by_two(spaced(2))).await;
    let rows = store.reports(&always(None)).await.unwrap();
    let agents: Vec<_> = rows.iter().map(|row| row.agent).collect();
    assert_eq!(agents, [ONE, TWO, ONE, TWO, ONE, TWO]);
    let query = ReportQuery {
        before: None,
        limit: 4,
        ..always(None)
    };
    assert_eq!(store.reports(&query).await.unwrap(), rows[2..]);
}

/// Who never reported has nothing, and that is no error.
pub async fn an_unknown_agent_has_no_reports(store: &dyn ReportStore) {
    append(store, whole(0, 3)).await;
    assert!(all(store, TWO).await.is_empty());
}

/// No two reports of a store have the same number, whoever sent them.
pub async fn numbers_are_unique_in_the_store(store: &dyn ReportStore) {
    append(store, whole(0, 5)).await;
    append(store, by_two(whole(0, 5))).await;
    store.append_v1(TWO, report(0, 3), NOW).await.unwrap();
    let rows = store.reports(&always(None)).await.unwrap();
    let numbers: BTreeSet<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!((rows.len(), numbers.len()), (11, 11));
}

/// Two hundred reports at uneven times, some with gauges.
fn uneven() -> Vec<Report> {
    let mut noise = Noise::new(5);
    let mut one = |seq| {
        let mut gauges = Vec::new();
        if noise.below(3) > 0 {
            gauges.push(("depth".into(), f64::from(seq)));
        }
        if noise.below(4) == 0 {
            gauges.push(("errors".into(), -0.5));
        }
        Report {
            seq: u64::from(seq),
            at: Timestamp::from_millis(NOW.as_millis() + noise.below(100_000).cast_signed()),
            total_memory: 1_000 + u64::from(seq),
            used_memory: noise.below(1_000),
            average_cpu: f32::from(seq % 100),
            gauges,
            thinned: None,
        }
    };
    (1..=200_u8).map(&mut one).collect()
}

#[allow(clippy::cast_precision_loss)] // 200 reports
fn range(values: &[f64]) -> Range {
    Range {
        min: values.iter().copied().fold(f64::INFINITY, f64::min),
        max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean: values.iter().sum::<f64>() / values.len() as f64,
    }
}

fn close(a: Range, b: Range) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    a.min == b.min && a.max == b.max && near(a.mean, b.mean)
}

fn assert_bucket(bucket: &Bucket, reports: &[&Report]) {
    assert_eq!(bucket.count, reports.len() as u64);
    let newest = reports.iter().map(|report| report.at).max();
    let totals = reports.iter().filter(|r| Some(r.at) == newest);
    let totals: Vec<_> = totals.map(|report| report.total_memory).collect();
    assert!(totals.contains(&bucket.total_memory));
    let of = |value: &dyn Fn(&Report) -> f64| -> Range {
        range(&reports.iter().map(|r| value(r)).collect::<Vec<_>>())
    };
    #[allow(clippy::cast_precision_loss)] // below 1,000
    let used = of(&|report| report.used_memory as f64);
    assert!(close(bucket.used_memory, used), "{bucket:?}");
    assert!(close(bucket.average_cpu, of(&|r| f64::from(r.average_cpu))));
    let mut gauges = BTreeMap::<&str, Vec<f64>>::new();
    for (name, value) in reports.iter().flat_map(|report| &report.gauges) {
        gauges.entry(name).or_default().push(*value);
    }
    let mut summed = bucket.gauges.clone();
    summed.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(summed.len(), gauges.len());
    for ((name, got), (expected, values)) in summed.iter().zip(gauges) {
        assert_eq!(name, expected);
        assert!(close(*got, range(&values)), "{name}");
    }
}

/// Count, total memory of the newest, smallest, largest and mean of each value, bucket by bucket;
/// only reports of that agent and range; no bucket where there is none.
pub async fn a_summary_equals_one_counted_by_hand(store: &dyn ReportStore) {
    let reports = uneven();
    append(store, batch(0, 200, reports.clone())).await;
    append(store, by_two(whole(0, 50))).await;
    for (from, to, points) in [(0, 100, 10), (10, 73, 7), (-50, 20, 2_000), (5, 95, 1)] {
        let query = BucketQuery {
            agent: ONE,
            from: at(from),
            to: at(to),
            points,
        };
        let step = query.step();
        let mut expected = BTreeMap::<i64, Vec<&Report>>::new();
        for report in reports
            .iter()
            .filter(|r| query.from <= r.at && r.at < query.to)
        {
            let position = (report.at.as_millis() - query.from.as_millis()) / step;
            let start = query.from.as_millis() + position * step;
            expected.entry(start).or_default().push(report);
        }
        let summary = store.summary(&query).await.unwrap();
        assert_eq!(summary.step.as_millis(), step.unsigned_abs().into());
        let starts: Vec<_> = summary.buckets.iter().map(|b| b.at.as_millis()).collect();
        assert_eq!(starts, expected.keys().copied().collect::<Vec<_>>());
        assert!(starts.len() <= points);
        for (bucket, reports) in summary.buckets.iter().zip(expected.values()) {
            assert_bucket(bucket, reports);
        }
    }
}

/// No report, no bucket: a range without any, an empty range, an unknown agent.
pub async fn a_summary_of_nothing_is_empty(store: &dyn ReportStore) {
    append(store, whole(0, 3)).await;
    for (agent, from, to) in [(ONE, 50, 60), (ONE, 3, 1), (TWO, 0, 9)] {
        let query = BucketQuery {
            agent,
            from: at(from),
            to: at(to),
            points: 5,
        };
        assert!(store.summary(&query).await.unwrap().buckets.is_empty());
    }
}

/// The ends of a report that stands for several samples, and its mean as often as it stands for one.
pub async fn a_summary_weighs_a_thinned_report_by_its_samples(store: &dyn ReportStore) {
    let sample = |seq: u64, used_memory, average_cpu, depth| Report {
        used_memory,
        average_cpu,
        gauges: vec![("depth".into(), depth)],
        ..report(seq, i64::try_from(seq).unwrap())
    };
    let three = Thinned {
        count: 3,
        from: at(-5),
        used_memory: (100, 900),
        average_cpu: (1.0, 99.0),
        gauges: vec![(-7.0, 70.0)],
    };
    let thinned = Report {
        thinned: Some(Box::new(three)),
        ..sample(1, 200, 20.0, 2.0)
    };
    append(
        store,
        batch(0, 2, vec![thinned, sample(2, 600, 60.0, 10.0)]),
    )
    .await;
    let query = BucketQuery {
        agent: ONE,
        from: at(0),
        to: at(10),
        points: 1,
    };
    let summary = store.summary(&query).await.unwrap();
    let [bucket] = summary.buckets.as_slice() else {
        panic!("{summary:?}")
    };
    assert_eq!(bucket.count, 4);
    let range = |min, max, mean| Range { min, max, mean };
    assert_eq!(bucket.used_memory, range(100.0, 900.0, 300.0));
    assert_eq!(bucket.average_cpu, range(1.0, 99.0, 30.0));
    let gauges = vec![("depth".to_owned(), range(-7.0, 70.0, 4.0))];
    assert_eq!(bucket.gauges, gauges);
}

/// What came last counts, not what claims to be newest.
pub async fn the_latest_is_the_one_that_came_last(store: &dyn ReportStore) {
    append(store, batch(0, 1, vec![report(1, 5_000)])).await;
    append(store, batch(1, 2, vec![report(2, 10)])).await;
    let latest = store.latest(&[ONE]).await.unwrap();
    assert_eq!(latest[0].report.as_ref().unwrap().report, report(2, 10));
    store.append_v1(ONE, report(0, 1), at(3)).await.unwrap();
    let latest = store.latest(&[ONE]).await.unwrap();
    let latest = latest[0].report.clone().unwrap();
    assert_eq!((latest.report.at, latest.received), (at(1), at(3)));
}

/// One answer for each agent asked for, unknown and doubled ones too.
pub async fn the_latest_of_each_agent_comes_in_the_order_asked(store: &dyn ReportStore) {
    append(store, whole(0, 3)).await;
    append(store, by_two(batch(0, 2, vec![report(1, 1)]))).await;
    append(store, by_two(batch(2, 4, vec![]))).await;
    let latest = store.latest(&[TWO, agent(9), ONE, TWO]).await.unwrap();
    let seen = |latest: &LatestReport| {
        let of = latest.report.as_ref();
        (of.map(|row| (row.agent, row.report.seq)), latest.dropped)
    };
    let two = (Some((TWO, 1)), 3);
    let expected = [two, (None, 0), (Some((ONE, 3)), 0), two];
    assert_eq!(latest.iter().map(seen).collect::<Vec<_>>(), expected);
    assert!(store.latest(&[]).await.unwrap().is_empty());
}

/// Of a batch the report with the highest number came last.
pub async fn the_latest_of_a_batch_is_its_last(store: &dyn ReportStore) {
    let jumpy = vec![report(1, 50), report(2, -20), report(3, 10)];
    append(store, batch(0, 3, jumpy)).await;
    let latest = store.latest(&[ONE]).await.unwrap();
    assert_eq!(latest[0].report.as_ref().unwrap().report, report(3, 10));
}
