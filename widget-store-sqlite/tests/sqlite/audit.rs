//! The audit list as it lies in the database.

use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::id::TaskId;
use widget_core::store::{AccessStore, Action, AuditEntry, AuditQuery};
use widget_core::testkit::fixtures::{NOW, agent, at};

use crate::common::open;

#[test]
fn nobody_changes_or_deletes_an_entry() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    let entry = AuditEntry::new(NOW, "alice", "here", Action::SignIn, "");
    block_on(store.note(entry.clone())).unwrap();
    let other = Connection::open(directory.path().join("widget.db")).unwrap();
    for statement in [
        "DELETE FROM audit",
        "UPDATE audit SET who = 'bob'",
        "INSERT OR REPLACE INTO audit (number, at, who, peer, action, target)
            VALUES (1, 0, 'bob', '', '', '')",
    ] {
        let refused = other.execute(statement, ()).unwrap_err();
        assert!(refused.to_string().contains("only grows"), "{refused}");
    }
    let all = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    let kept = block_on(store.audit(&all)).unwrap().entries;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].entry, entry);
}

#[test]
fn entries_and_credentials_are_there_when_opened_again() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    crate::filled::fill(&store);
    let all = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    let before = block_on(store.audit(&all)).unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(block_on(store.audit(&all)).unwrap(), before);
    assert!(before.entries.len() > 5);
}

/// What docs/security.md says: the list is never shortened, so this is what it grows by.
#[test]
fn an_entry_of_a_task_takes_two_hundred_bytes() {
    const THREADS: u64 = 32;
    const EACH: u64 = 100;
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EACH {
                    let task = TaskId::generate(at(n.cast_signed()), [thread, n]).to_string();
                    let from = "192.0.2.123";
                    let entry =
                        AuditEntry::new(NOW, "token:deploy", from, Action::TaskCreate, &task)
                            .by_token(7)
                            .of_agent(agent(1))
                            .changing(None, Some("backup.full"));
                    block_on(store.note(entry)).unwrap();
                }
            });
        }
    });
    drop(store);
    let other = TempDir::new().unwrap();
    drop(open(other.path()));
    let size = |data: &TempDir| data.path().join("widget.db").metadata().unwrap().len();
    let bytes = (size(&directory) - size(&other)) / (THREADS * EACH);
    assert!((150..250).contains(&bytes), "{bytes} bytes an entry");
}
