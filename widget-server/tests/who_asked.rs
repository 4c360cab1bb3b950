//! Who asked for a task, told to the agents that have said that they read it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;

use common::{Agent, is_nothing, origin, server};
use widget_core::Payload;
use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::message::{Assigned, Credential, Extras, Hello, Opening, Response, extra};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::MemoryStore;
use widget_core::transport::Service;
use widget_server::access::Caller;
use widget_server::{Server, ServerHandle};

fn reads() -> Extras {
    vec![(extra::READS_ASSIGNED, vec![1])]
}

async fn hello(service: &Arc<dyn Service>, extras: Extras) -> Agent {
    let hello = Hello {
        versions: (2, 2),
        codecs: vec![1],
        agent: AgentId::from_u128(1),
        epoch: SpoolEpoch::from_bytes([1; 16]),
        seen: None,
        credential: Credential::None,
        extras,
    };
    let opening = Opening::Hello(hello);
    let (peer, _) = service.open(&origin(), opening).await.unwrap();
    let service = service.clone();
    Agent { service, peer }
}

/// Queues a task each, of these callers.
async fn queue(handle: &ServerHandle, callers: &[Caller]) {
    for caller in callers {
        let handle = handle.as_caller(caller.clone());
        let agent = AgentId::from_u128(1);
        handle.send(agent, "echo", Payload::null()).await.unwrap();
    }
}

/// The answer with the agent's tasks.
async fn asks(agent: &Agent) -> Response {
    agent.request(0, Vec::new()).await
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_reads_it_is_told_who_asked_for_each_of_its_tasks() {
    let server = server();
    let agent = hello(&server.service(), reads()).await;
    assert!(is_nothing(&asks(&agent).await));
    let callers = [Caller::local(7), Caller::program(), Caller::near(None)];
    queue(&server.handle(), &callers).await;
    let Response::Assigned(Assigned { work, by }) = asks(&agent).await else {
        panic!("it is not told")
    };
    assert_eq!(work.tasks.len(), 3);
    // What the program around the server asks for has no name.
    assert_eq!(by, ["local:7", "", "local"]);
    // The same again, since nothing was said of it.
    assert!(matches!(asks(&agent).await, Response::Assigned(_)));
}

#[tokio::test(start_paused = true)]
async fn any_other_agent_gets_its_tasks_as_ever() {
    for extras in [
        Vec::new(),
        vec![(extra::READS_ASSIGNED, vec![0])],
        vec![(extra::READS_ASSIGNED, Vec::new())],
    ] {
        let server = server();
        let agent = hello(&server.service(), extras).await;
        queue(&server.handle(), &[Caller::local(7)]).await;
        assert_eq!(agent.work().await.tasks.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_latest_hello_decides() {
    let server = server();
    queue_for(&server, reads(), true).await;
    queue_for(&server, Vec::new(), false).await;
    queue_for(&server, reads(), true).await;
}

async fn queue_for(server: &Server, extras: Extras, told: bool) {
    let agent = hello(&server.service(), extras).await;
    queue(&server.handle(), &[Caller::local(7)]).await;
    let is_told = matches!(asks(&agent).await, Response::Assigned(_));
    assert_eq!(is_told, told);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_did_not_hear_the_hello_says_nothing_of_it() {
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let [first, second] =
        [(); 2].map(|()| Server::builder(runtime.clone(), store.clone().into()).build());
    let mut agent = hello(&first.service(), reads()).await;
    queue(&first.handle(), &[Caller::local(7)]).await;
    agent.service = second.service();
    assert_eq!(agent.work().await.tasks.len(), 1);
}
