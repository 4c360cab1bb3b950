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
use widget_core::id::StoreEpoch;
use widget_core::store::{
    AccessStore, Admission, AgentQuery, AgentRecord, AgentStore, AuditQuery, AuditRecord,
    CredentialRecord, LatestReport, ReportQuery, ReportStore, StoredReport, TaskQuery, TaskStore,
    TokenQuery, TokenRecord,
};
use widget_core::task::{Streamed, Task};
use widget_core::testkit::fixtures::{NOW, agent, epoch, verifier};
use widget_core::time::Timestamp;
use widget_store_sqlite::SqliteStore;

use crate::common::{batch, open, whole};
use crate::filled::{admit, fill, fill_format_1};

fn golden(format: u32) -> PathBuf {
    let name = format!("golden/format-{format}.sql");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
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
    tokens: Vec<TokenRecord>,
    credentials: Vec<Option<CredentialRecord>>,
    audit: Vec<AuditRecord>,
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
    let all = [1, 2, 3, 4, 5, 11].map(agent);
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
        let tokens = TokenQuery {
            after: 0,
            limit: 100,
        };
        let audit = AuditQuery {
            limit: 100,
            ..AuditQuery::default()
        };
        let mut credentials = Vec::new();
        for n in [10, 11, 12] {
            credentials.push(store.credential(&verifier(n)).await.unwrap());
        }
        Picture {
            tokens: store.tokens(&tokens).await.unwrap().tokens,
            credentials,
            audit: store.audit(&audit).await.unwrap().entries,
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

fn fresh(fill: fn(&SqliteStore)) -> (TempDir, SqliteStore) {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    fill(&store);
    (directory, store)
}

/// The format that is written today.
const NEWEST: u32 = 2;

/// Where a golden file of today lies, for whoever wants to keep it.
fn leave_fresh(directory: &Path) -> String {
    let name = format!("format-{NEWEST}.sql");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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
    reads_back_whole(1, fill_format_1);
}

#[test]
fn a_database_of_format_2_reads_back_whole() {
    reads_back_whole(2, fill);
}

/// A database of this format is what one of today is after the same was done to it.
fn reads_back_whole(format: u32, fill: fn(&SqliteStore)) {
    let (directory, store) = fresh(fill);
    let kept = kept(format).ok_or_else(|| leave_fresh(directory.path()));
    let kept = kept.expect("a golden file");
    let opened = widget_store_sqlite::SqliteStore::open(&widget_store_sqlite::SqliteOptions::new(
        kept.path(),
    ));
    let opened = opened.map_err(|error| whole(&error)).unwrap();
    let hint = match format {
        NEWEST => leave_fresh(directory.path()),
        _ => "a format that was released never changes".to_owned(),
    };
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
    let (directory, _store) = fresh(fill);
    let kept = kept(NEWEST).unwrap();
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
    assert_eq!(newest, NEWEST);
    for format in 1..=newest {
        assert!(golden(format).is_file(), "{}", golden(format).display());
    }
}
