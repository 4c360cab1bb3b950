//! What outputs cost: a chunk writes itself, and little of what is there.

use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::id::Attempt;
use widget_core::store::{TaskStore, TaskStoreExt};
use widget_core::task::{Actor, AgentEvent, Chunk, Event, HEAD, MAX_CHUNK, TAIL};
use widget_core::testkit::fixtures::{NOW, agent, new_task, task_id};
use widget_store_sqlite::SqliteStore;

use crate::common::{open, put_running, written};

fn write(store: &SqliteStore, chunk: Chunk) {
    let said = Event::Said(Attempt(1), AgentEvent::Output(chunk));
    block_on(store.apply(task_id(1), &said, Actor::Agent, NOW)).unwrap();
}

/// The rows that are there of outputs, and the bytes in them.
fn kept(directory: &TempDir) -> (i64, i64) {
    let path = directory.path().join("widget.db");
    let connection = Connection::open(path).unwrap();
    let select = "SELECT count(*), sum(octet_length(text)) FROM output_parts";
    let row = connection.query_row(select, (), |row| Ok((row.get(0)?, row.get(1)?)));
    row.unwrap()
}

/// Writes so many chunks of the greatest length.
fn stream(store: &SqliteStore, from: u64, chunks: u64) -> u64 {
    let length = MAX_CHUNK as u64;
    for n in 0..chunks {
        let offset = from + n * length;
        let text = "x".repeat(MAX_CHUNK);
        write(store, Chunk { offset, text });
    }
    from + chunks * length
}

#[test]
fn a_chunk_of_a_long_output_costs_what_it_has_itself() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    put_running(&store, new_task(1, agent(1)));
    let end = stream(&store, 0, 20);
    let before = written(directory.path());
    stream(&store, end, 20);
    let each = (written(directory.path()) - before) / 20;
    assert!(each < 200_000, "{each} bytes for a chunk of {MAX_CHUNK}");
    let (rows, bytes) = kept(&directory);
    let most = i64::try_from(HEAD + TAIL + 2 * MAX_CHUNK).unwrap();
    assert!(rows <= 40 && bytes <= most, "{rows} rows, {bytes} bytes");
}

#[test]
fn lines_share_rows() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    put_running(&store, new_task(1, agent(1)));
    let mut offset = 0;
    for n in 0..300 {
        let text = format!("line {n:09} of what is said here\n");
        let chunk = Chunk { offset, text };
        offset = chunk.end();
        write(&store, chunk);
    }
    let (rows, bytes) = kept(&directory);
    assert!(
        rows <= 3 && bytes.unsigned_abs() == offset,
        "{rows} rows, {bytes} bytes"
    );
    let kept = block_on(store.output(task_id(1))).unwrap().unwrap();
    assert_eq!(kept.head.lines().count(), 300);
}
