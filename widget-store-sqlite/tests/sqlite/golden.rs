//! The format, kept for good: `golden/format-N.sql` is a database that was written when N was the
//! newest format. It is opened and read whole by every version from then on.
//!
//! A golden file never changes after its release. Until then, and for each new format, take the one
//! that the tests leave in cargo's folder for temporary files: they say where.

use std::fs;
use std::path::{Path, PathBuf};

use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::Payload;
use widget_core::id::{Attempt, StoreEpoch};
use widget_core::message::{Describe, HandlerInfo, Seen};
use widget_core::report::{Report, Thinned};
use widget_core::store::{
    Admission, AgentQuery, AgentRecord, AgentStore, Arrival, LatestReport, ReportBatch,
    ReportQuery, ReportStore, StoredReport, TaskQuery, TaskStore, TaskStoreExt,
};
use widget_core::task::{
    Actor, AgentEvent, Chunk, Event, Failure, Finish, FinishKind, NewTask, Once, Streamed, Task,
};
use widget_core::testkit::fixtures::{
    NOW, agent, at, epoch, json, new_task, report, secs, task_id,
};
use widget_core::time::Timestamp;
use widget_store_sqlite::SqliteStore;

use crate::common::{append, batch, open, put_running, whole};

fn golden(format: u32) -> PathBuf {
    let name = format!("golden/format-{format}.sql");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Something of everything that a store keeps.
fn fill(store: &SqliteStore) {
    block_on(fill_agents(store));
    fill_tasks(store);
    fill_reports(store);
    // The backup of agent 2's past: the store gets a second epoch, and agent 2 is behind.
    let first = admit(store, None).store;
    let seen = Seen {
        stores: vec![first],
        sequence: 40,
        at: at(-60),
    };
    assert_ne!(admit(store, Some(seen)).store, first);
}

fn admit(store: &SqliteStore, seen: Option<Seen>) -> widget_core::store::Admitted {
    let admission = Admission {
        agent: agent(2),
        epoch: epoch(2),
        seen,
        now: NOW,
    };
    block_on(store.admit(&admission)).unwrap()
}

async fn fill_agents(store: &SqliteStore) {
    for (n, epoch) in [(1, Some(epoch(1))), (2, None)] {
        let arrival = Arrival {
            agent: agent(n),
            protocol: u16::from(3 - n),
            transport: "tcp".into(),
            epoch,
            at: NOW,
        };
        store.arrive(&arrival).await.unwrap();
    }
    let handler = |kind: &str, schema| HandlerInfo {
        kind: kind.into(),
        idempotent: true,
        schema,
    };
    let describe = Describe {
        host: "höst".into(),
        os: "Linux 6.1".into(),
        boot: "b0".into(),
        version: "0.1.0".into(),
        labels: vec![("zone".into(), "a".into())],
        interval_ms: 1_000,
        handlers: vec![
            handler("reindex", Some(json("{\"type\": \"object\"}"))),
            handler("shutdown", None),
        ],
    };
    store.describe(agent(1), &describe).await.unwrap();
    store.leave(agent(2), at(5)).await.unwrap();
}

fn say(store: &SqliteStore, n: u8, said: AgentEvent) {
    let said = Event::Said(Attempt(1), said);
    let applied = block_on(store.apply(task_id(n), &said, Actor::Agent, at(3)));
    applied.unwrap().unwrap().result.unwrap();
}

fn apply(store: &SqliteStore, n: u8, event: &Event) {
    let applied = block_on(store.apply(task_id(n), event, Actor::Page, at(4)));
    applied.unwrap().unwrap().result.unwrap();
}

fn fill_tasks(store: &SqliteStore) {
    // 1 is running and has written something, more than the agent could keep.
    put_running(store, new_task(1, agent(1)));
    say(store, 1, AgentEvent::Progress(json("{\"done\": 0.5}")));
    for (offset, text) in [(0, "the beginning, ünïcode\n"), (90_000, "the end\n")] {
        let text = text.to_owned();
        say(store, 1, AgentEvent::Output(Chunk { offset, text }));
    }
    // 2 succeeded, 3 failed, with evidence that says otherwise; 4 was cut.
    let mut cut = Finish::succeeded(json("\"a beginn\""));
    cut.cut = Some(3_000_000);
    let failed = Finish::without(FinishKind::Failed, Failure::new("broken", "it 'broke'"));
    let ends = [Finish::succeeded(json(" [1, 2] ")), failed, cut];
    for (n, end) in (2..).zip(ends) {
        put_running(store, new_task(n, agent(1)));
        say(store, n, AgentEvent::Finish(end));
    }
    say(store, 3, AgentEvent::Finish(Finish::succeeded(json("0"))));
    // 5 was retried more often than its timeline is long.
    put_running(store, new_task(5, agent(3)));
    for _ in 0..34 {
        retry(store, 5);
    }
    // 6 was asked to end while it ran, 7 is leased, 8 queued with all that can be asked for, 9
    // cancelled, 10 accepted.
    put_running(store, new_task(6, agent(4)));
    apply(store, 6, &Event::Cancel);
    block_on(store.insert(new_task(7, agent(5)))).unwrap();
    lease(store, 5);
    let asked = NewTask {
        input: Payload::from_json_text(b"{\"path\": \"/a\"}".to_vec()),
        ttl: secs(3_600),
        timeout: Some(secs(60)),
        not_before: Some(at(600)),
        priority: -3,
        ordering_key: Some("disk".into()),
        once: Once::Key("key-8".into()),
        by: Actor::Api,
        ..new_task(8, agent(1))
    };
    for task in [asked, new_task(9, agent(1))] {
        block_on(store.insert(task)).unwrap();
    }
    apply(store, 9, &Event::Cancel);
    block_on(store.insert(new_task(10, agent(6)))).unwrap();
    lease(store, 6);
    say(store, 10, AgentEvent::Accept { idempotent: false });
}

/// The running task goes back to the queue, and runs again.
fn retry(store: &SqliteStore, n: u8) {
    let task = block_on(store.task(task_id(n))).unwrap().unwrap();
    let attempt = task.state.attempt;
    let apply = |attempt, said| {
        let said = Event::Said(attempt, said);
        let applied = block_on(store.apply(task.id, &said, Actor::Agent, NOW));
        applied.unwrap().unwrap().result.unwrap();
    };
    let failure = Failure::new("busy", "the disk is busy");
    let (after_ms, lost) = (0, false);
    apply(
        attempt,
        AgentEvent::Retry {
            failure,
            after_ms,
            lost,
        },
    );
    lease(store, 3);
    apply(attempt.next(), AgentEvent::Accept { idempotent: true });
    apply(attempt.next(), AgentEvent::Start);
}

fn lease(store: &SqliteStore, n: u8) {
    let admission = Admission {
        agent: agent(n),
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    let request = widget_core::store::LeaseRequest {
        agent: agent(n),
        epoch: epoch(1),
        room: 1,
        bytes: 1_000,
        holding: Vec::new(),
        kinds: Vec::new(),
        now: NOW,
    };
    block_on(store.admit(&admission)).unwrap();
    let leased = block_on(store.lease(&request)).unwrap();
    assert_eq!(leased.tasks.len(), 1);
}

fn fill_reports(store: &SqliteStore) {
    let thinned = Thinned {
        count: 3,
        from: at(1),
        used_memory: (1, 1_000_000_009),
        average_cpu: (0.1, 33.333_332),
        gauges: vec![(0.1, 7.25)],
    };
    let thinned = Report {
        thinned: Some(Box::new(thinned)),
        ..report(5, 5)
    };
    let bare = Report {
        gauges: Vec::new(),
        ..report(6, 6)
    };
    let first = ReportBatch {
        through: 7,
        reports: vec![report(2, 2), thinned, bare],
        ..batch(agent(1), 0, 0)
    };
    append(store, first).unwrap();
    append(store, batch(agent(2), 100, 102)).unwrap();
    block_on(store.append_v1(agent(2), report(0, 9), at(9))).unwrap();
}

/// All that can be read of a store, but for its random epochs.
#[derive(Debug, PartialEq)]
struct Picture {
    agents: Vec<AgentRecord>,
    tasks: Vec<Task>,
    outputs: Vec<Option<Streamed>>,
    reports: Vec<StoredReport>,
    latest: Vec<LatestReport>,
    /// The sequence and the watermark of each agent.
    numbers: Vec<(u64, u64)>,
}

fn picture(store: &SqliteStore) -> Picture {
    let everything = TaskQuery {
        agent: None,
        states: Vec::new(),
        before: None,
        limit: 100,
    };
    let reports = ReportQuery {
        agent: None,
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(i64::MAX),
        before: None,
        limit: 100,
    };
    let agents = AgentQuery {
        after: 0,
        limit: 100,
    };
    let all = [1, 2, 3, 4, 5].map(agent);
    block_on(async {
        let tasks = store.tasks(&everything).await.unwrap().tasks;
        let mut outputs = Vec::new();
        for task in &tasks {
            outputs.push(store.output(task.id).await.unwrap());
        }
        let mut numbers = Vec::new();
        for agent in all {
            let admission = Admission {
                agent,
                epoch: epoch(1),
                seen: None,
                now: NOW,
            };
            let nothing = batch(agent, 0, 0);
            let through = store.append(nothing).await.unwrap().through;
            numbers.push((store.admit(&admission).await.unwrap().sequence, through));
        }
        Picture {
            agents: store.agents(&agents).await.unwrap().agents,
            tasks,
            outputs,
            reports: store.reports(&reports).await.unwrap(),
            latest: store.latest(&all).await.unwrap(),
            numbers,
        }
    })
}

fn database(directory: &Path) -> Connection {
    Connection::open(directory.join("widget.db")).unwrap()
}

fn strings(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

const TABLES: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    ORDER BY rowid";
const SCHEMA: &str = "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL
    AND name NOT LIKE 'sqlite_%' ORDER BY rowid";

/// The whole database as statements that make it.
fn dump(directory: &Path) -> String {
    let connection = database(directory);
    let pragma = |name: &str| -> i64 {
        let sql = format!("PRAGMA {name}");
        connection.query_row(&sql, (), |row| row.get(0)).unwrap()
    };
    let mut lines = vec![
        format!("PRAGMA application_id = {};", pragma("application_id")),
        format!("PRAGMA user_version = {};", pragma("user_version")),
    ];
    lines.extend(strings(&connection, SCHEMA));
    let mut tables = strings(&connection, TABLES);
    lines.push("DELETE FROM sqlite_sequence;".into());
    tables.push("sqlite_sequence".into());
    for table in tables {
        let columns = strings(
            &connection,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        );
        let quoted: Vec<_> = columns
            .iter()
            .map(|name| format!("quote(\"{name}\")"))
            .collect();
        let values = quoted.join(" || ', ' || ");
        let sql = format!(
            "SELECT 'INSERT INTO {table} VALUES (' || {values} || ');' FROM {table} ORDER BY 1"
        );
        // Those of sqlite_sequence were made by the rows before them.
        if table == "sqlite_sequence" {
            lines.push("DELETE FROM sqlite_sequence;".into());
        }
        lines.extend(strings(&connection, &sql));
    }
    lines.join("\n") + "\n"
}

fn fresh() -> (TempDir, SqliteStore) {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    fill(&store);
    (directory, store)
}

/// Where a golden file of today lies, for whoever wants to keep it.
fn leave_fresh(directory: &Path) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("format-1.sql");
    fs::write(&path, dump(directory)).unwrap();
    format!("today's is {}", path.display())
}

/// A database of this format, as it lay on somebody's disk.
fn kept(format: u32) -> Option<TempDir> {
    let sql = fs::read_to_string(golden(format)).ok()?;
    let directory = TempDir::new().unwrap();
    let connection = database(directory.path());
    connection.execute_batch("BEGIN").unwrap();
    connection.execute_batch(&sql).unwrap();
    connection.execute_batch("COMMIT").unwrap();
    Some(directory)
}

#[test]
fn a_database_of_format_1_reads_back_whole() {
    let (directory, store) = fresh();
    let Some(kept) = kept(1) else {
        panic!("no golden file; {}", leave_fresh(directory.path()));
    };
    let opened = widget_store_sqlite::SqliteStore::open(&widget_store_sqlite::SqliteOptions::new(
        kept.path(),
    ));
    let opened = opened.map_err(|error| whole(&error)).unwrap();
    let hint = leave_fresh(directory.path());
    assert!(picture(&opened) == picture(&store), "{hint}");
    // Its epochs are those that it had, and the last is the one that it is in.
    let hex = "SELECT hex(epoch) FROM epochs ORDER BY number";
    let epochs = strings(&database(kept.path()), hex);
    let current = admit(&opened, None).store;
    assert_eq!(epochs.len(), 2);
    assert_eq!(epochs.last(), Some(&hex_of(current)));
}

fn hex_of(epoch: StoreEpoch) -> String {
    epoch
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

#[test]
fn a_new_database_has_the_tables_of_the_golden_one() {
    let (directory, _store) = fresh();
    let kept = kept(1).unwrap();
    let tables = |directory: &Path| strings(&database(directory), SCHEMA);
    let hint = leave_fresh(directory.path());
    assert_eq!(tables(kept.path()), tables(directory.path()), "{hint}");
}

#[test]
fn every_format_has_its_golden_database() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()));
    let newest: u32 = database(directory.path())
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    for format in 1..=newest {
        assert!(golden(format).is_file(), "{}", golden(format).display());
    }
}
