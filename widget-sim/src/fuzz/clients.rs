//! Any bytes as what a server says to an agent's side of a connection. The first byte of an input says how
//! they come, see [`Manner`]; what stands between two [`MARK`]s is said in one turn, once the agent has
//! said something.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_lite::future::{or, pending, zip};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use widget_core::message::{Command, Describe, Goodbye, RequestWork, Submit};
use widget_core::runtime::{RuntimeExt, Stream};
use widget_core::testkit::fixtures::epoch;
use widget_core::testkit::fuzz::seal;
use widget_core::testkit::transport::hello;
use widget_core::transport::{Connection, Transport};

use super::connections::{LONGEST, Manner};
use crate::{HTTP_PORT, Incoming, SimRuntime, Switchboard, TCP_PORT, Way, World};

/// What parts one turn of the server's from the next.
pub(super) const MARK: &[u8] = b"\xff\xfe\xfd\xfc";
/// The most connections of an agent's that are served.
const MOST: usize = 20;

/// Any bytes to an agent over TCP: connecting and every call comes to an end.
pub fn tcp_client(bytes: &[u8]) {
    client(bytes, Way::Tcp);
}

/// Any bytes to an agent over HTTP, in the same way. Each of its sockets is told the next turns.
pub fn http_client(bytes: &[u8]) {
    client(bytes, Way::Http);
}

fn client(bytes: &[u8], way: Way) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let manner = Manner::of(*how);
    let mut turns = turns(rest);
    if manner.is(Manner::SEALED) {
        turns.iter_mut().for_each(|turn| seal(turn));
    }
    let world = World::new(u64::from(*how));
    let (server, agent) = (world.process("server"), world.process("agent"));
    let port = match way {
        Way::Http => HTTP_PORT,
        _ => TCP_PORT,
    };
    let incoming = world.listen(&server, port).unwrap();
    let transport = way.transport(&agent, &Switchboard::default(), "server");
    let (inner, how) = (world.clone(), *how);
    world.run(async move {
        let turns = Arc::new(Mutex::new(turns.into()));
        let answering = answer(inner, incoming, server, (turns, how));
        let asking = ask(transport, agent);
        or(asking, answering).await;
    });
    world.end();
}

fn turns(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut turns, mut turn) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(MARK) {
            turns.push(std::mem::take(&mut turn));
            rest = after;
        } else {
            turn.push(*byte);
            rest = after;
        }
    }
    turns.push(turn);
    turns
}

/// What an agent says and asks. All of it comes to an end, whatever it is answered.
async fn ask(transport: Arc<dyn Transport>, runtime: SimRuntime) {
    let connecting = runtime.timeout(LONGEST, transport.connect(hello(1)));
    let Ok((connection, welcome)) = connecting.await.expect("connecting has no end") else {
        return;
    };
    assert!(welcome.session.len() <= widget_core::frame::MAX_TO_AGENT);
    let waits = RequestWork {
        room: 1,
        wait_ms: 1_000,
        ..RequestWork::default()
    };
    let submit = Submit {
        epoch: epoch(1),
        after: 0,
        reports: Vec::new(),
        dropped: 0,
    };
    let goodbye = Goodbye {
        reason: String::new(),
        task: None,
        spool_gone: false,
    };
    let waiting = call(&*connection, &runtime, Command::RequestWork(waits));
    let others = async {
        call(
            &*connection,
            &runtime,
            Command::Describe(Describe::default()),
        )
        .await;
        call(&*connection, &runtime, Command::Submit(submit)).await;
        call(&*connection, &runtime, Command::Goodbye(goodbye)).await;
    };
    zip(waiting, others).await;
}

async fn call(connection: &dyn Connection, runtime: &SimRuntime, command: Command) {
    let answer = runtime.timeout(LONGEST, connection.call(command)).await;
    let answer = answer.expect("a call has no end");
    if let Err(error) = answer {
        // What a server says is repeated within limits only.
        assert!(error.to_string().len() < 2_000);
    }
}

/// What is left of a server's turns, for all of its connections.
type Turns = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// Serves the agent's connections. Never ends: the agent does.
async fn answer(world: World, incoming: Incoming, runtime: SimRuntime, (turns, how): (Turns, u8)) {
    for _ in 0..MOST {
        let Some(accepted) = incoming.next().await else {
            break;
        };
        let (turns, runtime) = (Arc::clone(&turns), runtime.clone());
        world.spawn(async move {
            let manner = Manner::of(how);
            let mut stream = accepted.stream;
            say(&mut stream, &runtime, (&turns, &manner)).await;
            if manner.is(Manner::SILENT) {
                pending::<()>().await;
            }
        });
    }
    pending::<()>().await;
}

/// A turn for each time that the agent has said something, as long as there are any.
async fn say(
    stream: &mut Box<dyn Stream>,
    runtime: &SimRuntime,
    (turns, manner): (&Turns, &Manner),
) {
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk).await, Ok(1..)) {
        let turn = turns.lock().unwrap().pop_front();
        let Some(turn) = turn else {
            return;
        };
        for piece in turn.chunks(manner.size()) {
            let told = async {
                stream.write_all(piece).await?;
                stream.flush().await
            };
            if !matches!(runtime.timeout(LONGEST, told).await, Some(Ok(()))) {
                return;
            }
            manner.pause(runtime).await;
        }
    }
}
