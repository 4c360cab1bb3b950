//! Sessions: what proves an agent in requests that stand alone, and which memory of it is current,
//! with two servers over one store.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::clock::SetClock;
use common::slow_rows::SlowRows;
use common::{Agent, origin, report, reported, server};
use widget_core::Payload;
use widget_core::id::StoreEpoch;
use widget_core::message::{Command, Goodbye, RefusalReason, RequestWork, Response, Verdict};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{MemoryStore, Stores};
use widget_core::task::{AgentEvent, Finish};
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};
use widget_server::Server;

const SECOND: Duration = Duration::from_secs(1);

fn runtime() -> SharedRuntime {
    Arc::new(TokioRuntime::current().unwrap())
}

fn memory() -> MemoryStore {
    MemoryStore::new(StoreEpoch::from_bytes([9; 16]))
}

/// Two servers over one store.
fn two_servers() -> (Server, Server) {
    let store = Arc::new(memory());
    let server = || Server::builder(runtime(), store.clone().into()).build();
    (server(), server())
}

/// The same agent at another server, by its session.
async fn at(agent: &Agent, service: Arc<dyn Service>) -> Agent {
    let session = agent.service.session(&agent.peer).await.unwrap();
    let peer = service.resume(&origin(), &session).await.unwrap();
    Agent { service, peer }
}

/// Why the agent's session is not taken at this server.
async fn turned_away(agent: &Agent, service: Arc<dyn Service>) -> RefusalReason {
    let session = agent.service.session(&agent.peer).await.unwrap();
    match service.resume(&origin(), &session).await {
        Err(Rejection::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

fn reason(response: Response) -> RefusalReason {
    match response {
        Response::Refused(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

async fn is_refused(server: &Server, session: &str) -> bool {
    let resumed = server.service().resume(&origin(), session).await;
    let is_session = |refusal: &widget_core::message::Refusal| {
        assert!(refusal.text.contains("hello"), "{refusal}");
        refusal.reason == RefusalReason::Session
    };
    matches!(resumed, Err(Rejection::Refused(refusal)) if is_session(&refusal))
}

#[tokio::test]
async fn a_session_resumes_the_same_peer() {
    let server = server();
    let agent = Agent::hello(&server.service(), 1, 1).await;
    let session = agent.service.session(&agent.peer).await.unwrap();
    let from = Origin {
        transport: "http",
        address: "elsewhere".into(),
        ip: None,
    };
    let resumed = server.service().resume(&from, &session).await.unwrap();
    let expected = Peer {
        origin: from,
        ..agent.peer
    };
    assert_eq!(resumed, expected);
}

#[tokio::test]
async fn a_session_that_was_forged_or_cut_is_refused_and_counted() {
    let server = server();
    let agent = Agent::hello(&server.service(), 1, 1).await;
    let session = agent.service.session(&agent.peer).await.unwrap();
    let (first, rest) = session.split_at(1);
    let forged = format!("{}{rest}", if first == "A" { "B" } else { "A" });
    let cut = &session[..session.len() - 1];
    for wrong in [forged.as_str(), cut, "", "%", &session.repeat(100)] {
        assert!(is_refused(&server, wrong).await, "{wrong}");
    }
    assert_eq!(server.handle().refusals().get("session"), Some(&5));
}

#[tokio::test]
async fn a_session_of_another_store_is_refused() {
    let (one, other) = (server(), server());
    let agent = Agent::hello(&one.service(), 1, 1).await;
    Agent::hello(&other.service(), 1, 1).await;
    let session = agent.service.session(&agent.peer).await.unwrap();
    assert!(is_refused(&other, &session).await);
    assert_eq!(other.handle().refusals().get("session"), Some(&1));
}

#[tokio::test]
async fn a_session_ends_after_a_day() {
    let clock = Arc::new(SetClock::at(Timestamp::from_secs(1_800_000_000)));
    let server = Server::builder(clock.clone(), Arc::new(memory()).into()).build();
    let agent = Agent::hello(&server.service(), 1, 1).await;
    let session = agent.service.session(&agent.peer).await.unwrap();
    clock.advance(24 * 60 * 60 * SECOND - SECOND);
    assert!(!is_refused(&server, &session).await);
    clock.advance(SECOND);
    assert!(is_refused(&server, &session).await);
    assert_eq!(server.handle().refusals().get("session"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn a_session_of_one_server_is_good_at_the_other_for_every_command() {
    let (one, two) = two_servers();
    let agent = Agent::hello(&one.service(), 1, 1).await;
    let agent = at(&agent, two.service()).await;
    agent.describe("edge").await;
    let through = Response::Ack { through: Some(1) };
    assert_eq!(agent.submit(0, vec![report(1)]).await, through);
    let handle = one.handle();
    let task = handle.send(agent.id(), "echo", Payload::null()).await;
    let task = task.unwrap().id;
    assert_eq!(agent.work().await.tasks.len(), 1);
    let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    let events = vec![AgentEvent::Start, finish];
    assert_eq!(agent.say(task, 1, events).await, [Verdict::Ok; 2]);
    assert_eq!(common::state(&handle, task).await, "succeeded");
    let goodbye = Goodbye {
        reason: "test".into(),
        task: None,
        spool_gone: true,
    };
    assert_eq!(agent.call(Command::Goodbye(goodbye)).await, Response::ACK);
    let status = handle.agent(agent.id()).await.unwrap().unwrap();
    assert_eq!(status.record.describe.host, "edge");
    assert!(status.record.left.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_given_at_one_server_reaches_an_agent_that_waits_at_the_other() {
    let (one, two) = two_servers();
    let agent = reported(&one.service(), 1).await;
    let (id, agent) = (agent.id(), at(&agent, two.service()).await);
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn(async move { agent.request(25_000, Vec::new()).await });
    tokio::time::sleep(3 * SECOND).await;
    let task = one.handle().send(id, "echo", Payload::null()).await;
    let Response::Work(work) = waiting.await.unwrap() else {
        panic!()
    };
    assert_eq!(work.tasks[0].task, task.unwrap().id);
    assert_eq!(start.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_a_newer_hello_at_another_server_the_older_memory_is_replaced() {
    let (one, two) = two_servers();
    let older = reported(&one.service(), 1).await;
    let newer = Agent::hello(&two.service(), 1, 2).await;
    tokio::time::advance(SECOND).await;
    let again = older.submit(1, vec![report(2)]).await;
    assert_eq!(reason(again), RefusalReason::Replaced);
    // Wherever its session is shown.
    assert_eq!(
        turned_away(&older, two.service()).await,
        RefusalReason::Replaced
    );
    assert_eq!(one.handle().refusals().get("replaced"), Some(&1));
    newer.describe("edge").await;
}

/// Found by review: the server that knew the older memory refused the newer one for a second.
#[tokio::test(start_paused = true)]
async fn the_newer_memory_is_never_refused() {
    let (one, two) = two_servers();
    let older = reported(&one.service(), 1).await;
    let newer = Agent::hello(&two.service(), 1, 2).await;
    let newer = at(&newer, one.service()).await;
    newer.describe("edge").await;
    let again = older.submit(1, vec![report(2)]).await;
    assert_eq!(reason(again), RefusalReason::Replaced, "known at once then");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_older_memory_is_told_at_once_wherever_it_waits() {
    let (one, two) = two_servers();
    let older = reported(&one.service(), 1).await;
    let waiting = tokio::spawn(async move { older.request(25_000, Vec::new()).await });
    tokio::time::sleep(3 * SECOND).await;
    let start = tokio::time::Instant::now();
    Agent::hello(&two.service(), 1, 2).await;
    assert_eq!(reason(waiting.await.unwrap()), RefusalReason::Replaced);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_agent_deleted_at_another_server_is_replaced() {
    let (one, two) = two_servers();
    let agent = reported(&one.service(), 1).await;
    assert!(two.handle().delete(agent.id()).await.unwrap());
    tokio::time::advance(SECOND).await;
    let again = agent.request(0, Vec::new()).await;
    assert_eq!(reason(again), RefusalReason::Replaced);
    assert_eq!(
        turned_away(&agent, two.service()).await,
        RefusalReason::Replaced
    );
    let back = Agent::hello(&one.service(), 1, 1).await;
    assert!(back.work().await.is_empty());
}

fn counted() -> (Arc<SlowRows>, Server) {
    let store = memory();
    let rows = Arc::new(SlowRows::new(store.clone()));
    let stores = Stores {
        agents: rows.clone(),
        ..Arc::new(store).into()
    };
    (rows, Server::builder(runtime(), stores).build())
}

#[tokio::test(start_paused = true)]
async fn an_agent_costs_at_most_one_read_of_its_row_a_second() {
    let (rows, server) = counted();
    let agent = reported(&server.service(), 1).await;
    for _ in 0..100 {
        tokio::time::advance(SECOND / 10).await;
        agent.work().await;
    }
    assert!((9..=10).contains(&rows.reads()), "{}", rows.reads());
    let before = rows.reads();
    agent.request(25_000, Vec::new()).await;
    assert!(rows.reads() <= before + 1, "none while it waits");
}

/// Found by review: an agent lost its connection each second while rows could not be read.
#[tokio::test(start_paused = true)]
async fn a_session_stands_while_the_store_cannot_be_asked() {
    let (rows, server) = counted();
    let agent = reported(&server.service(), 1).await;
    tokio::time::advance(SECOND).await;
    rows.fails.store(true, Ordering::SeqCst);
    let agent = at(&agent, server.service()).await;
    let busy = agent.submit(1, vec![report(2)]).await;
    assert!(matches!(busy, Response::Busy { .. }), "{busy:?}");
    rows.fails.store(false, Ordering::SeqCst);
    let through = Some(2);
    assert_eq!(
        agent.submit(1, vec![report(2)]).await,
        Response::Ack { through }
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_look_into_the_store_does_not_undo_a_hello() {
    let (rows, server) = counted();
    let older = reported(&server.service(), 1).await;
    tokio::time::advance(SECOND).await;
    *rows.delay.lock().unwrap() = SECOND / 2;
    let slow = tokio::spawn(async move {
        older.submit(1, vec![report(2)]).await;
        older
    });
    tokio::time::sleep(SECOND / 4).await;
    let newer = Agent::hello(&server.service(), 1, 2).await;
    *rows.delay.lock().unwrap() = Duration::ZERO;
    let older = slow.await.unwrap();
    let before = rows.reads();
    newer.describe("edge").await;
    assert_eq!(rows.reads(), before, "known from the hello");
    let again = older.submit(1, vec![report(2)]).await;
    assert_eq!(reason(again), RefusalReason::Replaced);
}

/// An agent that waits is this future and little else, and there may be ten thousand.
#[tokio::test(start_paused = true)]
async fn the_future_of_a_waiting_agent_is_small() {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    let call = agent.service.call(
        &agent.peer,
        Command::RequestWork(RequestWork {
            room: 8,
            wait_ms: 25_000,
            holding: Vec::new(),
            kinds: Vec::new(),
        }),
    );
    let size = size_of_val(&*call);
    assert!(size <= 1_024, "{size} bytes");
}
