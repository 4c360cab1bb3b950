//! How long a task takes from the call of the server's handle until a waiting agent in another
//! process has it, beside a relay of blocking threads; and with SQLite, beside one fdatasync.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use widget_benches::{
    AGENT, TRANSPORTS, block_on, finish, hello, memory_store, runtime, transport, wait_for_work,
};
use widget_core::Payload;
use widget_core::message::Response;
use widget_core::store::Stores;
use widget_store_sqlite::{SqliteOptions, SqliteStore};

use crate::Plan;
use crate::child::{Child, say, wait_to_go};
use crate::proc::nanos;
use crate::table::{Bar, Subject, Tables, spread};

/// Between two tasks: time for the agent to end one and to wait again.
const PAUSE: Duration = Duration::from_millis(1);
/// The same where both have to be synced.
const SYNCED_PAUSE: Duration = Duration::from_millis(5);
/// What is relayed: about as long as a small task in its frame.
const MESSAGE: usize = 96;

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    let over = |name: &str| match name {
        "http" => (
            "dispatch over HTTP, p50",
            "dispatch over HTTP with SQLite, p50",
            2.6,
        ),
        _ => (
            "dispatch over TCP, p50",
            "dispatch over TCP with SQLite, p50",
            1.3,
        ),
    };
    for transport in TRANSPORTS {
        let (in_memory, with_sqlite, most) = over(transport);
        let subject = Subject {
            what: in_memory,
            floor: "a relay of blocking threads",
            unit: "us",
            bar: Bar::AtMost(most),
        };
        tables.compare(
            subject,
            plan.rounds,
            || dispatch(plan, transport, "memory"),
            || relayed(plan),
        );
        let subject = Subject {
            what: with_sqlite,
            floor: "one fdatasync",
            unit: "us",
            bar: Bar::None,
        };
        tables.compare(
            subject,
            plan.rounds,
            || dispatch(plan, transport, "sqlite"),
            || fdatasync(plan),
        );
    }
}

fn dispatch(plan: &Plan, transport: &str, store: &str) -> f64 {
    let tasks = plan.tasks.to_string();
    let mut server = Child::start(&["dispatch", transport, store, &tasks]);
    let mut agent = Child::start(&["take", transport, &server.line(), &tasks]);
    assert_eq!(agent.line(), "ready");
    server.go();
    agent.number()
}

fn relayed(plan: &Plan) -> f64 {
    let mut relay = Child::start(&["relay"]);
    Child::start(&["take-relayed", &relay.line(), &plan.tasks.to_string()]).number()
}

/// The median of as many appends of 4 KiB as there are tasks, each on disk before the next, on the
/// disk that SQLite has.
fn fdatasync(plan: &Plan) -> f64 {
    let directory = directory();
    let mut file = std::fs::File::create(directory.path().join("file")).unwrap();
    let micros = (0..plan.tasks).map(|_| {
        let start = Instant::now();
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_data().unwrap();
        start.elapsed().as_nanos() as f64 / 1_000.0
    });
    spread(micros).1
}

/// Beside the build, where a disk is.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// The role of the server: transport, store, number of tasks.
pub(crate) fn serve(args: &[&str]) {
    let transport: &'static str = args[0].to_owned().leak();
    let directory = directory();
    let (pause, stores): (_, Stores) = match args[1] {
        "sqlite" => {
            let store = SqliteStore::open(&SqliteOptions::new(directory.path())).unwrap();
            (SYNCED_PAUSE, Arc::new(store).into())
        }
        _ => (PAUSE, memory_store()),
    };
    let (handle, at) = widget_benches::serve(transport, stores);
    say(at);
    wait_to_go();
    for _ in 0..args[2].parse().unwrap() {
        thread::sleep(pause);
        let sent = Payload::from_json_text(nanos().to_string());
        futures_lite::future::block_on(handle.send(AGENT, "bench", sent)).unwrap();
    }
    // The directory lives until the parent has heard from the agent.
    wait_to_go();
}

/// The role of the agent: transport, address, number of tasks. Says the median in microseconds.
pub(crate) fn take(args: &[&str]) {
    let at: SocketAddr = args[1].parse().unwrap();
    let tasks = args[2].parse().unwrap();
    let name = args[0].to_owned();
    let micros = block_on(async move {
        let (connection, _) = transport(&name, runtime(), at)
            .connect(hello(AGENT))
            .await
            .unwrap();
        say("ready");
        let mut micros = Vec::new();
        while micros.len() < tasks {
            let answer = connection.call(wait_for_work()).await.unwrap();
            let now = nanos();
            let Response::Work(work) = answer else {
                panic!("not work: {answer:?}");
            };
            for task in work.tasks {
                micros.push(since(task.input.as_bytes(), now));
                connection.call(finish(task.task)).await.unwrap();
            }
        }
        micros
    });
    say(spread(micros.into_iter()).1);
}

/// The role of the relay: the first that connects waits, the second sends.
pub(crate) fn relay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    say(listener.local_addr().unwrap());
    let accept = || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    let (mut to, mut from) = (accept(), accept());
    let mut message = [0; MESSAGE];
    while from.read_exact(&mut message).is_ok() {
        to.write_all(&message).unwrap();
    }
}

/// The role of both who sends to the relay and who waits: address, number of messages.
pub(crate) fn take_relayed(args: &[&str]) {
    let at: SocketAddr = args[0].parse().unwrap();
    let messages: usize = args[1].parse().unwrap();
    let mut waiting = TcpStream::connect(at).unwrap();
    let mut sending = TcpStream::connect(at).unwrap();
    sending.set_nodelay(true).unwrap();
    let (ended, has_ended) = channel::<()>();
    thread::spawn(move || {
        for _ in 0..messages {
            thread::sleep(PAUSE);
            let mut message = [b' '; MESSAGE];
            let now = nanos().to_string();
            message[..now.len()].copy_from_slice(now.as_bytes());
            sending.write_all(&message).unwrap();
        }
        let _ = has_ended.recv();
    });
    let mut message = [0; MESSAGE];
    let micros: Vec<f64> = (0..messages)
        .map(|_| {
            waiting.read_exact(&mut message).unwrap();
            since(&message, nanos())
        })
        .collect();
    drop(ended);
    say(spread(micros.into_iter()).1);
}

/// Microseconds from the time that a message says until then.
fn since(message: &[u8], then: u64) -> f64 {
    let sent: u64 = std::str::from_utf8(message)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    then.saturating_sub(sent) as f64 / 1_000.0
}
