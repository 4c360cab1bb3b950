//! What only this listener promises: where it listens, how many it takes, slow readers, stopping.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{OnTokio, Server, ack, command, submit};
use widget_core::frame::GoAwayReason;
use widget_core::message::{Command, RefusalReason, RequestWork, Response};
use widget_core::testkit::transport::Bench;
use widget_core::transport::{MAX_CALLS, TransportErrorKind};
use widget_transport_tcp::{Limits, TcpListener};

#[test]
fn only_loopback_can_be_listened_on_in_plain_text() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9004"] {
        let error = bind(address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Config);
        let why = error.source().unwrap().to_string();
        assert!(why.contains("it needs TLS"), "{why}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address).unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Bind);
    let why = error.source().unwrap().to_string();
    assert!(why.starts_with(&address.to_string()), "{why}");
}

#[test]
fn one_connection_too_many_is_counted_and_closed() {
    let server = Server::with_most(2, Limits::default());
    let (_first, second) = (server.welcomed(1), server.welcomed(2));
    let _ = server.peer().last_words();
    assert_eq!(server.refused(1), ["full"]);
    drop(second);
    // The place is free once the server has noticed.
    let begun = Instant::now();
    while !server.is_welcomed(3) {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_peer_that_reads_late_gets_everything() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    for request in 1..=8 {
        peer.send(&command(request, &large_work(12)));
    }
    peer.send(&submit(9, 99));
    let mut answered: Vec<u32> = (1..=9).map(|_| peer.response().0).collect();
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn an_answer_above_the_limit_is_refused_and_the_connection_stays() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    peer.send(&command(1, &large_work(20)));
    let (1, Response::Refused(refusal)) = peer.response() else {
        panic!("20 tasks of 256 KiB fit in no answer");
    };
    assert_eq!(refusal.reason, RefusalReason::TooLarge);
    peer.send(&submit(2, 2));
    assert_eq!(peer.response(), (2, ack(2)));
}

#[test]
fn a_peer_that_closes_with_as_many_calls_as_may_be_in_flight_is_noticed() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    let waits = Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 20_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    });
    let calls = u32::try_from(MAX_CALLS).unwrap();
    for request in 1..=calls {
        peer.send(&command(request, &waits));
    }
    widget_core::testkit::run(server.service.until_waiting(MAX_CALLS));
    drop(peer);
    widget_core::testkit::run(server.service.until_waiting(0));
}

#[test]
fn agents_are_told_that_the_server_stops() {
    let server = Server::start();
    let mut waits = server.welcomed(1);
    let idle = server.welcomed(2);
    waits.send(&command(
        1,
        &Command::RequestWork(RequestWork {
            room: 1,
            wait_ms: 20_000,
            holding: Vec::new(),
            kinds: Vec::new(),
        }),
    ));
    widget_core::testkit::run(server.service.until_waiting(1));
    server.stop();
    for peer in [waits, idle] {
        assert_eq!(peer.last_words().unwrap().reason, GoAwayReason::Stopping);
    }
    widget_core::testkit::run(server.service.until_waiting(0));
}

#[test]
fn an_agent_hears_why_the_server_went_away() {
    widget_core::testkit::transport::run(OnTokio::new(), |bench: Bench| async move {
        let connection = bench.connect(1).await;
        bench.stop.ask();
        bench.ended().await;
        let error = connection.call(large_work(1)).await.unwrap_err();
        let TransportErrorKind::GoneAway(bye) = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(bye.reason, GoAwayReason::Stopping);
    });
}

fn bind(address: SocketAddr) -> Result<TcpListener, widget_core::transport::TransportError> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio.unwrap().block_on(TcpListener::bind(address))
}

/// Answered at once, with so many tasks of 256 KiB.
fn large_work(room: u16) -> Command {
    Command::RequestWork(RequestWork {
        room,
        ..RequestWork::default()
    })
}
