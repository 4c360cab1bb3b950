//! How long the agent waits when a server asks it to, or says no; and how often it says so.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use widget_agent::widget_core::message::{Refusal, RefusalReason, Response};
use widget_agent::widget_core::transport::TransportErrorKind;

use crate::log::Warnings;
use crate::server::Server;
use crate::{builder, start};

const SECOND: Duration = Duration::from_secs(1);

fn session_is_over() -> Response {
    Response::refused(RefusalReason::Session, "the session is over")
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_over_is_followed_by_another_soon() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    for _ in 0..5 {
        server.hellos.next().await;
        let submit = server.submits.next().await;
        sleep(SECOND * 3).await;
        submit.answer(session_is_over());
        let over = Instant::now();
        server.hellos.next().await;
        assert!(over.elapsed() <= Duration::from_millis(510));
        server.cut();
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_over_at_once_make_no_tight_loop() {
    let server = Server::new();
    server.answer_descriptions(session_is_over());
    let (warnings, _guard) = Warnings::listen();
    let (_agent, _handle) = start(builder(&server));
    sleep(SECOND * 120).await;
    let attempts = server.attempts();
    // Pauses of 5 s on average, once they have grown.
    assert!((12..=60).contains(&attempts), "{attempts}");
    assert_eq!(warnings.lines().len(), 1, "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_session_in_an_opening_is_tried_again() {
    let server = Server::new();
    server.answer_openings(Some(TransportErrorKind::Refused(Refusal {
        reason: RefusalReason::Session,
        text: "no".to_owned(),
    })));
    let (_agent, _handle) = start(builder(&server));
    sleep(SECOND * 5).await;
    server.answer_openings(None);
    let begin = Instant::now();
    server.hellos.next().await;
    assert!(begin.elapsed() <= SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_not_connected_to_before_its_time() {
    let server = Server::new();
    let retry_after = SECOND * 60;
    server.answer_openings(Some(TransportErrorKind::Busy { retry_after }));
    let (_agent, _handle) = start(builder(&server));
    sleep(SECOND * 59).await;
    assert_eq!(server.attempts(), 1);
    server.answer_openings(None);
    server.hellos.next().await;
    assert_eq!(server.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_answer_to_any_command_is_obeyed() {
    let server = Server::new();
    let retry_after_ms = 90_000;
    let (_agent, _handle) = start(builder(&server));
    let request = server.request().await;
    let asked = Instant::now();
    request.answer(Response::Busy { retry_after_ms });
    server.requests.next().await;
    assert!(asked.elapsed() >= SECOND * 90);
    assert_eq!(server.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_description_is_said_once_and_the_agent_is_served_all_the_same() {
    let server = Server::new();
    let too_large = Response::refused(RefusalReason::TooLarge, "at most 256 KiB");
    server.answer_descriptions(too_large);
    let (warnings, _guard) = Warnings::listen();
    let (_agent, _handle) = start(builder(&server));
    for _ in 0..3 {
        server.submits.next().await;
        sleep(SECOND * 5).await;
        server.cut();
    }
    server.submits.next().await;
    let lines = warnings.lines();
    let said = lines.iter().filter(|line| line.contains("description"));
    assert_eq!(said.count(), 1, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_said_once_for_each_time() {
    let server = Server::new();
    server.set_down(true);
    let (warnings, _guard) = Warnings::listen();
    let (_agent, _handle) = start(builder(&server));
    for times in 1..=3 {
        sleep(SECOND * 60).await;
        assert_eq!(warnings.lines().len(), times, "{warnings:?}");
        server.set_down(false);
        let submit = server.submits.next().await;
        let through = submit.command.through();
        submit.ack(through);
        sleep(SECOND * 5).await;
        server.set_down(true);
        server.cut();
    }
}

#[tokio::test(start_paused = true)]
async fn no_server_silences_an_agent_for_longer_than_five_minutes() {
    let server = Server::new();
    let retry_after = Duration::from_secs(u32::MAX.into());
    server.answer_openings(Some(TransportErrorKind::Busy { retry_after }));
    let (_agent, _handle) = start(builder(&server));
    sleep(SECOND).await;
    server.answer_openings(None);
    let begin = Instant::now();
    let request = server.request().await;
    assert!(begin.elapsed() <= SECOND * 311, "{:?}", begin.elapsed());
    let retry_after_ms = u32::MAX;
    request.answer(Response::Busy { retry_after_ms });
    let begin = Instant::now();
    server.requests.next().await;
    assert!(begin.elapsed() <= SECOND * 301, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_not_let_in_any_more_says_so_once_and_stays_away_long() {
    let server = Server::new();
    let (warnings, _guard) = Warnings::listen();
    let (_agent, _handle) = start(builder(&server));
    let submit = server.submits.next().await;
    sleep(SECOND * 3).await;
    // It was deleted: its place is gone, and its credential is no good from then on.
    server.answer_openings(Some(TransportErrorKind::Refused(Refusal {
        reason: RefusalReason::Credential,
        text: "this server knows no such credential".to_owned(),
    })));
    submit.answer(Response::refused(RefusalReason::Replaced, "deleted"));
    server.cut();
    sleep(SECOND * 600).await;
    let attempts = server.attempts();
    assert!((10..=21).contains(&attempts), "{attempts}");
    let lines = warnings.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("does not let this agent in"), "{lines:?}");
    assert!(lines[1].contains("no such credential"), "{lines:?}");
    // It is let in again: by the same name, say, after a restore.
    server.answer_openings(None);
    server.hellos.next().await;
    let begin = Instant::now();
    server.hellos.next().await;
    assert!(begin.elapsed() <= SECOND * 41);
}
