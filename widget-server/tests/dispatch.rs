//! What the dispatcher promises to agents, spoken to without a network on a paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Agent, is_nothing, origin, report, reported, server, state};
use widget_core::Payload;
use widget_core::id::{Attempt, StoreEpoch, TaskId};
use widget_core::message::{
    Command, Describe, Goodbye, Held, RefusalReason, Response, Submit, Update, Verdict,
};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{MemoryStore, TaskStore};
use widget_core::task::{Actor, AgentEvent, Finish, NewTask, StateName};
use widget_core::v1;
use widget_server::Server;

fn refusal(response: Response) -> RefusalReason {
    match response {
        Response::Refused(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_spoken_is_refused_and_counted() {
    let server = server();
    let refused = Agent::try_hello(&server.service(), 1, 1, (3, 9)).await;
    assert!(refused.is_err());
    assert_eq!(server.handle().refusals().get("version"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_through_its_whole_life_with_a_timeline() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::from_json_text("1"))
        .await
        .unwrap();
    let work = agent.work().await;
    assert_eq!(work.tasks.len(), 1);
    assert_eq!(
        (work.tasks[0].attempt, work.tasks[0].sequence),
        (Attempt(1), 1)
    );
    let output = Payload::from_json_text("[1]");
    let events = vec![
        AgentEvent::Accept { idempotent: false },
        AgentEvent::Start,
        AgentEvent::Finish(Finish::succeeded(output.clone())),
    ];
    assert_eq!(
        agent.say(task.id, 1, events.clone()).await,
        [Verdict::Ok; 3]
    );
    // A repeat changes nothing.
    assert_eq!(agent.say(task.id, 1, events).await, [Verdict::Ok; 3]);
    let task = handle.task(task.id).await.unwrap().unwrap();
    let entries = task.timeline.iter();
    let said: Vec<_> = entries
        .map(|entry| (entry.state.as_str(), entry.actor.as_str(), &*entry.cause))
        .collect();
    let expected = [
        ("queued", "server", "asked for by server"),
        ("leased", "server", "handed to the agent, attempt 1"),
        ("accepted", "agent", "the agent has it"),
        ("running", "agent", "the handler starts"),
        ("succeeded", "agent", "the handler ended"),
    ];
    assert_eq!(said, expected);
    assert_eq!(task.state.outcome().unwrap().output, Some(output));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_agent_is_answered_the_moment_a_task_is_there() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn(async move { agent.request(25_000, Vec::new()).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let id = handle
        .agents(&widget_core::store::AgentQuery { after: 0, limit: 1 })
        .await
        .unwrap();
    handle
        .send(id.items[0].record.id, "echo", Payload::null())
        .await
        .unwrap();
    let Response::Work(work) = waiting.await.unwrap() else {
        panic!()
    };
    assert_eq!(work.tasks.len(), 1);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_empty_after_its_time_and_after_25_s_at_most() {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    for (asked, waited) in [(2_000, 2), (600_000, 25)] {
        let start = tokio::time::Instant::now();
        assert!(is_nothing(&agent.request(asked, Vec::new()).await));
        assert_eq!(start.elapsed(), Duration::from_secs(waited));
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_request_answers_the_older_one_empty() {
    let server = server();
    let service = server.service();
    let (one, two) = (
        Agent::hello(&service, 1, 1).await,
        Agent::hello(&service, 1, 1).await,
    );
    let older = tokio::spawn(async move { one.request(25_000, Vec::new()).await });
    tokio::task::yield_now().await;
    let newer = tokio::spawn(async move { two.request(1_000, Vec::new()).await });
    let start = tokio::time::Instant::now();
    assert!(is_nothing(&older.await.unwrap()));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(is_nothing(&newer.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_handed_over_again_with_the_same_attempt() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    assert_eq!(agent.work().await.tasks[0].attempt, Attempt(1));
    assert_eq!(agent.work().await.tasks[0].attempt, Attempt(1));
    let held = Held {
        task: task.id,
        attempt: Attempt(1),
        cancel_seen: false,
    };
    assert!(is_nothing(&agent.request(0, vec![held]).await));
}

#[tokio::test(start_paused = true)]
async fn a_new_memory_takes_back_what_was_leased_and_the_old_attempt_is_stale() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    agent.work().await;
    let again = Agent::hello(&server.service(), 1, 2).await;
    assert_eq!(state(&handle, task.id).await, "queued");
    let refused = agent
        .call(Command::Update(Update { items: Vec::new() }))
        .await;
    assert_eq!(refusal(refused), RefusalReason::Replaced);
    assert_eq!(
        again.say(task.id, 1, vec![AgentEvent::Start]).await,
        [Verdict::Stale]
    );
    assert_eq!(again.work().await.tasks[0].attempt, Attempt(2));
}

#[tokio::test(start_paused = true)]
async fn an_agent_cannot_speak_of_another_agents_task() {
    let server = server();
    let (handle, service) = (server.handle(), server.service());
    let (one, two) = (reported(&service, 1).await, reported(&service, 2).await);
    let task = handle
        .send(one.id(), "echo", Payload::null())
        .await
        .unwrap();
    one.work().await;
    let accept = AgentEvent::Accept { idempotent: false };
    assert_eq!(two.say(task.id, 1, vec![accept]).await, [Verdict::Unknown]);
    assert_eq!(state(&handle, task.id).await, "leased");
    let nobody = TaskId::from_bytes([0; 16]);
    assert_eq!(
        two.say(nobody, 1, vec![AgentEvent::Start]).await,
        [Verdict::Unknown]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_the_running_task_once_and_its_answer_decides() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    agent.work().await;
    let accept = AgentEvent::Accept { idempotent: false };
    agent.say(task.id, 1, vec![accept, AgentEvent::Start]).await;
    let mut held = Held {
        task: task.id,
        attempt: Attempt(1),
        cancel_seen: false,
    };
    let cancelled = handle.cancel(task.id, Actor::Api).await.unwrap().unwrap();
    assert!(cancelled.task.state.cancel_requested);
    let Response::Work(work) = agent.request(25_000, vec![held]).await else {
        panic!()
    };
    assert_eq!(work.cancel.len(), 1);
    held.cancel_seen = true;
    assert!(is_nothing(&agent.request(0, vec![held]).await));
    let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    assert_eq!(agent.say(task.id, 1, vec![finish]).await, [Verdict::Ok]);
    assert_eq!(state(&handle, task.id).await, "succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_late_accept_of_a_cancelled_task_is_refused() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    agent.work().await;
    handle.cancel(task.id, Actor::Api).await.unwrap();
    let accept = AgentEvent::Accept { idempotent: false };
    let verdict = agent.say(task.id, 1, vec![accept]).await;
    assert_eq!(verdict, [Verdict::Refused(StateName::Cancelled)]);
}

#[tokio::test(start_paused = true)]
async fn goodbye_ends_the_task_that_it_names_and_interrupts_the_rest() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let shutdown = handle.shut_down(agent.id(), Actor::Api).await.unwrap().task;
    let other = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    agent.work().await;
    for task in [shutdown.id, other.id] {
        let accept = AgentEvent::Accept { idempotent: false };
        agent.say(task, 1, vec![accept, AgentEvent::Start]).await;
    }
    let task = Some((shutdown.id, Attempt(1)));
    let goodbye = Goodbye {
        reason: "shutdown".into(),
        task,
        spool_gone: true,
    };
    assert_eq!(agent.call(Command::Goodbye(goodbye)).await, Response::ACK);
    assert_eq!(state(&handle, shutdown.id).await, "succeeded");
    assert_eq!(state(&handle, other.id).await, "interrupted");
    let status = handle.agent(agent.id()).await.unwrap().unwrap();
    assert_eq!(status.presence.as_str(), "left");
}

#[tokio::test(start_paused = true)]
async fn asking_twice_for_a_shutdown_gives_one_task() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let one = handle.shut_down(agent.id(), Actor::Api).await.unwrap();
    let two = handle.shut_down(agent.id(), Actor::Page).await.unwrap();
    assert_eq!(one.task.id, two.task.id);
    assert!(one.new && !two.new);
}

#[tokio::test(start_paused = true)]
async fn reports_that_nobody_could_store_are_refused_with_a_reason() {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    let mut bad = Vec::new();
    for cpu in [f32::NAN, f32::INFINITY, -1.0] {
        bad.push(widget_core::report::Report {
            average_cpu: cpu,
            ..report(2)
        });
    }
    bad.push(widget_core::report::Report {
        used_memory: u64::MAX,
        ..report(2)
    });
    bad.push(widget_core::report::Report {
        used_memory: 20 << 30,
        ..report(2)
    });
    bad.push(report(9));
    let count = u64::try_from(bad.len()).unwrap();
    for report in bad {
        let text = format!("{report:?}");
        assert_eq!(
            refusal(agent.submit(1, vec![report]).await),
            RefusalReason::Invalid,
            "{text}"
        );
    }
    assert_eq!(server.handle().refusals().get("invalid"), Some(&count));
    assert_eq!(
        agent.submit(1, vec![report(2)]).await,
        Response::Ack { through: Some(2) }
    );
}

#[tokio::test(start_paused = true)]
async fn limits_are_refused_and_counted() {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    let many = (2..1_027).map(report).collect();
    assert_eq!(
        refusal(agent.submit(1, many).await),
        RefusalReason::TooLarge
    );
    let empty = Command::Update(Update { items: Vec::new() });
    assert_eq!(refusal(agent.call(empty).await), RefusalReason::TooLarge);
    let label = ("k".to_owned(), "v".repeat(300_000));
    let describe = Describe {
        labels: vec![label],
        ..Describe::default()
    };
    let refused = agent.call(Command::Describe(describe)).await;
    assert_eq!(refusal(refused), RefusalReason::TooLarge);
    let other = Submit {
        epoch: widget_core::id::SpoolEpoch::from_bytes([77; 16]),
        after: 0,
        reports: Vec::new(),
        dropped: 0,
    };
    assert_eq!(
        refusal(agent.call(Command::Submit(other)).await),
        RefusalReason::Invalid
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_agents_session_is_over_and_its_tasks_are_lost() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    assert!(handle.delete(agent.id()).await.unwrap());
    assert_eq!(state(&handle, task.id).await, "lost");
    assert_eq!(
        refusal(agent.submit(1, vec![report(2)]).await),
        RefusalReason::Replaced
    );
    assert!(handle.agent(agent.id()).await.unwrap().is_none());
    assert!(!handle.delete(agent.id()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_can_be_waited_for() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    let waiter = {
        let handle = handle.clone();
        tokio::spawn(async move { handle.outcome(task.id).await })
    };
    tokio::task::yield_now().await;
    agent.work().await;
    let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    agent.say(task.id, 1, vec![finish]).await;
    let outcome = waiter.await.unwrap().unwrap().unwrap();
    assert_eq!(outcome.state, StateName::Succeeded);
    assert!(
        handle
            .outcome(TaskId::from_bytes([0; 16]))
            .await
            .unwrap()
            .is_none()
    );
}

const V1_ID: u128 = 77;

fn sample(total_memory: u64, cpu: f32) -> v1::Command {
    v1::Command::SubmitData {
        collector_id: V1_ID,
        total_memory,
        used_memory: 50,
        average_cpu_usage: cpu,
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_1_collector_reports_asks_and_is_shut_down_once() {
    let server = server();
    let (handle, service) = (server.handle(), server.service());
    let ask = v1::Command::RequestWork(V1_ID);
    assert_eq!(
        service.call_v1(&origin(), common::now(), ask).await,
        Some(v1::Response::NoWork),
        "unknown id"
    );
    assert_eq!(
        service
            .call_v1(&origin(), common::now(), sample(100, 1.0))
            .await,
        Some(v1::Response::Ack)
    );
    assert_eq!(
        service.call_v1(&origin(), common::now(), ask).await,
        Some(v1::Response::NoWork)
    );
    let id = widget_core::id::AgentId::from_u128(V1_ID);
    let echo = handle.send(id, "echo", Payload::null()).await.unwrap_err();
    assert!(echo.to_string().contains("version 1"), "{echo}");
    let task = handle.shut_down(id, Actor::Api).await.unwrap().task;
    let shutdown = v1::Response::Task(v1::Task::Shutdown);
    assert_eq!(
        service.call_v1(&origin(), common::now(), ask).await,
        Some(shutdown)
    );
    assert_eq!(
        service.call_v1(&origin(), common::now(), ask).await,
        Some(v1::Response::NoWork)
    );
    let task = handle.task(task.id).await.unwrap().unwrap();
    assert_eq!(task.state.name(), StateName::Interrupted);
    assert!(task.timeline.last().unwrap().cause.contains("version 1"));
}

#[tokio::test(start_paused = true)]
async fn version_1_values_that_nobody_could_store_are_dropped_and_counted() {
    let server = server();
    let service = server.service();
    for bad in [
        sample(u64::MAX, 1.0),
        sample(100, f32::NAN),
        sample(10, 1.0),
    ] {
        assert_eq!(
            service.call_v1(&origin(), common::now(), bad).await,
            Some(v1::Response::Ack)
        );
    }
    assert_eq!(server.handle().refusals().get("v1_invalid"), Some(&3));
    let id = widget_core::id::AgentId::from_u128(V1_ID);
    assert!(server.handle().agent(id).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_id_that_spoke_version_2_gets_nothing_over_version_1() {
    let server = server();
    let service = server.service();
    let agent = reported(&service, V1_ID).await;
    let handle = server.handle();
    handle.shut_down(agent.id(), Actor::Api).await.unwrap();
    assert_eq!(
        service
            .call_v1(&origin(), common::now(), sample(100, 1.0))
            .await,
        Some(v1::Response::Ack)
    );
    let ask = v1::Command::RequestWork(V1_ID);
    assert_eq!(
        service.call_v1(&origin(), common::now(), ask).await,
        Some(v1::Response::NoWork)
    );
    assert_eq!(handle.refusals().get("v1_agent_is_v2"), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn no_task_seems_to_have_been_queued_after_it_was_given() {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    let server = Server::builder(runtime.clone(), store.clone().into()).build();
    let agent = reported(&server.service(), 1).await;
    // As if it had been queued while the look was under way.
    let created = runtime.wall().after(Duration::from_secs(60));
    let id = TaskId::from_bytes([1; 16]);
    let task = NewTask::new(id, agent.id(), "echo", Payload::null(), created);
    store.insert(task).await.unwrap();
    let work = agent.work().await;
    assert_eq!((work.tasks.len(), work.at), (1, created));
}
