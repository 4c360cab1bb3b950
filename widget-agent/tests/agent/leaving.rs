//! Tasks that end the agent or its host, and what the next start makes of them.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use widget_agent::widget_core::message::{Cancel, Response, Work};
use widget_agent::widget_core::spool::Record;
use widget_agent::widget_core::task::{AgentEvent, FinishKind};
use widget_agent::{
    AgentBuilder, AnyHandler, End, Ended, Host, Payload, Restart, Shutdown, TaskError,
};

use crate::kept::Kept;
use crate::server::{Server, task};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

/// An agent on what was kept, on this boot of the host.
fn on(server: &Arc<Server>, kept: &Kept, boot: &str) -> AgentBuilder {
    let host = Host {
        boot: boot.to_owned(),
        ..Host::default()
    };
    builder(server).host(host).spool(kept.open())
}

/// Says ok until the handler runs.
async fn until_it_runs(server: &Arc<Server>) {
    while !server.ok().await.contains(&AgentEvent::Start) {}
}

fn says_that_it_leaves(kept: &Kept, with: End) -> bool {
    let leaves = |record: &Record| matches!(record, Record::Leaving { end, .. } if *end == with);
    kept.records().iter().any(leaves)
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_whose_goodbye_is_lost_has_succeeded_when_the_next_start_says_so() {
    let (server, kept) = (Server::new(), Kept::default());
    let (agent, _handle) = start(on(&server, &kept, "1").handler(Shutdown::new()));
    let shutdown = task(1, "shutdown", "null");
    server.hand_out(vec![shutdown.clone()]).await;
    until_it_runs(&server).await;
    let goodbye = server.goodbyes.next().await;
    assert!(
        says_that_it_leaves(&kept, End::Agent),
        "durable before it acts"
    );
    assert_eq!(
        (goodbye.command.task, goodbye.command.spool_gone),
        (Some((shutdown.task, shutdown.attempt)), false)
    );
    server.cut();
    server.set_down(true);
    drop(goodbye);
    assert_eq!(agent.await.unwrap(), Ended::Shutdown);

    server.set_down(false);
    let (agent, _handle) = start(on(&server, &kept, "1").handler(Shutdown::new()));
    let events = until_the_end(&server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    // Whoever hands it out again does not end this start of the agent.
    let mut again = shutdown;
    again.attempt = again.attempt.next();
    server.hand_out(vec![again]).await;
    assert_eq!(code(&until_the_end(&server).await), "already_delivered");
    sleep(Duration::from_secs(60)).await;
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_whose_goodbye_was_heard_is_not_told_again() {
    let (server, kept) = (Server::new(), Kept::default());
    let (agent, _handle) = start(on(&server, &kept, "1").handler(Shutdown::new()));
    let shutdown = task(1, "shutdown", "null");
    server.hand_out(vec![shutdown.clone()]).await;
    until_it_runs(&server).await;
    server.goodbyes.next().await.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Shutdown);
    let (task, spent) = (shutdown.task, true);
    assert_eq!(
        kept.records().last(),
        Some(&Record::Forgotten { task, spent })
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_the_agent_and_only_its_next_start_says_that_it_has_succeeded() {
    let (server, kept) = (Server::new(), Kept::default());
    let (agent, _handle) = start(on(&server, &kept, "1").handler(Restart::new()));
    server.hand_out(vec![task(1, "restart", "null")]).await;
    until_it_runs(&server).await;
    let goodbye = server.goodbyes.next().await;
    assert!(
        says_that_it_leaves(&kept, End::Agent),
        "durable before it acts"
    );
    assert_eq!(
        (goodbye.command.reason.as_str(), goodbye.command.task),
        ("restart", None)
    );
    goodbye.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Restart);
    assert!(!kept.is_open(), "the spool is closed");

    let (agent, _handle) = start(on(&server, &kept, "1").handler(Restart::new()));
    let events = until_the_end(&server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
    sleep(Duration::from_secs(60)).await;
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_a_spool_in_memory_has_succeeded_with_the_goodbye() {
    let server = Server::new();
    let (agent, _handle) = start(builder(&server).handler(Restart::new()));
    let restart = task(1, "restart", "null");
    server.hand_out(vec![restart.clone()]).await;
    until_it_runs(&server).await;
    let goodbye = server.goodbyes.next().await;
    assert_eq!(
        (goodbye.command.task, goodbye.command.spool_gone),
        (Some((restart.task, restart.attempt)), true)
    );
    goodbye.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Restart);
}

#[tokio::test(start_paused = true)]
async fn a_program_may_finish_what_it_is_at_before_it_restarts_or_say_no() {
    let server = Server::new();
    let slow = Restart::new().before(|| async {
        sleep(Duration::from_secs(30)).await;
        Err("a backup is running".to_owned())
    });
    let (agent, _handle) = start(builder(&server).handler(slow));
    server.hand_out(vec![task(1, "restart", "null")]).await;
    let begin = Instant::now();
    let events = until_the_end(&server).await;
    assert!(begin.elapsed() >= Duration::from_secs(30));
    assert_eq!(code(&events), "vetoed");
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_program_finishes_what_it_is_at_keeps_the_agent() {
    let server = Server::new();
    let slow = Shutdown::new().before(|| async {
        sleep(Duration::from_secs(5)).await;
        Ok(())
    });
    let (agent, _handle) = start(builder(&server).handler(slow));
    let shutdown = task(1, "shutdown", "null");
    server.hand_out(vec![shutdown.clone()]).await;
    until_it_runs(&server).await;
    let (task, attempt) = (shutdown.task, shutdown.attempt);
    server.request().await.answer(Response::Work(Work {
        cancel: vec![Cancel { task, attempt }],
        ..Work::default()
    }));
    assert_eq!(code(&until_the_end(&server).await), "cancelled");
    assert!(!agent.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_shutdown_does_not_end_it_once_the_agent_leaves() {
    let server = Server::new();
    let deaf = AnyHandler::raw("deaf", |_cx, _| pending());
    let (agent, _handle) = start(builder(&server).handler(Shutdown::new()).handler(deaf));
    let mut shutdown = task(2, "shutdown", "null");
    shutdown.timeout_ms = Some(100);
    server.hand_out(vec![task(1, "deaf", "1"), shutdown]).await;
    until_it_runs(&server).await;
    let goodbye = loop {
        tokio::select! {
            goodbye = server.goodbyes.next() => break goodbye,
            said = server.ok() => assert!(
                !said.iter().any(|said| matches!(said, AgentEvent::Finish(_))), "{said:?}"
            ),
        }
    };
    assert!(goodbye.command.task.is_some());
    goodbye.answer(Response::ACK);
    assert_eq!(agent.await.unwrap(), Ended::Shutdown);
}

/// A handler that reboots the host, as it believes.
fn reboot() -> AnyHandler {
    AnyHandler::raw("reboot", |cx, _| async move {
        cx.will_not_return(End::Host).await?;
        cx.progress_raw(Payload::from_json_text("\"goes down\""));
        pending().await
    })
}

#[tokio::test(start_paused = true)]
async fn a_reboot_has_succeeded_when_the_host_has_started_anew() {
    for (boot, kind) in [("2", FinishKind::Succeeded), ("1", FinishKind::Interrupted)] {
        let (server, kept) = (Server::new(), Kept::default());
        let (agent, _handle) = start(on(&server, &kept, "1").handler(reboot()));
        server.hand_out(vec![task(1, "reboot", "null")]).await;
        loop {
            let said = server.ok().await;
            if said
                .iter()
                .any(|said| matches!(said, AgentEvent::Progress(_)))
            {
                break;
            }
        }
        assert!(
            says_that_it_leaves(&kept, End::Host),
            "durable before it acts"
        );
        // The host goes down, and the process with it.
        agent.abort();
        sleep(Duration::from_secs(1)).await;
        server.cut();

        let (_agent, _handle) = start(on(&server, &kept, boot).handler(reboot()));
        assert_eq!(finish(&until_the_end(&server).await).kind, kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_comes_back_after_all_has_the_last_word() {
    let (server, kept) = (Server::new(), Kept::default());
    let refused = AnyHandler::raw("reboot", |cx, _| async move {
        cx.will_not_return(End::Host).await?;
        Err(TaskError::new("refused", "somebody is logged in"))
    });
    let (_agent, _handle) = start(on(&server, &kept, "1").handler(refused));
    server.hand_out(vec![task(1, "reboot", "null")]).await;
    assert_eq!(code(&until_the_end(&server).await), "refused");
}

#[tokio::test(start_paused = true)]
async fn a_handler_hears_that_the_spool_does_not_keep_that_it_leaves() {
    let (server, kept) = (Server::new(), Kept::default());
    let broken = kept.clone();
    let (told, hears) = async_channel::bounded(1);
    let handler = AnyHandler::raw("reboot", move |cx, _| {
        let (broken, told) = (broken.clone(), told.clone());
        async move {
            broken.break_it();
            let begin = Instant::now();
            let error = cx.will_not_return(End::Host).await.unwrap_err();
            told.send((format!("{error:?}"), begin.elapsed())).await?;
            Err(error)
        }
    });
    let (_agent, _handle) = start(on(&server, &kept, "1").handler(handler));
    server.hand_out(vec![task(1, "reboot", "null")]).await;
    server.ok().await;
    let limit = Duration::from_secs(60);
    let heard = tokio::time::timeout(limit, hears.recv()).await;
    let (error, took) = heard.expect("it heard nothing").unwrap();
    assert!(error.contains("not_kept"), "{error}");
    assert_eq!(took.as_secs(), 10);
}
