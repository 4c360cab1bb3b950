//! What only this listener promises: where it listens, how many it takes, how it stops.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing assertion is what a test is for"
)]

mod common;

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::{PATIENCE, Server, ack, large_work, submit, waits};
use widget_core::transport::{Listener, TransportError, TransportErrorKind};
use widget_transport_http::{HttpListener, Limits};

#[test]
fn only_loopback_can_be_listened_on_in_plain_text() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9005"] {
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
fn it_says_its_name_and_where_it_listens() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = tokio.unwrap().block_on(HttpListener::bind(any)).unwrap();
    assert_eq!(listener.name(), "http");
    assert_eq!(listener.local_addr(), Some(listener.address()));
    assert_ne!(listener.address().port(), 0);
}

#[test]
fn one_connection_too_many_is_counted_told_so_and_closed() {
    let server = Server::with(2, Limits::default());
    let (mut first, mut second) = (server.peer(), server.peer());
    first.ask(&submit(1));
    second.ask(&submit(1));
    let mut third = server.peer();
    let answer = third.answer();
    assert_eq!(answer.problem(), (503, "full"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.is_last());
    third.closed_after();
    assert_eq!(server.refused(1), ["full"]);
    drop(second);
    // The place is free once the server has noticed.
    let begun = Instant::now();
    loop {
        let mut next = server.peer();
        if next.try_send(&submit(2)) && next.answer().status == 200 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(first.ask(&submit(3)).json(), ack(3));
}

#[test]
fn a_peer_that_reads_late_gets_everything() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&large_work(12));
    peer.send(&submit(1));
    // The other side has long since filled what the system holds of it.
    assert_eq!(server.peer().ask(&submit(2)).json(), ack(2));
    assert_eq!(peer.answer().status, 200);
    assert_eq!(peer.answer().json(), ack(1));
}

#[test]
fn after_stop_all_is_over_and_nobody_gets_in() {
    let server = Server::start();
    let (mut waiting, mut idle) = (server.peer(), server.peer());
    waiting.send(&waits(1));
    server.waiting(1);
    idle.ask(&submit(1));
    let begun = Instant::now();
    server.stop();
    idle.closed_after();
    waiting.closed_after();
    server.waiting(0);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(server.address).is_err());
    assert_eq!(server.service.refused(), [""; 0]);
}

fn bind(address: SocketAddr) -> Result<HttpListener, TransportError> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio.unwrap().block_on(HttpListener::bind(address))
}
