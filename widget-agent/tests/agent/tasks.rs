//! A task's life in the agent, with handlers over JSON text.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use widget_agent::widget_core::Payload;
use widget_agent::widget_core::message::{Cancel, RefusalReason, Response, Verdict, Work};
use widget_agent::widget_core::task::{AgentEvent, Finish, FinishKind};
use widget_agent::{AgentBuilder, AnyHandler, TaskError};

use crate::server::{Server, task};
use crate::{builder, start};

const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };

/// What the events say of a task's end.
pub(crate) fn finish(events: &[AgentEvent]) -> &Finish {
    match events.last() {
        Some(AgentEvent::Finish(finish)) => finish,
        _ => panic!("{events:?}"),
    }
}

/// The code of the failure that the events end with.
pub(crate) fn code(events: &[AgentEvent]) -> &str {
    match events.last() {
        Some(AgentEvent::Reject(failure)) => &failure.code,
        _ => &finish(events).failure.as_ref().unwrap().code,
    }
}

/// Everything that is said until a task's end.
pub(crate) async fn until_the_end(server: &Arc<Server>) -> Vec<AgentEvent> {
    let mut all = Vec::new();
    loop {
        all.extend(server.ok().await);
        if matches!(
            all.last(),
            Some(AgentEvent::Finish(_) | AgentEvent::Retry { .. })
        ) {
            return all;
        }
    }
}

fn echo(server: &Arc<Server>) -> AgentBuilder {
    builder(server).on_raw("echo", |_cx, input| async { Ok(input) })
}

/// A handler that runs until it is asked to stop.
fn patient(server: &Arc<Server>) -> AgentBuilder {
    builder(server).on_raw("wait", |cx, _| async move {
        cx.cancelled().await;
        Err(TaskError::new("gave_up", "it was asked to"))
    })
}

#[tokio::test(start_paused = true)]
async fn a_task_is_accepted_started_and_finished() {
    let server = Server::new();
    let (_agent, handle) = start(echo(&server));
    server.hand_out(vec![task(1, "echo", "[1]")]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
    let events = until_the_end(&server).await;
    let output = Payload::from_json_text("[1]");
    let end = AgentEvent::Finish(Finish::succeeded(output));
    assert_eq!(events, [AgentEvent::Start, end]);
    assert!(server.request().await.command.holding.is_empty());
    assert_eq!(handle.status().tasks, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_does_not_start_before_the_verdict() {
    let runs = Arc::new(AtomicU32::new(0));
    let server = Server::new();
    let count = Arc::clone(&runs);
    let (_agent, _handle) = start(builder(&server).on_raw("count", move |_cx, input| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(input) }
    }));
    server.hand_out(vec![task(1, "count", "1")]).await;
    let accept = server.updates.next().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    accept.verdict(Verdict::Refused(
        widget_agent::widget_core::task::StateName::Cancelled,
    ));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert!(server.request().await.command.holding.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_named_while_it_is_held() {
    let server = Server::new();
    let (_agent, _handle) = start(patient(&server));
    server.hand_out(vec![task(1, "wait", "1")]).await;
    let request = server.request().await;
    let held = request.command.holding[0];
    assert_eq!((held.task, held.cancel_seen), (task(1, "", "").task, false));
    assert_eq!(
        (request.command.room, request.command.wait_ms),
        (63, 25_000)
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_a_handler_is_rejected_with_the_kinds_there_are() {
    let server = Server::new();
    let (_agent, _handle) = start(echo(&server).on_raw("other", |_cx, input| async { Ok(input) }));
    server.hand_out(vec![task(1, "nothing", "1")]).await;
    let events = server.ok().await;
    let [AgentEvent::Reject(failure)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(failure.code, "unknown_kind");
    assert!(failure.message.contains("echo, other"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).on_raw("panic", |_cx, input| async move {
        assert!(input.is_empty(), "it was not empty");
        Ok(input)
    }));
    server.hand_out(vec![task(1, "panic", "1")]).await;
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::Failed, "panic")
    );
    let message = &finish(&events).failure.as_ref().unwrap().message;
    assert_eq!(message, "it was not empty");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_too_long_is_dropped() {
    let server = Server::new();
    let (dropped, hears) = async_channel::bounded::<()>(1);
    let (_agent, _handle) = start(builder(&server).on_raw("long", move |_cx, _| {
        let guard = dropped.clone();
        async move {
            let _guard = guard;
            pending().await
        }
    }));
    let mut long = task(1, "long", "1");
    long.timeout_ms = Some(5_000);
    server.hand_out(vec![long]).await;
    let begin = tokio::time::Instant::now();
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::TimedOut, "timeout")
    );
    let after = begin.elapsed().as_millis();
    assert!((5_000..5_100).contains(&after), "{after}");
    // The closure itself has one, the handler had the other.
    assert_eq!(hears.sender_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_when_it_is_dropped_at_its_timeout_ends_all_the_same() {
    struct Rude;
    impl Drop for Rude {
        fn drop(&mut self) {
            panic!("not now");
        }
    }
    let server = Server::new();
    let (_agent, handle) = start(builder(&server).on_raw("rude", |_cx, _| async {
        let _rude = Rude;
        pending().await
    }));
    let mut rude = task(1, "rude", "1");
    rude.timeout_ms = Some(1_000);
    server.hand_out(vec![rude]).await;
    let events = until_the_end(&server).await;
    assert_eq!(finish(&events).kind, FinishKind::TimedOut);
    assert_eq!(handle.status().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_ttl_passed_without_a_verdict_expires() {
    let server = Server::new();
    let (_agent, _handle) = start(echo(&server));
    let mut short = task(1, "echo", "1");
    short.ttl_ms = 500;
    server.hand_out(vec![short]).await;
    let accept = server.updates.next().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    accept.verdict(Verdict::Ok);
    assert_eq!(server.ok().await, [AgentEvent::Expire]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_a_running_handler() {
    let server = Server::new();
    let (_agent, _handle) = start(patient(&server));
    let wait = task(1, "wait", "1");
    server.hand_out(vec![wait.clone()]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
    assert_eq!(server.ok().await, [AgentEvent::Start]);
    let cancel = Cancel {
        task: wait.task,
        attempt: wait.attempt,
    };
    let work = Work {
        tasks: Vec::new(),
        cancel: vec![cancel],
        at: widget_core::time::Timestamp::default(),
    };
    server.request().await.answer(Response::Work(work));
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::Stopped, "gave_up")
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_is_said_again_after_a_reconnect() {
    let server = Server::new();
    let (_agent, _handle) = start(echo(&server));
    server.hand_out(vec![task(1, "echo", "1")]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
    let lost = server.updates.next().await;
    server.cut();
    drop(lost);
    let held = server.request().await.command.holding.len();
    assert_eq!(held, 1, "it is held until the end is known");
    let events = until_the_end(&server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_handed_out_again_runs_once() {
    let runs = Arc::new(AtomicU32::new(0));
    let server = Server::new();
    let count = Arc::clone(&runs);
    let (_agent, _handle) = start(builder(&server).on_raw("count", move |_cx, input| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(input) }
    }));
    let mut same = task(1, "count", "1");
    server.hand_out(vec![same.clone(), same.clone()]).await;
    until_the_end(&server).await;
    same.attempt = same.attempt.next();
    server.hand_out(vec![same]).await;
    let events = server.ok().await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::Interrupted, "already_delivered")
    );
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn only_an_idempotent_handler_can_ask_for_another_attempt() {
    let server = Server::new();
    let later = |kind: &str| {
        AnyHandler::raw(kind, |_cx, _| async {
            let pause = Duration::from_secs(9);
            Err(TaskError::new("later", "not now").retry_after(pause))
        })
    };
    let again = later("again").idempotent();
    let (_agent, _handle) = start(builder(&server).handler(again).handler(later("once")));
    let info: Vec<(String, bool)> = server
        .describes
        .next()
        .await
        .handlers
        .into_iter()
        .map(|info| (info.kind, info.idempotent))
        .collect();
    assert_eq!(
        info,
        [("again".to_owned(), true), ("once".to_owned(), false)]
    );

    server.hand_out(vec![task(1, "again", "1")]).await;
    let events = until_the_end(&server).await;
    assert_eq!(events[0], AgentEvent::Accept { idempotent: true });
    assert!(matches!(
        events.last(),
        Some(AgentEvent::Retry {
            after_ms: 9_000,
            ..
        })
    ));
    server.hand_out(vec![task(2, "once", "1")]).await;
    assert_eq!(
        finish(&until_the_end(&server).await).kind,
        FinishKind::Failed
    );
}

#[tokio::test(start_paused = true)]
async fn progress_is_said_while_the_handler_runs() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).on_raw("slow", |cx, input| async move {
        cx.progress_raw(Payload::from_json_text("0.5"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(input)
    }));
    server.hand_out(vec![task(1, "slow", "1")]).await;
    let events = until_the_end(&server).await;
    let half = AgentEvent::Progress(Payload::from_json_text("0.5"));
    assert!(events.contains(&half), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_asks_again_when_a_wait_is_over() {
    let server = Server::new();
    let (_agent, _handle) = start(echo(&server));
    for _ in 0..3 {
        let request = server.request().await;
        tokio::time::sleep(Duration::from_secs(25)).await;
        request.answer(Response::Work(Work::default()));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_answers_that_come_at_once_do_not_make_it_spin() {
    let server = Server::new();
    let (_agent, _handle) = start(echo(&server));
    let begin = tokio::time::Instant::now();
    for _ in 0..11 {
        server
            .requests
            .next()
            .await
            .answer(Response::Work(Work::default()));
    }
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_nobody_takes_does_not_take_the_end_of_its_task_along() {
    let server = Server::new();
    let (_agent, handle) = start(echo(&server));
    server.hand_out(vec![task(1, "echo", "1")]).await;
    // As a proxy with a limit of its own does.
    let too_large =
        |event: &AgentEvent| matches!(event, AgentEvent::Finish(end) if end.output.is_some());
    let end = loop {
        let update = server.updates.next().await;
        let items = &update.command.items;
        if items.iter().any(|item| too_large(&item.event)) {
            update.answer(Response::refused(RefusalReason::TooLarge, "413"));
            continue;
        }
        let events = update.verdict(Verdict::Ok);
        if matches!(events.last(), Some(AgentEvent::Finish(_))) {
            break events;
        }
    };
    assert_eq!(
        (finish(&end).kind, code(&end)),
        (FinishKind::Failed, "output_refused")
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(handle.status().tasks, 0);
}
