//! Other sides that are slow, dead or no servers at all.

use std::time::Duration;

use futures_lite::future::poll_once;

use super::calls::{submit, waits_for};
use super::{Bench, hello};
use crate::message::{Command, RequestWork};
use crate::runtime::RuntimeExt;
use crate::transport::TransportErrorKind;

const SHORT: Duration = Duration::from_millis(300);

/// A call whose answer does not come ends as a timeout, and takes the connection with it.
pub async fn an_answer_that_does_not_come_is_a_timeout(bench: Bench) {
    let connected = bench.transport(SHORT).connect(hello(1)).await;
    let connection = connected.unwrap().0;
    let mut beside = waits_for(&connection, 2);
    assert!(poll_once(&mut beside).await.is_none());
    let error = connection.call(asks_for(1)).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Timeout);
    let error = beside
        .await
        .expect_err("every call ends with its connection");
    assert_eq!(error.kind(), &TransportErrorKind::Closed);
    let error = connection.call(submit(1)).await;
    let error = error.expect_err("a connection that has failed goes on failing");
    assert_eq!(error.kind(), &TransportErrorKind::Closed);
}

/// The wait that a call asks for comes on top of the time that any call has.
pub async fn a_wait_for_work_is_not_cut_short(bench: Bench) {
    let connected = bench.transport(SHORT).connect(hello(1)).await;
    let connection = connected.unwrap().0;
    let mut pending = waits_for(&connection, 1);
    assert!(poll_once(&mut pending).await.is_none());
    bench.runtime().sleep(SHORT * 2).await;
    bench.service.release(1);
    let answer = pending.await;
    assert!(answer.is_ok(), "the wait was cut short: {answer:?}");
}

/// A peer that takes the connection and says nothing is given up.
pub async fn a_peer_that_says_nothing_is_given_up(bench: Bench) {
    let silent = bench.peer(|mut stream| {
        // Until the other side gives up.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let transport = bench.transport_to(&silent, SHORT);
    let error = transport.connect(hello(1)).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Timeout);
}

/// A peer that speaks something else is told from one that is away.
pub async fn a_peer_that_answers_garbage_breaks_the_protocol(bench: Bench) {
    let garbage = bench.peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"220 mail.example.invalid ready\r\n");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let transport = bench.transport_to(&garbage, Duration::from_secs(5));
    let error = transport.connect(hello(1)).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
}

/// A peer that closes at once is noticed at once.
pub async fn a_peer_that_closes_is_noticed(bench: Bench) {
    let closes = bench.peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    let transport = bench.transport_to(&closes, Duration::from_secs(60));
    let error = transport.connect(hello(1)).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Closed);
}

/// A request for work that hardly waits, and that nobody releases.
fn asks_for(room: u16) -> Command {
    Command::RequestWork(RequestWork {
        room,
        wait_ms: 1,
        holding: Vec::new(),
        kinds: Vec::new(),
    })
}
