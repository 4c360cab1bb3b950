//! Opening: what is refused, and what the error says.

use std::fs;
use std::path::Path;

use crate::common::{open, whole};
use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::store::{AgentQuery, AgentStore, StoreError, StoreErrorKind};
use widget_store_sqlite::{SqliteOptions, SqliteStore};

fn refused(directory: &Path) -> StoreError {
    SqliteStore::open(&SqliteOptions::new(directory)).unwrap_err()
}

fn execute(directory: &Path, sql: &str) {
    let connection = Connection::open(directory.join("widget.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn a_missing_directory_is_made() {
    let base = TempDir::new().unwrap();
    let directory = base.path().join("a/b");
    drop(open(&directory));
    assert!(directory.join("widget.db").is_file());
}

#[test]
fn a_directory_that_cannot_be_made_is_named_with_the_reason() {
    let base = TempDir::new().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&file.join("data"));
    assert_eq!(*error.kind(), StoreErrorKind::Config);
    let text = whole(&error);
    assert!(
        text.contains("file/data") && text.contains("directory"),
        "{text}"
    );
}

#[test]
fn a_second_store_on_the_same_directory_is_refused_until_the_first_is_gone() {
    let directory = TempDir::new().unwrap();
    let first = open(directory.path());
    let error = refused(directory.path());
    assert_eq!(*error.kind(), StoreErrorKind::InUse);
    assert!(whole(&error).contains("lock"), "{}", whole(&error));
    drop(first);
    drop(open(directory.path()));
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()));
    execute(directory.path(), "PRAGMA user_version = 99");
    let before = fs::read(directory.path().join("widget.db")).unwrap();
    let error = refused(directory.path());
    assert_eq!(*error.kind(), StoreErrorKind::Newer);
    let text = whole(&error);
    assert!(
        text.contains("format 99") && text.contains("up to 2"),
        "{text}"
    );
    assert!(text.contains("widget.db"), "{text}");
    let after = fs::read(directory.path().join("widget.db")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    execute(directory.path(), "CREATE TABLE songs (title TEXT)");
    let before = fs::read(directory.path().join("widget.db")).unwrap();
    let error = refused(directory.path());
    assert_eq!(*error.kind(), StoreErrorKind::Config);
    assert!(
        whole(&error).contains("another program"),
        "{}",
        whole(&error)
    );
    let after = fs::read(directory.path().join("widget.db")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("widget.db"), [0x5a; 8_192]).unwrap();
    let error = refused(directory.path());
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
    assert!(whole(&error).contains("widget.db"), "{}", whole(&error));
}

#[test]
fn damaged_pages_are_corrupt() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()));
    let path = directory.path().join("widget.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = refused(directory.path());
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{}", whole(&error));
}

#[test]
fn a_row_that_no_version_has_written_is_corrupt_and_the_rest_goes_on() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()));
    execute(
        directory.path(),
        "INSERT INTO agents (number, id, first_seen, last_seen, protocol, transport, describe)
            VALUES (1, zeroblob(16), 1, 1, 2, 'tcp', 'not JSON')",
    );
    let store = open(directory.path());
    let list = |after| block_on(store.agents(&AgentQuery { after, limit: 10 }));
    assert_eq!(*list(0).unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert!(list(1).unwrap().agents.is_empty());
}
