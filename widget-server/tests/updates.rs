//! What the dispatcher makes of what agents say of tasks: repeats, late words, streamed output.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::time::Duration;

use common::{Agent, reported, server, state};
use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::{
    Command, Goodbye, KindRoom, RefusalReason, RequestWork, Response, Update, UpdateItem, Verdict,
};
use widget_core::task::{Actor, AgentEvent, Chunk, Failure, Finish, FinishKind, StateName};
use widget_server::{ServerHandle, TaskRequest};

const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: true };

fn written(offset: u64, text: &str) -> AgentEvent {
    AgentEvent::Output(Chunk {
        offset,
        text: text.into(),
    })
}

async fn given(handle: &ServerHandle, agent: &Agent) -> TaskId {
    let task = handle.send(agent.id(), "echo", Payload::null()).await;
    agent.work().await;
    task.unwrap().id
}

async fn refusal(agent: &Agent, command: Command) -> RefusalReason {
    match agent.call(command).await {
        Response::Refused(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

fn update(task: TaskId, event: AgentEvent) -> Command {
    let attempt = Attempt(1);
    let items = vec![UpdateItem {
        task,
        attempt,
        event,
    }];
    Command::Update(Update { items })
}

#[tokio::test(start_paused = true)]
async fn output_that_is_said_again_is_kept_once() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    for said in [(0, "one "), (0, "one "), (4, "two "), (2, "e two three")] {
        let verdicts = agent.say(task, 1, vec![written(said.0, said.1)]).await;
        assert_eq!(verdicts, [Verdict::Ok]);
    }
    let kept = handle.output(task).await.unwrap().unwrap();
    assert_eq!((kept.head.as_str(), kept.length), ("one two three", 13));
    assert_eq!(state(&handle, task).await, "running");
    // After the end it is no news and no fault.
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    agent.say(task, 1, vec![end]).await;
    let late = vec![written(13, " four")];
    assert_eq!(agent.say(task, 1, late).await, [Verdict::Ok]);
    assert_eq!(handle.output(task).await.unwrap().unwrap().length, 13);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_is_too_long_or_beyond_counting_is_refused() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    let long = written(0, &"x".repeat(64 * 1024 + 1));
    assert_eq!(
        refusal(&agent, update(task, long)).await,
        RefusalReason::TooLarge
    );
    for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        let beyond = update(task, written(offset, "xy"));
        assert_eq!(refusal(&agent, beyond).await, RefusalReason::Invalid);
    }
    let longest = vec![written(0, &"x".repeat(64 * 1024))];
    assert_eq!(agent.say(task, 1, longest).await, [Verdict::Ok]);
}

#[tokio::test(start_paused = true)]
async fn a_late_end_is_kept_beside_the_one_that_counts() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    let timed_out = Finish::without(FinishKind::TimedOut, Failure::new("timeout", "5 s"));
    let first = AgentEvent::Finish(timed_out.clone());
    let late = Finish::succeeded(Payload::from_json_text("7"));
    for end in [first.clone(), first, AgentEvent::Finish(late.clone())] {
        assert_eq!(agent.say(task, 1, vec![end]).await, [Verdict::Ok]);
    }
    let task = handle.task(task).await.unwrap().unwrap();
    assert_eq!(task.state.name(), StateName::TimedOut);
    assert_eq!(task.state.outcome().unwrap().failure, timed_out.failure);
    assert_eq!(task.evidence, Some(late));
}

#[tokio::test(start_paused = true)]
async fn a_word_of_an_earlier_attempt_is_stale_and_changes_nothing() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    let retry = AgentEvent::Retry {
        failure: Failure::new("busy", "locked"),
        after_ms: 0,
        lost: false,
    };
    agent
        .say(task, 1, vec![ACCEPT, AgentEvent::Start, retry])
        .await;
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    // Taken back to queued, and then given once more.
    for attempt in [1, 2] {
        let said = vec![written(0, "x"), AgentEvent::Start, end.clone()];
        assert_eq!(agent.say(task, 1, said).await, [Verdict::Stale; 3]);
        if attempt == 1 {
            let again = agent.work().await;
            assert_eq!((again.tasks[0].failures, again.tasks[0].losses), (1, 0));
        }
    }
    assert_eq!(state(&handle, task).await, "leased");
    assert_eq!(agent.say(task, 2, vec![end]).await, [Verdict::Ok]);
}

#[tokio::test(start_paused = true)]
async fn losses_are_told_with_the_task() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    agent.say(task, 1, vec![ACCEPT, AgentEvent::Start]).await;
    let again = Agent::hello(&server.service(), 1, 2).await.work().await;
    assert_eq!((again.tasks[0].failures, again.tasks[0].losses), (0, 1));
}

/// Found by review: an agent that had waited with the start and said Accept again was answered ok,
/// though the task had expired, when the first answer to that was lost.
#[tokio::test(start_paused = true)]
async fn an_accept_is_never_ok_once_the_task_has_ended_unstarted() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let request = TaskRequest {
        ttl: Some(Duration::from_secs(10)),
        ..TaskRequest::new(agent.id(), "echo", Payload::null())
    };
    let task = handle.submit(request, Actor::Server).await.unwrap().task.id;
    agent.work().await;
    assert_eq!(agent.say(task, 1, vec![ACCEPT]).await, [Verdict::Ok]);
    tokio::time::advance(Duration::from_secs(41)).await;
    for _ in 0..2 {
        let verdicts = agent.say(task, 1, vec![ACCEPT]).await;
        assert_eq!(verdicts, [Verdict::Refused(StateName::Expired)]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_room_of_a_kind_is_kept_to() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    for kind in ["slow", "slow", "fast"] {
        handle
            .send(agent.id(), kind, Payload::null())
            .await
            .unwrap();
    }
    let work = agent.room(8, &[("slow", 1)]).await;
    let kinds: Vec<_> = work.tasks.iter().map(|task| task.kind.as_str()).collect();
    assert_eq!(kinds, ["slow", "fast"]);
}

#[tokio::test(start_paused = true)]
async fn too_many_kinds_or_odd_ones_are_refused() {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    let request = |count: usize, kind: &str| {
        let kind = KindRoom {
            kind: kind.to_owned(),
            room: 1,
        };
        Command::RequestWork(RequestWork {
            kinds: vec![kind; count],
            ..RequestWork::default()
        })
    };
    assert_eq!(
        refusal(&agent, request(257, "a")).await,
        RefusalReason::TooLarge
    );
    assert_eq!(
        refusal(&agent, request(1, "A b")).await,
        RefusalReason::Invalid
    );
    assert!(matches!(
        agent.call(request(256, "a")).await,
        Response::Work(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_with_a_durable_spool_takes_nothing_back() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let leaving = given(&handle, &agent).await;
    let other = given(&handle, &agent).await;
    agent.say(leaving, 1, vec![ACCEPT, AgentEvent::Start]).await;
    agent.say(other, 1, vec![ACCEPT, AgentEvent::Start]).await;
    let goodbye = Goodbye {
        reason: "shutdown".into(),
        task: Some((leaving, Attempt(1))),
        spool_gone: false,
    };
    assert_eq!(agent.call(Command::Goodbye(goodbye)).await, Response::ACK);
    assert_eq!(state(&handle, leaving).await, "succeeded");
    assert_eq!(state(&handle, other).await, "running");
    let why = handle.explain(other).await.unwrap().unwrap();
    assert_eq!(why.reason.as_str(), "agent_gone");
    assert!(why.sentence.contains("said goodbye"), "{}", why.sentence);
}

#[tokio::test(start_paused = true)]
async fn of_the_words_of_a_failure_only_so_many_are_kept_and_a_repeat_is_known() {
    let server = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let task = given(&handle, &agent).await;
    let failure = Failure::new("é".repeat(1_000), "é".repeat(500_000));
    let failed = AgentEvent::Finish(Finish::without(FinishKind::Failed, failure));
    for _ in 0..2 {
        let verdicts = agent.say(task, 1, vec![failed.clone()]).await;
        assert_eq!(verdicts, [Verdict::Ok]);
    }
    let task = handle.task(task).await.unwrap().unwrap();
    assert_eq!(task.evidence, None);
    let kept = task.state.outcome().unwrap().failure.as_ref().unwrap();
    assert_eq!((kept.code.len(), kept.message.len()), (64, 16 * 1024));
}
