//! Time as tasks see it: clocks that are set, silences, a server that was away.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::clock::SetClock;
use common::{Agent, reported, state};
use widget_core::Payload;
use widget_core::id::{Attempt, StoreEpoch, TaskId};
use widget_core::message::Verdict;
use widget_core::stop::Stop;
use widget_core::store::{MemoryStore, Stores};
use widget_core::task::{Actor, AgentEvent};
use widget_core::time::Timestamp;
use widget_core::transport::Service;
use widget_server::{Server, ServerHandle, TaskRequest};

const START: Timestamp = Timestamp::from_secs(1_795_361_105);
const HOUR: Duration = Duration::from_secs(3_600);

/// What a test has of a server that runs, on a wall clock that the test sets.
struct Running {
    handle: ServerHandle,
    service: Arc<dyn Service>,
    stop: Stop,
}

fn run(clock: &Arc<SetClock>, stores: Stores) -> Running {
    let server = Server::builder(clock.clone(), stores).build();
    let running = Running {
        handle: server.handle(),
        service: server.service(),
        stop: Stop::new(),
    };
    tokio::spawn(server.run(running.stop.signal()));
    running
}

fn start() -> (Arc<SetClock>, Running) {
    let clock = Arc::new(SetClock::at(START));
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    let running = run(&clock, store.into());
    (clock, running)
}

async fn send(handle: &ServerHandle, agent: &Agent) -> TaskId {
    let sent = handle.send(agent.id(), "echo", Payload::null()).await;
    sent.unwrap().id
}

/// Lets time pass on all clocks, and the sweep have its turn.
async fn pass(time: Duration) {
    tokio::time::sleep(time + Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_ends_neither_lease_nor_ttl() {
    let (
        clock,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    let leased = send(&handle, &agent).await;
    agent.work().await;
    let queued = send(&handle, &agent).await;
    for ahead in [true, false] {
        if ahead {
            clock.advance(48 * HOUR);
        } else {
            clock.set_back(96 * HOUR);
        }
        pass(Duration::from_secs(5)).await;
        assert_eq!(state(&handle, leased).await, "leased");
        assert_eq!(state(&handle, queued).await, "queued");
    }
    let ahead = -48 * 3_600_000_i64;
    assert!(handle.wall_is_ahead().abs_diff(ahead) < 5_000);
    pass(Duration::from_secs(30)).await;
    assert_eq!(state(&handle, leased).await, "queued", "after its 30 s");
    pass(25 * HOUR).await;
    assert_eq!(state(&handle, queued).await, "expired", "after its day");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_accepts_ends_and_the_old_attempt_is_stale() {
    let (
        _,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    let task = send(&handle, &agent).await;
    agent.work().await;
    tokio::time::sleep(Duration::from_millis(29_900)).await;
    assert_eq!(state(&handle, task).await, "leased");
    pass(Duration::from_millis(100)).await;
    assert_eq!(state(&handle, task).await, "queued");
    let accept = AgentEvent::Accept { idempotent: false };
    let late = agent.say(task, 1, vec![accept]).await;
    assert_eq!(late, [Verdict::Stale]);
    assert_eq!(agent.work().await.tasks[0].attempt, Attempt(2));
}

#[tokio::test(start_paused = true)]
async fn not_before_is_meant_by_the_clock_of_who_asks() {
    let (
        clock,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    clock.advance(48 * HOUR);
    // The jump is found when the clock is read.
    let _ = handle.now();
    let request = TaskRequest {
        not_before: Some(handle.wall().after(HOUR)),
        ..TaskRequest::new(agent.id(), "echo", Payload::null())
    };
    handle.submit(request, Actor::Server).await.unwrap();
    pass(Duration::from_secs(3_500)).await;
    assert!(agent.work().await.tasks.is_empty());
    pass(Duration::from_secs(100)).await;
    assert_eq!(agent.work().await.tasks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_agent_gets_a_task_at_its_time() {
    let (
        _clock,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    let request = TaskRequest {
        not_before: Some(handle.wall().after(Duration::from_secs(10))),
        ..TaskRequest::new(agent.id(), "echo", Payload::null())
    };
    handle.submit(request, Actor::Server).await.unwrap();
    let asked = tokio::time::Instant::now();
    let answer = agent.request(25_000, Vec::new()).await;
    assert!(format!("{answer:?}").contains("echo"), "{answer:?}");
    let waited = asked.elapsed().as_millis();
    assert!((10_000..10_100).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_not_named_for_a_day_ends_as_interrupted() {
    let (
        _,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    let task = send(&handle, &agent).await;
    agent.work().await;
    agent.say(task, 1, vec![AgentEvent::Start]).await;
    pass(23 * HOUR).await;
    assert_eq!(state(&handle, task).await, "running");
    pass(2 * HOUR).await;
    assert_eq!(state(&handle, task).await, "interrupted");
    let why = handle.explain(task).await.unwrap().unwrap();
    assert!(why.sentence.contains("no word") && why.sentence.contains("may have happened"));
}

/// Found by review: a server that came back after two days ended whatever its agents had, before
/// any of them could say that it still has it.
#[tokio::test(start_paused = true)]
async fn a_server_that_was_away_listens_before_it_gives_tasks_up() {
    let clock = Arc::new(SetClock::at(START));
    let store: Stores = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16]))).into();
    let Running {
        handle,
        service,
        stop,
    } = run(&clock, store.clone());
    let agent = reported(&service, 1).await;
    let task = send(&handle, &agent).await;
    agent.work().await;
    agent.say(task, 1, vec![AgentEvent::Start]).await;
    let queued = send(&handle, &agent).await;
    stop.ask();
    tokio::time::sleep(Duration::from_secs(1)).await;
    pass(48 * HOUR).await;

    let Running {
        handle,
        stop: _stop,
        ..
    } = run(&clock, store);
    pass(Duration::from_secs(10)).await;
    assert_eq!(state(&handle, task).await, "running");
    assert_eq!(
        state(&handle, queued).await,
        "expired",
        "that is no matter of hearing"
    );
    pass(HOUR).await;
    assert_eq!(
        state(&handle, task).await,
        "interrupted",
        "after an hour of listening"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stuck_task_holds_up_its_own_key_only() {
    let (
        _,
        Running {
            handle,
            service,
            stop: _stop,
        },
    ) = start();
    let agent = reported(&service, 1).await;
    let mut ids = Vec::new();
    for key in ["disk", "disk", "net"] {
        let request = TaskRequest {
            ordering_key: Some(key.into()),
            ..TaskRequest::new(agent.id(), "echo", Payload::null())
        };
        ids.push(handle.submit(request, Actor::Server).await.unwrap().task.id);
    }
    let given = agent.work().await.tasks;
    let given: Vec<_> = given.iter().map(|task| task.task).collect();
    assert_eq!(given, [ids[0], ids[2]]);
    agent.say(ids[0], 1, vec![AgentEvent::Start]).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(state(&handle, ids[1]).await, "queued");
    let end = widget_core::task::Finish::succeeded(Payload::null());
    agent.say(ids[0], 1, vec![AgentEvent::Finish(end)]).await;
    assert!(
        agent
            .work()
            .await
            .tasks
            .iter()
            .any(|task| task.task == ids[1])
    );
}
