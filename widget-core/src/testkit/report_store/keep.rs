//! Retention: what is old enough goes in small steps, and what must be remembered stays.

use super::{ONE, TWO, all, append, appended, batch, dropped, seqs, whole};
use crate::store::{ReportBatch, ReportStore};
use crate::testkit::fixtures::{at, report};

fn received(secs: i64, batch: ReportBatch) -> ReportBatch {
    ReportBatch {
        received: at(secs),
        ..batch
    }
}

fn by_two(batch: ReportBatch) -> ReportBatch {
    ReportBatch {
        agent: TWO,
        ..batch
    }
}

/// By the server's clock, not by what an agent claims.
pub async fn prune_goes_by_the_time_received(store: &dyn ReportStore) {
    let claims_new = batch(0, 1, vec![report(1, 9_999)]);
    let claims_old = batch(1, 2, vec![report(2, -9_999)]);
    append(store, received(10, claims_new)).await;
    append(store, received(20, claims_old)).await;
    assert_eq!(store.prune_reports(at(10), 100).await.unwrap(), 0);
    assert_eq!(store.prune_reports(at(20), 100).await.unwrap(), 1);
    assert_eq!(seqs(store, ONE).await, [2]);
}

/// Small steps, so that nobody waits long behind one; in the end nothing old is left.
pub async fn prune_deletes_at_most_the_limit(store: &dyn ReportStore) {
    append(store, received(0, whole(0, 5))).await;
    append(store, received(50, whole(5, 7))).await;
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(store.prune_reports(at(50), 2).await.unwrap());
    }
    assert_eq!(steps, [2, 2, 1, 0]);
    assert_eq!(seqs(store, ONE).await, [6, 7]);
}

/// The limit holds for all agents together.
pub async fn prune_counts_over_all_agents(store: &dyn ReportStore) {
    append(store, received(0, whole(0, 3))).await;
    append(store, received(0, by_two(whole(0, 3)))).await;
    assert_eq!(store.prune_reports(at(1), 4).await.unwrap(), 4);
    let left = all(store, ONE).await.len() + all(store, TWO).await.len();
    assert_eq!(left, 2);
}

/// The watermark outlives the reports: a late repeat stores nothing.
pub async fn a_pruned_report_does_not_come_back(store: &dyn ReportStore) {
    append(store, received(0, whole(0, 3))).await;
    assert_eq!(store.prune_reports(at(1), 100).await.unwrap(), 3);
    assert_eq!(append(store, whole(0, 3)).await, appended(3, 0));
    assert!(all(store, ONE).await.is_empty());
    assert_eq!(append(store, whole(3, 4)).await, appended(4, 1));
}

/// While any report of an agent is there, so is its latest.
pub async fn the_latest_survives_the_pruning_of_older_ones(store: &dyn ReportStore) {
    append(store, received(0, batch(0, 1, vec![report(1, 900)]))).await;
    append(store, received(5, batch(1, 2, vec![report(2, 1)]))).await;
    store.prune_reports(at(5), 100).await.unwrap();
    let latest = store.latest(&[ONE]).await.unwrap();
    assert_eq!(latest[0].report.as_ref().unwrap().report.seq, 2);
    store.prune_reports(at(6), 100).await.unwrap();
    assert_eq!(store.latest(&[ONE]).await.unwrap()[0].report, None);
}

/// Also between the steps of a pruning an agent with reports has a latest one.
pub async fn there_is_a_latest_while_there_is_any(store: &dyn ReportStore) {
    let jumpy = vec![report(1, 50), report(2, -20), report(3, 10)];
    append(store, received(0, batch(0, 3, jumpy))).await;
    while store.prune_reports(at(1), 1).await.unwrap() > 0 {
        let left = !all(store, ONE).await.is_empty();
        let latest = store.latest(&[ONE]).await.unwrap();
        assert_eq!(latest[0].report.is_some(), left);
    }
    assert!(all(store, ONE).await.is_empty());
}

/// What was dropped stays counted.
pub async fn drops_are_remembered_after_pruning(store: &dyn ReportStore) {
    append(store, received(0, batch(0, 5, vec![report(5, 5)]))).await;
    store.prune_reports(at(1), 100).await.unwrap();
    assert_eq!(dropped(store, ONE).await, 4);
}

/// Reports, watermarks and counts go; what comes later begins anew.
pub async fn deleted_reports_are_gone_with_their_watermark(store: &dyn ReportStore) {
    append(store, batch(0, 5, vec![report(5, 5)])).await;
    store.append_v1(ONE, report(0, 1), at(1)).await.unwrap();
    store.delete_reports(ONE).await.unwrap();
    assert!(all(store, ONE).await.is_empty());
    let latest = store.latest(&[ONE]).await.unwrap();
    assert_eq!(latest, [crate::store::LatestReport::default()]);
    assert_eq!(append(store, whole(0, 2)).await, appended(2, 2));
    let sample = store.append_v1(ONE, report(0, 9), at(2)).await.unwrap();
    assert_eq!(sample, appended(1, 1));
}

/// Only those of the agent that was named go; an unknown one is no error.
pub async fn deleting_leaves_other_agents_alone(store: &dyn ReportStore) {
    append(store, whole(0, 2)).await;
    append(store, by_two(whole(0, 3))).await;
    store.delete_reports(ONE).await.unwrap();
    store.delete_reports(ONE).await.unwrap();
    assert_eq!(seqs(store, TWO).await, [1, 2, 3]);
    assert_eq!(append(store, by_two(whole(3, 4))).await, appended(4, 1));
}
