//! How many results of tasks a second one server makes durable: SQLite on a disk, agents in another
//! process. Counted is the whole way of each task from its lease to the verdict on its end. Beside
//! it, in the same run and on the same disk, how often SQLite alone commits one row.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rusqlite::Connection;
use widget_benches::{block_on, hello, runtime, transport};
use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::message::{
    Command, RequestWork, Response, Update, UpdateItem, Verdict, Work, WorkTask,
};
use widget_core::store::Stores;
use widget_core::task::{AgentEvent, Finish};
use widget_store_sqlite::{SqliteOptions, SqliteStore};

use crate::Plan;
use crate::child::{Child, say, wait_to_go};
use crate::dispatch::directory;
use crate::table::{Bar, Subject, Tables};

/// How many agents there are, each with one connection.
const AGENTS: usize = 64;
/// How many tasks wait for each.
const TASKS_PER_PLANNED: usize = 5;
/// The most that one batch has: each comes to two items of an Update.
const BATCH: u16 = 32;

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    let floor = "as many single commits of SQLite's";
    for (what, room) in [
        ("results over TCP with SQLite, one task at a time", 1),
        ("results over TCP with SQLite, 32 tasks at a time", BATCH),
    ] {
        let subject = Subject {
            what,
            floor,
            unit: "results/s",
            bar: Bar::Above(2_000.0),
        };
        let rate = || results(plan, room);
        tables.compare(subject, plan.rounds, rate, || commits(plan));
    }
}

fn results(plan: &Plan, room: u16) -> f64 {
    // As many in all as 64 agents with a fifth of the tasks that are dispatched one by one.
    let tasks = (plan.tasks / TASKS_PER_PLANNED).max(1).to_string();
    let mut server = Child::start(&["serve-results", &tasks]);
    let mut agents = Child::start(&["end-tasks", &server.line(), &tasks, &room.to_string()]);
    assert_eq!(agents.line(), "ready");
    server.go();
    assert_eq!(server.line(), "queued");
    agents.go();
    agents.number()
}

/// Rows of about a task's size, each in a transaction of its own, synced as the store syncs.
fn commits(plan: &Plan) -> f64 {
    let directory = directory();
    let database = Connection::open(directory.path().join("floor.sqlite")).unwrap();
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )
        .unwrap();
    let mut insert = database
        .prepare("INSERT INTO rows (body) VALUES (?1)")
        .unwrap();
    let time = Duration::from_millis(plan.millis);
    let (start, mut rows) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        insert.execute([&[7_u8; 200][..]]).unwrap();
        rows += 1;
    }
    f64::from(rows) / start.elapsed().as_secs_f64()
}

fn agents() -> impl Iterator<Item = AgentId> {
    (1..=AGENTS as u128).map(AgentId::from_u128)
}

/// The role of the server: number of tasks for each agent.
pub(crate) fn serve(args: &[&str]) {
    let tasks: usize = args[0].parse().unwrap();
    let directory = directory();
    let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
    let stores: Stores = Arc::new(store).into();
    let (handle, at) = widget_benches::serve("tcp", stores);
    say(at);
    wait_to_go();
    futures_lite::future::block_on(async {
        for _ in 0..tasks {
            let sent = agents().map(|agent| handle.send(agent, "bench", Payload::null()));
            for task in join_all(sent).await {
                task.unwrap();
            }
        }
    });
    say("queued");
    // The directory lives until the parent has heard from the agents.
    wait_to_go();
}

/// The role of the agents: address, number of tasks for each, how many each takes at a time. Says
/// how many results a second were answered ok.
pub(crate) fn end_tasks(args: &[&str]) {
    let at: SocketAddr = args[0].parse().unwrap();
    let tasks: usize = args[1].parse().unwrap();
    let room: u16 = args[2].parse().unwrap();
    let rate = block_on(async move {
        let connect = agents().map(|agent| async move {
            let transport = transport("tcp", runtime(), at);
            transport.connect(hello(agent)).await.unwrap().0
        });
        let connections = join_all(connect).await;
        say("ready");
        wait_to_go();
        let start = Instant::now();
        let all = connections.into_iter().map(|connection| async move {
            let mut ended = 0;
            while ended < tasks {
                let Response::Work(Work { tasks, .. }) = connection.call(ask(room)).await.unwrap()
                else {
                    panic!("not work");
                };
                let accept = AgentEvent::Accept { idempotent: false };
                said(connection.call(update(&tasks, &[accept])).await.unwrap());
                let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
                let ends = [AgentEvent::Start, finish];
                said(connection.call(update(&tasks, &ends)).await.unwrap());
                ended += tasks.len();
            }
            ended
        });
        let ended: usize = join_all(all).await.into_iter().sum();
        ended as f64 / start.elapsed().as_secs_f64()
    });
    say(rate);
}

fn ask(room: u16) -> Command {
    Command::RequestWork(RequestWork {
        room,
        wait_ms: 25_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    })
}

fn update(tasks: &[WorkTask], events: &[AgentEvent]) -> Command {
    let of_one = |task: &WorkTask| {
        let (task, attempt) = (task.task, task.attempt);
        let items = events.iter().cloned();
        let items = items.map(move |event| UpdateItem {
            task,
            attempt,
            event,
        });
        items.collect::<Vec<_>>()
    };
    Command::Update(Update {
        items: tasks.iter().flat_map(of_one).collect(),
    })
}

/// Everything that was said is durable.
fn said(answer: Response) {
    let Response::Verdicts(verdicts) = answer else {
        panic!("no verdicts: {answer:?}");
    };
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Ok));
}
