//! What a durable spool is for: nothing is said or started before it is kept, and the next run of an
//! agent goes on where one was killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use widget_agent::widget_core::id::StoreEpoch;
use widget_agent::widget_core::message::{Response, Verdict, Work};
use widget_agent::widget_core::spool::Record;
use widget_agent::widget_core::task::{AgentEvent, FinishKind};
use widget_agent::{AgentBuilder, AgentHandle, AnyHandler, Ended, Shutdown, TaskError};

use crate::log::Warnings;
use crate::server::{Server, task};
use crate::spool::{Disk, Refuses};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

pub(crate) const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };
pub(crate) const SECOND: Duration = Duration::from_secs(1);

type Run = (JoinHandle<Ended>, AgentHandle);

/// As `kill -9` does: nothing more is kept or said.
async fn kill((agent, handle): Run, server: &Arc<Server>) {
    agent.abort();
    drop(agent.await);
    drop(handle);
    server.cut();
    sleep(SECOND / 100).await;
}

pub(crate) struct Host {
    pub(crate) server: Arc<Server>,
    disk: Disk,
    runs: Arc<AtomicU32>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            server: Server::new(),
            disk: Disk::new(),
            runs: Arc::default(),
        }
    }

    /// An agent with handlers that count their runs: `echo` ends at once, `wait` when it is asked to.
    pub(crate) fn agent(&self) -> AgentBuilder {
        let (echoes, waits) = (Arc::clone(&self.runs), Arc::clone(&self.runs));
        builder(&self.server)
            .spool(self.disk.open())
            .on_raw("echo", move |_cx, input| {
                echoes.fetch_add(1, Ordering::SeqCst);
                async { Ok(input) }
            })
            .on_raw("wait", move |cx, _| {
                waits.fetch_add(1, Ordering::SeqCst);
                async move {
                    cx.cancelled().await;
                    Err(TaskError::new("gave_up", "it was asked to"))
                }
            })
    }

    fn start(&self) -> Run {
        start(self.agent())
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn each_step_is_kept_before_it_is_said() {
    let host = Host::new();
    let _run = host.start();
    let taken = |record: &Record| matches!(record, Record::Taken { .. });
    let started = |record: &Record| matches!(record, Record::Started { .. });
    let over = |record: &Record| matches!(record, Record::Over { .. });
    host.server.hand_out(vec![task(1, "echo", "[1]")]).await;
    let update = host.server.updates.next().await;
    assert!(host.disk.records().iter().any(taken));
    assert!(!host.disk.records().iter().any(started));
    assert_eq!(update.verdict(Verdict::Ok), [ACCEPT]);
    let mut said = Vec::new();
    while !matches!(said.last(), Some(AgentEvent::Finish(_))) {
        let update = host.server.updates.next().await;
        let records = host.disk.records();
        for item in &update.command.items {
            match item.event {
                AgentEvent::Start => assert!(records.iter().any(started)),
                AgentEvent::Finish(_) => assert!(records.iter().any(over)),
                _ => {}
            }
        }
        said.extend(update.verdict(Verdict::Ok));
    }
    assert_eq!(said[0], AgentEvent::Start);
    assert_eq!(finish(&said).kind, FinishKind::Succeeded);
    sleep(SECOND).await;
    let last = host.disk.records().pop();
    assert!(matches!(last, Some(Record::Forgotten { spent: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn killed_before_a_task_was_kept_it_asks_for_it_with_its_first_request() {
    let host = Host::new();
    let first = host.start();
    host.server.requests.next().await;
    host.disk.set(Refuses::Everything);
    host.server.request().await.answer(Response::Work(Work {
        tasks: vec![task(1, "echo", "1")],
        ..Work::default()
    }));
    host.server.updates.stays_empty(SECOND * 10).await;
    kill(first, &host.server).await;
    host.disk.set(Refuses::Nothing);
    let _run = host.start();
    let request = host.server.requests.next().await;
    assert_eq!(request.command.holding, []);
    assert_eq!(request.command.room, 64);
    request.answer(Response::Work(Work {
        tasks: vec![task(1, "echo", "1")],
        ..Work::default()
    }));
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    assert_eq!(host.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_before_the_verdict_it_accepts_again_and_starts_once() {
    let host = Host::new();
    let first = host.start();
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    let lost = host.server.updates.next().await;
    kill(first, &host.server).await;
    drop(lost);
    let _run = host.start();
    let request = host.server.request().await;
    assert_eq!(request.command.holding.len(), 1);
    assert_eq!((host.server.ok().await, host.runs()), (vec![ACCEPT], 0));
    until_the_end(&host.server).await;
    assert_eq!(host.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_between_end_and_report_it_says_the_end_and_runs_nothing() {
    let host = Host::new();
    let first = host.start();
    host.server.hand_out(vec![task(1, "echo", "[7]")]).await;
    assert_eq!(host.server.ok().await, [ACCEPT]);
    let unanswered = host.server.updates.next().await;
    sleep(SECOND).await;
    kill(first, &host.server).await;
    drop(unanswered);
    let _run = host.start();
    let events = until_the_end(&host.server).await;
    let end = finish(&events);
    assert_eq!(end.kind, FinishKind::Succeeded);
    assert_eq!(end.output.as_ref().unwrap().as_bytes(), b"[7]");
    assert_eq!(host.runs(), 1);
    // Later it is not taken once more either.
    let mut again = task(1, "echo", "[7]");
    again.attempt = again.attempt.next();
    host.server.hand_out(vec![again]).await;
    assert_eq!(code(&host.server.ok().await), "already_delivered");
    assert_eq!(host.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_middle_it_is_interrupted_and_may_have_happened() {
    let host = Host::new();
    let first = host.start();
    host.server.hand_out(vec![task(1, "wait", "1")]).await;
    host.server.ok().await;
    host.server.ok().await;
    kill(first, &host.server).await;
    let _run = host.start();
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Interrupted);
    let why = &finish(&events).failure.as_ref().unwrap().message;
    assert!(why.contains("may have happened"), "{why}");
    assert_eq!(host.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_middle_an_idempotent_task_is_tried_again() {
    let host = Host::new();
    let runs = Arc::new(AtomicU32::new(0));
    let agent = || {
        let runs = Arc::clone(&runs);
        let again = AnyHandler::raw("again", move |cx, input| {
            let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if first {
                    cx.cancelled().await;
                }
                Ok(input)
            }
        });
        start(host.agent().handler(again.idempotent()))
    };
    let first = agent();
    host.server.hand_out(vec![task(1, "again", "1")]).await;
    host.server.ok().await;
    host.server.ok().await;
    kill(first, &host.server).await;
    let _run = agent();
    let events = until_the_end(&host.server).await;
    assert!(
        matches!(events.last(), Some(AgentEvent::Retry { lost: true, .. })),
        "{events:?}"
    );
    let mut next = task(1, "again", "1");
    next.attempt = next.attempt.next();
    host.server.hand_out(vec![next]).await;
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_handler_is_gone_after_the_restart_fails() {
    let host = Host::new();
    let first = host.start();
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    drop(host.server.updates.next().await);
    kill(first, &host.server).await;
    let _run = start(builder(&host.server).spool(host.disk.open()));
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Failed);
    assert_eq!(code(&events), "unknown_kind");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_neither_started_nor_said_until_it_can() {
    let host = Host::new();
    let (warnings, _guard) = Warnings::listen();
    let _run = host.start();
    host.disk.set(Refuses::Starts);
    let mut patient = task(1, "echo", "1");
    patient.ttl_ms = 3_600_000;
    host.server.hand_out(vec![patient]).await;
    assert_eq!(host.server.ok().await, [ACCEPT]);
    let before = host.disk.commits();
    host.server.updates.stays_empty(SECOND * 600).await;
    assert_eq!(host.runs(), 0);
    let tries = host.disk.commits() - before;
    assert!((5..30).contains(&tries), "{tries} in ten minutes");
    assert_eq!(host.server.request().await.command.room, 0);
    assert_eq!(warnings.lines().len(), 1, "{warnings:?}");
    host.disk.set(Refuses::Nothing);
    let events = until_the_end(&host.server).await;
    assert_eq!(
        (finish(&events).kind, host.runs()),
        (FinishKind::Succeeded, 1)
    );
    assert_eq!(host.server.request().await.command.room, 64);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_kept_is_not_said_until_it_can() {
    let host = Host::new();
    let _run = host.start();
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    let accept = host.server.updates.next().await;
    host.disk.set(Refuses::Ends);
    assert_eq!(accept.verdict(Verdict::Ok), [ACCEPT]);
    host.server.updates.stays_empty(SECOND * 600).await;
    assert_eq!(host.runs(), 1);
    host.disk.set(Refuses::Nothing);
    let events = until_the_end(&host.server).await;
    assert_eq!(
        (finish(&events).kind, host.runs()),
        (FinishKind::Succeeded, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_fit_is_not_taken_until_there_is_room() {
    let host = Host::new();
    let run = host.start();
    host.disk.set(Refuses::Tasks);
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    sleep(SECOND).await;
    let request = host.server.request().await;
    let said = (request.command.room, request.command.holding.len());
    assert_eq!(said, (0, 0));
    assert_eq!(run.1.status().tasks, 0);
    request.answer(Response::Work(Work::default()));
    host.disk.set(Refuses::Nothing);
    sleep(SECOND * 15).await;
    host.server
        .requests
        .next()
        .await
        .answer(Response::Work(Work::default()));
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    until_the_end(&host.server).await;
    assert_eq!(host.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_does_not_fit_is_left_out_and_that_is_said() {
    let host = Host::new();
    let _run = host.start();
    host.disk.set(Refuses::Outputs);
    host.server.hand_out(vec![task(1, "echo", "1")]).await;
    let events = until_the_end(&host.server).await;
    assert_eq!(code(&events), "spool_full");
    assert_eq!(finish(&events).output, None);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_one_agent_are_kept_in_groups() {
    let host = Host::new();
    let _run = host.start();
    host.server
        .request()
        .await
        .answer(Response::Work(Work::default()));
    let before = host.disk.commits();
    let tasks = (1..=40).map(|number| task(number, "wait", "1"));
    host.server.hand_out(tasks.collect()).await;
    assert_eq!(host.server.ok().await.len(), 40);
    assert_eq!(host.server.ok().await.len(), 40);
    let commits = host.disk.commits() - before;
    assert!(
        commits <= 4,
        "{commits} commits for 40 tasks and their starts"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_succeeds_with_the_next_start_which_stays_up() {
    let host = Host::new();
    let first = start(host.agent().handler(Shutdown::new()));
    host.server
        .hand_out(vec![task(1, "shutdown", "null")])
        .await;
    host.server.ok().await;
    host.server.ok().await;
    let goodbye = host.server.goodbyes.next().await;
    assert!(!goodbye.command.spool_gone);
    kill(first, &host.server).await;
    drop(goodbye);
    let run = start(host.agent().handler(Shutdown::new()));
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    host.server.goodbyes.stays_empty(SECOND * 60).await;
    assert!(!run.0.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_reports_that_were_not_delivered() {
    let host = Host::new();
    let first = host.start();
    for seq in 1..=3 {
        host.server.submits.next().await.ack(seq);
    }
    let unanswered = host.server.submits.next().await;
    kill(first, &host.server).await;
    drop(unanswered);
    let run = host.start();
    let submit = host.server.submits.next().await;
    assert_eq!((submit.command.after, submit.command.dropped), (3, 0));
    assert_eq!(submit.seqs()[0], 4);
    let status = run.1.status();
    assert_eq!((status.spool_bytes, status.spool_limit), (7, 9));
}

#[tokio::test(start_paused = true)]
async fn reports_that_another_store_has_are_not_lost() {
    let host = Host::new();
    let run = host.start();
    for seq in 1..=3 {
        host.server.submits.next().await.ack(seq);
    }
    host.server.submits.next().await;
    host.server.set_store(StoreEpoch::from_bytes([9; 16]));
    host.server.cut();
    // This one has none of them.
    let submit = host.server.submits.next().await;
    assert_eq!(submit.command.after, 3);
    submit.ack(0);
    let again = host.server.submits.next().await;
    assert_eq!((again.command.after, again.command.dropped), (0, 3));
    assert_eq!(run.1.status().reports.dropped, 0);
    assert!(host.disk.records().contains(&Record::OtherStore));
}

#[tokio::test(start_paused = true)]
async fn hello_says_what_was_seen_before_the_restart() {
    let host = Host::new();
    let first = host.start();
    let hello = host.server.hellos.next().await;
    assert_eq!(hello.seen, None);
    host.server.hand_out(vec![task(9, "echo", "1")]).await;
    until_the_end(&host.server).await;
    sleep(SECOND).await;
    kill(first, &host.server).await;
    let _run = host.start();
    let again = host.server.hellos.next().await;
    let seen = again.seen.unwrap();
    assert_eq!((seen.sequence, seen.stores.len()), (9, 1));
    assert_eq!(hello.epoch, again.epoch);
}
