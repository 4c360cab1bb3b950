//! How reports leave: by the server's clock, whatever the agent's says, and with their agent.

use crate::common::{append, batch, open, seqs};
use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::store::{ReportBatch, ReportQuery, ReportStore};
use widget_core::testkit::fixtures::{agent, at, epoch, report};
use widget_core::time::Timestamp;

const HOUR: i64 = 3_600;

/// One report for each hour of the server's clock, `at` as the agent's own clock says.
fn hourly(at_of: impl Fn(i64) -> i64) -> impl Iterator<Item = ReportBatch> {
    (1..=5).map(move |hour| {
        let seq = u64::try_from(hour).unwrap();
        ReportBatch {
            agent: agent(1),
            epoch: epoch(1),
            after: seq - 1,
            through: seq,
            reports: vec![report(seq, at_of(hour))],
            received: at(hour * HOUR),
        }
    })
}

#[track_caller]
fn assert_kept(at_of: impl Fn(i64) -> i64) {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    for batch in hourly(at_of) {
        append(&store, batch).unwrap();
    }
    let prune = |before, limit| block_on(store.prune_reports(at(before), limit)).unwrap();
    assert_eq!(prune(3 * HOUR, 1), 1);
    assert_eq!(prune(3 * HOUR, 10), 1);
    assert_eq!(prune(3 * HOUR, 10), 0);
    let mut kept = seqs(&store, agent(1));
    kept.sort_unstable();
    assert_eq!(kept, [3, 4, 5]);
    assert_eq!(prune(100 * HOUR, 10), 3);
}

#[test]
fn age_is_what_the_servers_clock_says_when_the_agents_is_right() {
    assert_kept(|hour| hour * HOUR);
}

#[test]
fn age_is_what_the_servers_clock_says_when_the_agents_is_far_ahead() {
    assert_kept(|hour| hour * HOUR + 100_000 * HOUR);
}

#[test]
fn age_is_what_the_servers_clock_says_when_the_agents_stands_still() {
    assert_kept(|_| -100_000 * HOUR);
}

#[test]
fn age_is_what_the_servers_clock_says_when_the_agents_runs_backwards() {
    assert_kept(|hour| -hour * HOUR);
}

#[test]
fn pruning_leaves_no_notes_behind() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    for batch in hourly(|hour| hour * HOUR) {
        append(&store, batch).unwrap();
    }
    block_on(store.prune_reports(at(100 * HOUR), 100)).unwrap();
    drop(store);
    let connection = Connection::open(directory.path().join("widget.db")).unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, (), |row| row.get(0)).unwrap()
    };
    assert_eq!((count("reports"), count("arrivals")), (0, 0));
}

#[test]
fn a_deleted_agent_leaves_no_rows_and_its_numbers_are_never_used_again() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    let everything = ReportQuery {
        before: None,
        agent: None,
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(i64::MAX),
        limit: 100_000,
    };
    append(&store, batch(agent(1), 0, 12_000)).unwrap();
    let before = block_on(store.reports(&everything)).unwrap();
    block_on(store.delete_reports(agent(1))).unwrap();
    assert!(block_on(store.reports(&everything)).unwrap().is_empty());
    append(&store, batch(agent(1), 0, 2)).unwrap();
    let after = block_on(store.reports(&everything)).unwrap();
    let known = |number| before.iter().any(|row| row.number == number);
    assert!(after.len() == 2 && !after.iter().any(|row| known(row.number)));
    drop(store);
    let connection = Connection::open(directory.path().join("widget.db")).unwrap();
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM reports", (), |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 2);
}
