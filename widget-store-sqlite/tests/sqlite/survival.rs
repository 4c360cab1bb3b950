//! What was answered is there afterwards: after closing, and after a killed process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{append, batch, open, seqs};
use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;
use widget_core::id::TaskId;
use widget_core::store::{Admission, AgentStore, Arrival, LeaseRequest, ReportStore, TaskStore};
use widget_core::task::NewTask;
use widget_core::testkit::fixtures::{NOW, agent, epoch, new_task, task_id};

const CHILD: &str = "WIDGET_TEST_APPEND_TO";
const AGENTS: u8 = 4;

/// Of each agent, up to which report it and the tasks with it were answered, each time.
type Answered = BTreeMap<u8, BTreeSet<u64>>;

#[test]
fn all_that_was_answered_is_there_when_opened_again() {
    let directory = TempDir::new().unwrap();
    let arrival = Arrival::new(agent(1), 2, "tcp", Some(epoch(1)), NOW);
    let admission = Admission {
        agent: agent(1),
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    let request = LeaseRequest {
        agent: agent(1),
        epoch: epoch(1),
        room: 1,
        bytes: 1_000,
        holding: Vec::new(),
        now: NOW,
        kinds: Vec::new(),
    };
    let store = open(directory.path());
    let (record, admitted, leased) = block_on(async {
        let record = store.arrive(&arrival).await.unwrap().record;
        store.insert(new_task(1, agent(1))).await.unwrap();
        store.insert(new_task(2, agent(1))).await.unwrap();
        let admitted = store.admit(&admission).await.unwrap();
        let leased = store.lease(&request).await.unwrap();
        (record, admitted, leased)
    });
    append(&store, batch(agent(1), 0, 3)).unwrap();
    drop(store);

    let store = open(directory.path());
    block_on(async {
        assert_eq!(store.agent(agent(1)).await.unwrap(), Some(record));
        assert_eq!(
            store.task(task_id(1)).await.unwrap().as_ref(),
            leased.tasks.first()
        );
        assert!(store.task(task_id(2)).await.unwrap().is_some());
        let again = store.admit(&admission).await.unwrap();
        assert_eq!((again.store, again.sequence), (admitted.store, 1));
    });
    assert_eq!(seqs(&store, agent(1)), [1, 2, 3]);
}

/// The task that an agent is given with its reports up to this number.
fn numbered(agent: u8, through: u64) -> TaskId {
    TaskId::from_bytes((u128::from(agent) << 64 | u128::from(through)).to_be_bytes())
}

/// A program of its own, started by the test below: appends, queues and says what was answered.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let store = open(Path::new(&directory));
    std::thread::scope(|scope| {
        for n in 1..=AGENTS {
            let store = &store;
            scope.spawn(move || {
                let mut last = through(store, n);
                loop {
                    let next = append(store, batch(agent(n), last, last + 3));
                    last = next.unwrap().through;
                    let task = NewTask {
                        id: numbered(n, last),
                        ..new_task(n, agent(n))
                    };
                    block_on(store.insert(task)).unwrap();
                    // One write for each line, so that none is cut in two.
                    let line = format!("answered {n} {last}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// How far an agent has come: a batch of nothing is answered with the watermark.
fn through(store: &dyn ReportStore, n: u8) -> u64 {
    let nothing = batch(agent(n), 0, 0);
    block_on(store.append(nothing)).unwrap().through
}

#[test]
fn a_killed_process_loses_nothing_that_was_answered() {
    let directory = TempDir::new().unwrap();
    let mut answered: Answered = BTreeMap::new();
    for lines in [1, 40, 7, 150, 23] {
        kill_after(directory.path(), lines, &mut answered);
        let store = open(directory.path());
        for n in 1..=AGENTS {
            let said = answered.entry(n).or_default();
            let known = said.last().copied().unwrap_or(0);
            let seqs = seqs(&store, agent(n));
            let last = seqs.last().copied().unwrap_or(0);
            assert!(last >= known, "agent {n}: {last} of {known}");
            assert_eq!(seqs, (1..=last).collect::<Vec<_>>(), "agent {n}");
            assert_eq!(through(&store, n), last, "agent {n}");
            for through in said.iter() {
                let task = block_on(store.task(numbered(n, *through))).unwrap();
                assert!(task.is_some(), "agent {n}: the task with report {through}");
            }
        }
        drop(store);
        let connection = Connection::open(directory.path().join("widget.db")).unwrap();
        let check: String = connection
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
    let agents = answered.values().filter(|said| !said.is_empty()).count();
    assert!(agents > 1, "{answered:?}");
}

/// Starts the child, kills it with SIGKILL after so many answers, and takes down all that it said.
fn kill_after(directory: &Path, lines: usize, answered: &mut Answered) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "survival::child_that_appends_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    for line in said.map_while(Result::ok) {
        // The first one shares its line with the words of the test harness.
        let Some((_, what)) = line.split_once("answered ") else {
            continue;
        };
        let (n, seq) = what.split_once(' ').unwrap();
        let said = answered.entry(n.parse().unwrap()).or_default();
        said.insert(seq.parse().unwrap());
        seen += 1;
        if seen == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= lines, "the child ended after {seen} answers");
}
