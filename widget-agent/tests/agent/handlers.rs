//! What handlers can do and be: tried again, blocking, limited, with output of any length.

use std::future::pending;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::time::{advance, sleep};
use widget_agent::widget_core::Payload;
use widget_agent::widget_core::message::{KindRoom, Response, Work, WorkTask};
use widget_agent::widget_core::payload::MAX_OUTPUT;
use widget_agent::widget_core::task::{AgentEvent, Chunk, FinishKind};
use widget_agent::{AnyHandler, RetryPolicy, TaskError};

use crate::server::{Server, task};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

/// Longer than any test takes in earnest.
const LIMIT: Duration = Duration::from_secs(20);

const POLICY: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_pause: Duration::from_millis(100),
    longest_pause: Duration::from_millis(150),
};

/// A handler that always fails.
fn failing(kind: &str) -> AnyHandler {
    AnyHandler::raw(kind, |_cx, _| async {
        Err(TaskError::new("broken", "it broke"))
    })
}

/// The task after so many failures.
fn failed(failures: u32) -> WorkTask {
    let mut task = task(u8::try_from(failures).unwrap() + 1, "kind", "1");
    task.failures = failures;
    task
}

/// Runs a task on a handler, and gives all that is said of it.
async fn events(handler: AnyHandler, task: WorkTask) -> Vec<AgentEvent> {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).handler(handler));
    server.hand_out(vec![task]).await;
    until_the_end(&server).await
}

fn message(events: &[AgentEvent]) -> &str {
    &finish(events).failure.as_ref().unwrap().message
}

/// The pause that is asked for, if one is.
fn pause(events: &[AgentEvent]) -> Option<u64> {
    match events.last() {
        Some(AgentEvent::Retry { after_ms, lost, .. }) => {
            assert!(!lost);
            Some(*after_ms)
        }
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_a_pause_until_the_attempts_are_used_up() {
    for (failures, longest) in [(0, 100), (1, 150)] {
        let events = events(failing("kind").retry(POLICY), failed(failures)).await;
        assert_eq!(events[0], AgentEvent::Accept { idempotent: true });
        assert!(pause(&events).unwrap() <= longest);
    }
    let events = events(failing("kind").retry(POLICY), failed(2)).await;
    assert_eq!(code(&events), "broken");
    assert_eq!(message(&events), "it broke (after 3 attempts)");
}

#[tokio::test(start_paused = true)]
async fn losses_do_not_use_up_attempts() {
    let mut lost = failed(0);
    lost.losses = 2;
    let events = events(failing("kind").retry(POLICY), lost).await;
    assert!(pause(&events).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_ends_the_task_at_once() {
    let handler = AnyHandler::raw("kind", |_cx, _| async {
        Err(TaskError::new("no_shelf", "there is none").permanent())
    });
    let events = events(handler.retry(POLICY), failed(0)).await;
    assert_eq!(message(&events), "there is none");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_asks_for_a_pause_gets_that_one_while_attempts_are_left() {
    let handler = || {
        let handler = AnyHandler::raw("kind", |_cx, _| async {
            let pause = Duration::from_secs(60);
            Err(TaskError::new("busy", "not now").retry_after(pause))
        });
        handler.retry(POLICY)
    };
    assert_eq!(pause(&events(handler(), failed(1)).await), Some(60_000));
    let last = events(handler(), failed(2)).await;
    assert_eq!(message(&last), "not now (after 3 attempts)");
}

#[tokio::test(start_paused = true)]
async fn panics_and_timeouts_are_failures_that_are_tried_again() {
    let panics = AnyHandler::raw("kind", |_cx, input| async move {
        assert!(input.is_empty(), "it was not empty");
        Ok(input)
    });
    assert!(pause(&events(panics.retry(POLICY), failed(0)).await).is_some());
    for (failures, kind) in [(0, None), (2, Some(FinishKind::TimedOut))] {
        let endless = AnyHandler::raw("kind", |_cx, _| pending());
        let mut task = failed(failures);
        task.timeout_ms = Some(1_000);
        let events = events(endless.retry(POLICY), task).await;
        let over = (kind.is_some()).then(|| finish(&events).kind);
        assert_eq!((over, pause(&events).is_some()), (kind, kind.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn idempotent_alone_is_not_tried_again_when_it_fails() {
    let events = events(failing("kind").idempotent(), failed(0)).await;
    assert_eq!(message(&events), "it broke");
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_handler_that_gives_up_because_the_agent_leaves_is_queued_again() {
    let patient = |kind: &str| {
        AnyHandler::raw(kind, |cx, _| async move {
            cx.cancelled().await;
            Err(TaskError::new("gave_up", "it was asked to"))
        })
    };
    for (handler, again) in [
        (patient("kind").idempotent(), true),
        (patient("kind"), false),
    ] {
        let server = Server::new();
        let (_agent, handle) = start(builder(&server).handler(handler));
        server.hand_out(vec![failed(0)]).await;
        server.ok().await;
        server.ok().await;
        let _stop = tokio::spawn(async move { handle.stop().await });
        let events = until_the_end(&server).await;
        assert_eq!(pause(&events), again.then_some(0));
        if !again {
            assert_eq!(finish(&events).kind, FinishKind::Stopped);
        }
    }
}

/// The text of all chunks, each of which follows the one before.
fn text(events: &[AgentEvent]) -> String {
    let mut text = String::new();
    for event in events {
        if let AgentEvent::Output(Chunk { offset, text: more }) = event {
            assert_eq!(usize::try_from(*offset), Ok(text.len()));
            text.push_str(more);
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_writes_is_said_while_it_runs_and_before_its_end() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).on_raw("kind", |cx, input| async move {
        cx.write("one\n");
        cx.write("two\n");
        sleep(Duration::from_secs(1)).await;
        cx.write("three\n");
        Ok(input)
    }));
    server.hand_out(vec![failed(0)]).await;
    let events = until_the_end(&server).await;
    let chunks = |event: &&AgentEvent| matches!(event, AgentEvent::Output(_));
    assert_eq!(events.iter().filter(chunks).count(), 2, "{events:?}");
    assert_eq!(text(&events), "one\ntwo\nthree\n");
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_as_bytes_is_text() {
    let handler = AnyHandler::raw("kind", |cx, input| async move {
        use std::io::Write;
        let mut out = cx.writer();
        for byte in "1 €\n".as_bytes() {
            out.write_all(&[*byte])?;
        }
        write!(out, "{}", 2)?;
        out.write_all(b"\xff")?;
        Ok(input)
    });
    assert_eq!(text(&events(handler, failed(0)).await), "1 €\n2\u{FFFD}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_writes_a_hundred_megabytes_while_nobody_listens_just_ends() {
    const LINE: &str = "0123456789abcdef0123456789abcde\n";
    let lines = 100 * 1024 * 1024 / LINE.len();
    let server = Server::new();
    let (_agent, _handle) = start(
        builder(&server).on_raw("kind", move |cx, input| async move {
            for _ in 0..lines {
                cx.write(LINE);
            }
            Ok(input)
        }),
    );
    server.hand_out(vec![failed(0)]).await;
    let events = until_the_end(&server).await;
    let chunks: Vec<&Chunk> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Output(chunk) => Some(chunk),
            _ => None,
        })
        .collect();
    let said: usize = chunks.iter().map(|chunk| chunk.text.len()).sum();
    assert!(said <= 512 * 1024, "{said}");
    assert_eq!(chunks[0].offset, 0);
    let written = u64::try_from(lines * LINE.len()).unwrap();
    assert_eq!(chunks.last().unwrap().end(), written);
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_too_long_is_cut_and_flagged() {
    let handler = AnyHandler::raw("kind", |_cx, _| async {
        Ok(Payload::from_json_text(vec![b'1'; MAX_OUTPUT + 1]))
    });
    let events = events(handler, failed(0)).await;
    let end = finish(&events);
    assert_eq!(end.kind, FinishKind::Succeeded);
    assert_eq!(end.cut, Some(u64::try_from(MAX_OUTPUT + 1).unwrap()));
    let output = end.output.as_ref().unwrap().as_bytes();
    assert_eq!(output.len(), MAX_OUTPUT);
    assert!(output.starts_with(b"\"111") && output.ends_with(b"1\""));
}

#[tokio::test(start_paused = true)]
async fn a_blocking_handler_runs_where_that_is_allowed() {
    let here = std::thread::current().id();
    let handler = AnyHandler::raw_blocking("kind", move |cx, input| {
        assert_ne!(std::thread::current().id(), here);
        cx.write("from there");
        Ok(input)
    });
    let events = events(handler, failed(0)).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    assert_eq!(text(&events), "from there");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_blocking_handler_is_a_failure() {
    let handler = AnyHandler::raw_blocking("kind", |_cx, input| {
        assert!(input.is_empty(), "it was not empty");
        Ok(input)
    });
    let events = events(handler, failed(0)).await;
    assert_eq!(
        (code(&events), message(&events)),
        ("panic", "it was not empty")
    );
}

/// A blocking handler that comes back when it is told to, and says whether it was asked to give up.
fn stuck() -> (AnyHandler, Sender<()>) {
    let (release, released) = channel::<()>();
    let released = std::sync::Mutex::new(released);
    let handler = AnyHandler::raw_blocking("kind", move |cx, _| {
        // With a limit, so that a test that fails does not hang.
        let _ = released.lock().unwrap().recv_timeout(LIMIT);
        let asked: &[u8] = if cx.is_cancelled() { b"true" } else { b"false" };
        Ok(Payload::from_json_text(asked))
    });
    (handler, release)
}

#[tokio::test(start_paused = true)]
async fn a_blocking_handler_at_its_timeout_is_timed_out_keeps_its_slot_and_tells_its_late_result() {
    let server = Server::new();
    let (handler, release) = stuck();
    let (_agent, handle) = start(builder(&server).handler(handler.retry(POLICY).concurrency(1)));
    let mut long = failed(0);
    long.timeout_ms = Some(5_000);
    server.hand_out(vec![long]).await;
    server.ok().await;
    server.ok().await;
    advance(Duration::from_secs(6)).await;
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::TimedOut, "timeout")
    );
    assert!(message(&events).contains("goes on"), "{}", message(&events));
    let status = handle.status();
    assert_eq!((status.tasks, status.stuck), (1, 1));
    let request = server.request().await;
    let room = (request.command.room, request.command.kinds[0].room);
    assert_eq!(room, (63, 0));
    request.answer(Response::Work(Work::default()));
    release.send(()).unwrap();
    let late = until_the_end(&server).await;
    assert_eq!(finish(&late).kind, FinishKind::Succeeded);
    let output = finish(&late).output.clone();
    assert_eq!(
        output,
        Some(Payload::from_json_text("true")),
        "it was asked"
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!((handle.status().tasks, handle.status().stuck), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_tasks_of_a_kind_are_asked_for() {
    let server = Server::new();
    let handler = AnyHandler::raw("kind", |_cx, _| pending()).concurrency(2);
    let (_agent, _handle) = start(builder(&server).handler(handler));
    let room = |room| {
        let kind = "kind".to_owned();
        vec![KindRoom { kind, room }]
    };
    assert_eq!(server.request().await.command.kinds, room(2));
    server.cut();
    server.hand_out(vec![failed(0)]).await;
    assert_eq!(server.request().await.command.kinds, room(1));
}

#[cfg(feature = "json")]
mod typed {
    //! The same over types.

    use widget_agent::{Handler, TaskContext};

    use super::*;

    struct Careful;

    impl Handler for Careful {
        const KIND: &str = "kind";
        type Input = u32;
        type Output = u32;

        async fn run(&self, _cx: TaskContext, input: u32) -> Result<u32, TaskError> {
            Err(TaskError::new("broken", input.to_string()))
        }

        fn retry(&self) -> Option<RetryPolicy> {
            Some(POLICY)
        }

        fn concurrency(&self) -> Option<u16> {
            Some(3)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_type_says_how_often_it_is_tried_and_how_many_run() {
        let server = Server::new();
        let (_agent, _handle) = start(builder(&server).handler(Careful));
        assert_eq!(server.request().await.command.kinds[0].room, 3);
        server.cut();
        server.hand_out(vec![failed(0)]).await;
        assert!(pause(&until_the_end(&server).await).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_closure_over_types_may_block() {
        let server = Server::new();
        let double = |_cx: TaskContext, n: u32| Ok(n * 2);
        let (_agent, _handle) = start(builder(&server).on_blocking("kind", double));
        server.hand_out(vec![task(1, "kind", "21")]).await;
        let output = finish(&until_the_end(&server).await).output.clone();
        assert_eq!(output, Some(Payload::from_json_text("42")));
        server.hand_out(vec![task(2, "kind", "[]")]).await;
        assert_eq!(code(&server.ok().await), "bad_input");
    }
}
