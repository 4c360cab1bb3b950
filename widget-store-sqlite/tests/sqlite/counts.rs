//! What has a limit is counted beside its rows, and what is counted is what is there.

use std::path::Path;

use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::store::{
    AccessStore, Action, AgentStore, Arrival, AuditEntry, TaskStore, TaskStoreExt,
};
use widget_core::task::{Actor, Event};
use widget_core::testkit::fixtures::{NOW, agent, at, epoch, new_task, task_id};

use crate::common::{open, put_running};
use crate::filled::fill;

const COUNTS: &str = "SELECT what || ' ' || hex(agent) || ' ' || many FROM counts ORDER BY 1";
const TRUTH: &str = "SELECT * FROM (
    SELECT 'queued ' || hex(agent) || ' ' || count(*) FROM tasks WHERE state = 'queued' GROUP BY agent
    UNION ALL SELECT 'agents  ' || count(*) FROM agents HAVING count(*) > 0
    UNION ALL SELECT 'credentials  ' || count(*) FROM credentials WHERE ended IS NULL HAVING count(*) > 0
    ) ORDER BY 1";

fn rows(directory: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open(directory.join("widget.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn are_true(directory: &Path) -> Vec<String> {
    let counts = rows(directory, COUNTS);
    assert_eq!(counts, rows(directory, TRUTH));
    counts
}

fn entry(action: Action) -> AuditEntry {
    AuditEntry::new(at(7), "local:0", "this host", action, "it")
}

#[test]
fn whatever_is_done_the_counts_are_those_of_the_rows() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let store = open(at);
    assert!(are_true(at).is_empty());
    fill(&store);
    assert!(!are_true(at).is_empty());
    for n in [101, 102, 103] {
        block_on(store.insert(new_task(n, agent(9)))).unwrap();
        are_true(at);
    }
    // A repeat is no second one.
    block_on(store.insert(new_task(103, agent(9)))).unwrap();
    are_true(at);
    put_running(&store, new_task(104, agent(8)));
    are_true(at);
    // Queued again, and then cancelled.
    let apply = |n, event: Event| block_on(store.apply(task_id(n), &event, Actor::Server, NOW));
    for (n, event) in [
        (104, Event::SpoolLost),
        (104, Event::Cancel),
        (101, Event::Cancel),
        (102, Event::HandedToV1),
        (103, Event::AgentDeleted),
    ] {
        let applied = apply(n, event).unwrap().unwrap();
        assert!(applied.result.is_ok(), "{applied:?}");
        are_true(at);
    }
    for n in [1, 1, 50] {
        let arrival = Arrival::new(agent(n), 2, "tcp", Some(epoch(1)), NOW);
        block_on(store.arrive(&arrival)).unwrap();
        are_true(at);
    }
    for n in [11, 12, 11] {
        block_on(store.end_credential(agent(n), entry(Action::AgentDelete))).unwrap();
        are_true(at);
    }
    for n in [1, 2, 50, 50] {
        block_on(store.delete_agent(agent(n))).unwrap();
        are_true(at);
    }
    drop(store);
    let store = open(at);
    are_true(at);
    drop(store);
}
