//! How an agent ends: stopped, shut down, dropped.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use widget_agent::widget_core::message::Response;
use widget_agent::widget_core::task::{AgentEvent, FinishKind};
use widget_agent::{AnyHandler, End, Ended, Shutdown, TaskError};

use crate::server::{Server, task};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_said_before_it_happens_and_ends_with_the_goodbye() {
    let server = Server::new();
    let (agent, _handle) = start(builder(&server).handler(Shutdown::new()));
    let shutdown = task(1, "shutdown", "null");
    server.hand_out(vec![shutdown.clone()]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
    let begin = server.updates.next().await;
    server.goodbyes.stays_empty(Duration::from_secs(10)).await;
    assert_eq!(
        begin.verdict(widget_agent::widget_core::message::Verdict::Ok),
        [AgentEvent::Start]
    );
    let goodbye = server.goodbyes.next().await;
    assert_eq!(
        goodbye.command.task,
        Some((shutdown.task, shutdown.attempt))
    );
    assert!(goodbye.command.spool_gone);
    let told = Instant::now();
    goodbye.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Shutdown);
    assert!(told.elapsed() < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_is_lost_is_said_again_and_waited_for_two_seconds() {
    let server = Server::new();
    let (agent, _handle) = start(builder(&server).handler(Shutdown::new()));
    server.hand_out(vec![task(1, "shutdown", "null")]).await;
    server.ok().await;
    server.ok().await;
    let lost = server.goodbyes.next().await;
    let begin = Instant::now();
    server.cut();
    drop(lost);
    let again = server.goodbyes.next().await;
    assert!(again.command.task.is_some());
    assert_eq!(agent.await.unwrap(), Ended::Shutdown);
    assert!(begin.elapsed() < Duration::from_millis(2_100));
}

#[tokio::test(start_paused = true)]
async fn a_veto_fails_the_task_and_the_agent_goes_on() {
    let server = Server::new();
    let busy = Shutdown::new().before(|| async { Err("a backup is running".to_owned()) });
    let (agent, _handle) = start(builder(&server).handler(busy));
    server.hand_out(vec![task(1, "shutdown", "null")]).await;
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::Failed, "vetoed")
    );
    server.request().await;
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn without_its_handler_nobody_can_shut_an_agent_down() {
    let server = Server::new();
    let (agent, _handle) = start(builder(&server));
    server.hand_out(vec![task(1, "shutdown", "null")]).await;
    assert_eq!(code(&server.ok().await), "unknown_kind");
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_goodbye_and_nothing_after_it() {
    let server = Server::new();
    let (agent, handle) = start(builder(&server));
    server.submits.next().await.ack(1);
    let stop = tokio::spawn(async move { handle.stop().await });
    let goodbye = server.goodbyes.next().await;
    assert_eq!(
        (goodbye.command.task, goodbye.command.spool_gone),
        (None, true)
    );
    server
        .submits
        .stays_empty(Duration::from_millis(1_500))
        .await;
    goodbye.answer(Response::ACK);
    stop.await.unwrap();
    assert_eq!(agent.await.unwrap(), Ended::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_stop_asks_handlers_first_and_tells_of_their_ends() {
    let server = Server::new();
    let (agent, handle) = start(builder(&server).on_raw("wait", |cx, _| async move {
        cx.cancelled().await;
        sleep(Duration::from_secs(1)).await;
        Err(TaskError::new("gave_up", "it was asked to"))
    }));
    server.hand_out(vec![task(1, "wait", "1")]).await;
    server.ok().await;
    server.ok().await;
    let stop = tokio::spawn(async move { handle.stop().await });
    let events = until_the_end(&server).await;
    assert_eq!(finish(&events).kind, FinishKind::Stopped);
    server.goodbyes.next().await.answer(Response::ACK);
    stop.await.unwrap();
    assert_eq!(agent.await.unwrap(), Ended::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_listen_is_dropped_after_two_seconds() {
    let server = Server::new();
    let (alive, hears) = async_channel::bounded::<()>(1);
    let (agent, handle) = start(builder(&server).on_raw("deaf", move |_cx, _| {
        let alive = alive.clone();
        async move {
            let _alive = alive;
            pending().await
        }
    }));
    server.hand_out(vec![task(1, "deaf", "1")]).await;
    server.ok().await;
    server.ok().await;
    let begin = Instant::now();
    let stop = tokio::spawn(async move { handle.stop().await });
    server.goodbyes.next().await.answer(Response::ACK);
    stop.await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 2);
    agent.await.unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(hears.sender_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_handler_that_is_dropped_by_a_stop_is_not_a_loss() {
    let server = Server::new();
    let never = AnyHandler::raw("never", |_cx, _| pending()).idempotent();
    let (agent, handle) = start(builder(&server).handler(never));
    server.hand_out(vec![task(1, "never", "1")]).await;
    server.ok().await;
    server.ok().await;
    let stopping = tokio::spawn(async move { handle.stop().await });
    let begin = Instant::now();
    let said = server.ok().await;
    let waited = begin.elapsed().as_millis();
    assert!((2_000..2_100).contains(&waited), "{waited}");
    let [AgentEvent::Retry { failure, lost, .. }] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!((failure.code.as_str(), *lost), ("agent_left", false));
    server.goodbyes.next().await.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Stopped);
    stopping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_handler_that_will_not_come_back_is_not_given_up_by_a_stop() {
    let server = Server::new();
    let reboot = AnyHandler::raw("reboot", |cx, _| async move {
        cx.will_not_return(End::Host).await?;
        pending().await
    });
    let (agent, handle) = start(builder(&server).handler(reboot.idempotent()));
    server.hand_out(vec![task(1, "reboot", "1")]).await;
    server.ok().await;
    server.ok().await;
    let stopping = tokio::spawn(async move { handle.stop().await });
    server.goodbyes.next().await.answer(Response::ACK);
    server.updates.stays_empty(Duration::from_secs(1)).await;
    assert_eq!(agent.await.unwrap(), Ended::Stopped);
    stopping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_a_server_does_not_wait() {
    let server = Server::new();
    server.set_down(true);
    let (agent, handle) = start(builder(&server));
    sleep(Duration::from_secs(5)).await;
    let begin = Instant::now();
    handle.stop().await;
    assert!(begin.elapsed() < Duration::from_millis(50));
    assert_eq!(agent.await.unwrap(), Ended::Stopped);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_dropped_takes_its_handlers_along() {
    let server = Server::new();
    let (alive, hears) = async_channel::bounded::<()>(1);
    let (agent, handle) = start(builder(&server).on_raw("deaf", move |_cx, _| {
        let alive = alive.clone();
        async move {
            let _alive = alive;
            pending().await
        }
    }));
    server.hand_out(vec![task(1, "deaf", "1")]).await;
    server.ok().await;
    server.ok().await;
    assert_eq!(hears.sender_count(), 2);
    agent.abort();
    handle.stop().await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(hears.sender_count(), 1, "the closure's own");
}
