//! Several servers: the agent takes the first that is there, and goes back to an earlier one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use widget_agent::AgentBuilder;
use widget_agent::widget_core::id::StoreEpoch;
use widget_agent::widget_core::message::{Response, Verdict};
use widget_agent::widget_core::task::AgentEvent;
use widget_agent::widget_core::transport::TransportErrorKind;

use crate::log::Warnings;
use crate::server::{Server, task};
use crate::tasks::until_the_end;
use crate::{builder, start};

const SECOND: Duration = Duration::from_secs(1);
const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };

/// Two servers, of which the first cannot be reached, and an agent that may use both.
fn two() -> (Arc<Server>, Arc<Server>, AgentBuilder) {
    let (first, second) = (Server::new(), Server::new());
    first.set_down(true);
    let agent = builder(&first).transports([second.transport("second")]);
    (first, second, agent)
}

#[tokio::test(start_paused = true)]
async fn transports_are_tried_in_their_order() {
    let (first, second, agent) = two();
    let (_agent, handle) = start(agent);
    second.describes.next().await;
    assert_eq!(handle.status().transport, Some("second"));
    first.set_down(false);
    second.cut();
    first.describes.next().await;
    assert_eq!(handle.status().transport, Some("memory"));
}

#[tokio::test(start_paused = true)]
async fn the_first_server_is_gone_back_to_within_forty_seconds() {
    let (first, second, agent) = two();
    let (_agent, handle) = start(agent);
    second.describes.next().await;
    sleep(SECOND * 100).await;
    first.set_down(false);
    let back = Instant::now();
    first.describes.next().await;
    assert!(back.elapsed() <= SECOND * 40, "{:?}", back.elapsed());
    assert_eq!(handle.status().transport, Some("memory"));
    sleep(SECOND).await;
    assert_eq!((first.lines(), second.lines()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_twice_a_minute_and_disturbs_nothing() {
    let (first, second, agent) = two();
    let (_agent, _handle) = start(agent);
    second.describes.next().await;
    let before = first.attempts();
    sleep(SECOND * 300).await;
    let attempts = first.attempts() - before;
    assert!((7..=14).contains(&attempts), "{attempts}");
    assert_eq!((second.attempts(), second.lines()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_agent_at_its_first_server_tries_no_other() {
    let (first, second, agent) = two();
    first.set_down(false);
    let (_agent, _handle) = start(agent);
    first.describes.next().await;
    sleep(SECOND * 300).await;
    assert_eq!((first.attempts(), second.attempts()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_first_server_that_asks_for_time_is_left_alone_for_it() {
    let (first, second, agent) = two();
    let retry_after = SECOND * 200;
    first.answer_openings(Some(TransportErrorKind::Busy { retry_after }));
    let (_agent, _handle) = start(agent);
    second.describes.next().await;
    let attempts = first.attempts();
    second.cut();
    second.describes.next().await;
    sleep(SECOND * 150).await;
    assert_eq!(first.attempts(), attempts);
    sleep(SECOND * 100).await;
    assert_eq!(first.attempts(), attempts + 1);
}

#[tokio::test(start_paused = true)]
async fn reports_under_way_are_sent_again_to_the_earlier_server_and_none_is_lost() {
    let (first, second, agent) = two();
    let (_agent, handle) = start(agent);
    second.submits.next().await.ack(1);
    let under_way = second.submits.next().await;
    assert_eq!(under_way.seqs(), [2]);
    first.set_down(false);
    let again = first.submits.next().await;
    assert_eq!((again.command.after, again.seqs()[0]), (1, 2));
    // It had arrived after all, which only the store knows.
    under_way.ack(2);
    let through = again.command.through();
    again.ack(through);
    let next = first.submits.next().await;
    assert_eq!(
        (next.command.after, next.command.dropped),
        (through, 0),
        "each number once"
    );
    let reports = handle.status().reports;
    assert_eq!((reports.acknowledged, reports.dropped), (through, 0));
}

/// Counts its runs, and ends when it is told.
fn counted(agent: AgentBuilder) -> (AgentBuilder, Arc<AtomicUsize>, async_channel::Sender<()>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let (end, ended) = async_channel::bounded(1);
    let ran = Arc::clone(&runs);
    let agent = agent.on_raw("count", move |_cx, input| {
        ran.fetch_add(1, Ordering::SeqCst);
        let ended = ended.clone();
        async move {
            // Also when the test is over.
            let _ = ended.recv().await;
            Ok(input)
        }
    });
    (agent, runs, end)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_runs_goes_on_and_its_end_is_told_to_the_earlier_server() {
    let (first, second, agent) = two();
    let (agent, runs, end) = counted(agent);
    let (_agent, _handle) = start(agent);
    let work = task(1, "count", "1");
    second.hand_out(vec![work.clone()]).await;
    assert_eq!(second.ok().await, [ACCEPT]);
    assert_eq!(second.ok().await, [AgentEvent::Start]);
    first.set_down(false);
    let request = first.request().await;
    assert_eq!(request.command.holding[0].task, work.task);
    end.send(()).await.unwrap();
    let events = until_the_end(&first).await;
    assert!(matches!(events.last(), Some(AgentEvent::Finish(_))));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_acceptance_is_under_way_starts_once() {
    let (first, second, agent) = two();
    let (agent, runs, _end) = counted(agent);
    let (_agent, _handle) = start(agent);
    second.hand_out(vec![task(1, "count", "1")]).await;
    let under_way = second.updates.next().await;
    first.set_down(false);
    // The task is handed out again, because its acceptance is not known to have arrived.
    first.hand_out(vec![task(1, "count", "1")]).await;
    assert_eq!(first.ok().await, [ACCEPT]);
    under_way.verdict(Verdict::Ok);
    assert_eq!(first.ok().await, [AgentEvent::Start]);
    sleep(SECOND).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_not_taken_to_a_server_with_another_store() {
    let (first, second, agent) = two();
    first.set_store(StoreEpoch::from_bytes([8; 16]));
    let (agent, _runs, end) = counted(agent);
    let (_agent, _handle) = start(agent);
    second.hand_out(vec![task(1, "count", "1")]).await;
    second.ok().await;
    first.set_down(false);
    first.describes.stays_empty(SECOND * 120).await;
    assert_eq!((first.lines(), second.lines()), (0, 1));
    end.send(()).await.unwrap();
    until_the_end(&second).await;
    first.describes.next().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_leaves_goes_nowhere_else() {
    let (first, second, agent) = two();
    let deaf = agent.on_raw("deaf", |_cx, _| async { std::future::pending().await });
    let (agent, handle) = start(deaf);
    second.hand_out(vec![task(1, "deaf", "1")]).await;
    second.ok().await;
    second.ok().await;
    first.slow_down(SECOND);
    first.set_down(false);
    let before = first.attempts();
    while first.attempts() == before {
        sleep(SECOND / 10).await;
    }
    // The welcome would come while the handler has its two seconds.
    let stop = tokio::spawn(async move { handle.stop().await });
    second.goodbyes.next().await.answer(Response::ACK);
    stop.await.unwrap();
    agent.await.unwrap();
    assert_eq!(first.lines(), 0);
    first.hellos.stays_empty(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_server_that_welcomes_and_then_fails_at_once_gives_way_to_the_second() {
    let (first, second, agent) = two();
    first.set_down(false);
    first.answer_descriptions(Response::Unsupported);
    let (warnings, _guard) = Warnings::listen();
    let (_agent, handle) = start(agent);
    second.submits.next().await.ack(1);
    assert_eq!(handle.status().transport, Some("second"));
    // It is tried again now and then, which costs the second one little.
    sleep(SECOND * 300).await;
    let attempts = first.attempts();
    assert!((5..=30).contains(&attempts), "{attempts}");
    assert_eq!(warnings.lines().len(), 1, "{warnings:?}");
    first.answer_descriptions(Response::ACK);
    sleep(SECOND * 60).await;
    assert_eq!(handle.status().transport, Some("memory"));
}

#[tokio::test(start_paused = true)]
async fn a_first_server_that_stays_busy_gives_way_to_the_second() {
    let (first, second, agent) = two();
    first.set_down(false);
    let (_agent, handle) = start(agent);
    first.submits.next().await.ack(1);
    let busy = Instant::now();
    let retry_after_ms = 1_000;
    let refuse = async {
        loop {
            let submit = first.submits.next().await;
            submit.answer(Response::Busy { retry_after_ms });
        }
    };
    tokio::select! {
        () = refuse => {}
        submit = second.submits.next() => {
            assert_eq!(submit.command.after, 1);
            submit.ack(2);
        }
    }
    let took = busy.elapsed();
    assert!((SECOND * 25..=SECOND * 45).contains(&took), "{took:?}");
    assert_eq!(handle.status().transport, Some("second"));
}
