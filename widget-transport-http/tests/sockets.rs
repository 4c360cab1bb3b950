//! The client's sockets: how many it needs, which it uses again, what goes over them.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod odd;

use std::sync::mpsc::channel;

use futures_lite::future::{poll_once, zip};
use odd::{
    OURS, PAGE, Peer, SESSION, Server, ack, call_answered, client, in_time, received, submit, wait,
};
use widget_core::testkit::transport::hello;
use widget_core::transport::{Transport, TransportErrorKind};

#[tokio::test]
async fn a_call_on_a_socket_that_was_closed_meanwhile_is_sent_once_more() {
    // Once it has read the request, then before.
    let (_, result) = call_answered(|_| {}).await;
    assert_eq!(result.unwrap(), ack(1));
    let server = Server::start(vec![Box::new(Peer::welcome), Box::new(Peer::answer_all)]);
    let connected = in_time(client(&server.url()).connect(hello(1))).await;
    let connection = connected.unwrap().0;
    assert_eq!(in_time(connection.call(submit(1))).await.unwrap(), ack(1));
}

#[tokio::test]
async fn a_socket_that_was_given_up_as_idle_is_no_answer() {
    let close = "Connection: close\r\n";
    let late = move |peer: &mut Peer| peer.page("408 Request Timeout", close, PAGE);
    let (_, result) = call_answered(late).await;
    assert_eq!(result.unwrap(), ack(1));
}

#[tokio::test]
async fn no_call_is_sent_more_than_twice() {
    let (count, counted) = channel();
    let again = count.clone();
    let server = Server::start(vec![
        Box::new(move |peer: &mut Peer| {
            peer.welcome();
            count.send(peer.request().is_some()).unwrap();
        }),
        Box::new(move |peer: &mut Peer| again.send(peer.request().is_some()).unwrap()),
        Box::new(Peer::answer_all),
    ]);
    let connected = in_time(client(&server.url()).connect(hello(1))).await;
    let connection = connected.unwrap().0;
    let error = in_time(connection.call(submit(1))).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Closed);
    assert_eq!(counted.iter().collect::<Vec<_>>(), [true, true]);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_closed_and_not_asked_for_again() {
    let (connection, result) = call_answered(|peer| {
        peer.say(&format!("HTTP/1.1 200 OK\r\n{OURS}"));
        peer.say("Content-Length: 100\r\n\r\nabc");
    })
    .await;
    assert_eq!(result.unwrap_err().kind(), &TransportErrorKind::Closed);
    let later = connection.call(submit(2)).await.unwrap_err();
    assert_eq!(later.kind(), &TransportErrorKind::Closed);
}

#[tokio::test]
async fn requests_say_where_they_go_and_who_asks() {
    let (heard, requests) = channel();
    let server = Server::start(vec![Box::new(move |peer: &mut Peer| {
        heard.send(peer.request().unwrap().head).unwrap();
        peer.respond("200 OK", &odd::welcome(SESSION));
        heard.send(peer.request().unwrap().head).unwrap();
        peer.respond("200 OK", &ack(1));
        peer.until_closed();
    })]);
    let transport = client(&format!("{}/fleet/", server.url()));
    let (connection, welcome) = in_time(transport.connect(hello(1))).await.unwrap();
    assert_eq!(welcome.session, "");
    in_time(connection.call(submit(1))).await.unwrap();
    let (opening, call) = (requests.recv().unwrap(), requests.recv().unwrap());
    assert!(opening.starts_with("POST /fleet/agent/v2/hello HTTP/1.1\r\n"));
    assert!(call.starts_with("POST /fleet/agent/v2/submit HTTP/1.1\r\n"));
    let host = server.url().replace("http://", "host: ");
    for request in [&opening, &call] {
        assert!(request.contains(&format!("{host}\r\n")), "{request}");
        assert!(request.contains(&OURS.to_lowercase()));
    }
    assert!(!opening.contains("authorization"));
    let session = format!("authorization: Widget {SESSION}\r\n");
    assert!(call.contains(&session), "{call}");
}

#[tokio::test]
async fn one_socket_waits_for_work_and_one_is_for_the_rest() {
    let (gone, closed) = channel();
    let serve = || -> odd::Script {
        let gone = gone.clone();
        Box::new(move |peer: &mut Peer| {
            peer.answer_all();
            gone.send(()).unwrap();
        })
    };
    let server = Server::start(vec![serve(), serve(), serve()]);
    let connected = in_time(client(&server.url()).connect(hello(1))).await;
    let connection = connected.unwrap().0;
    let mut waiting = connection.call(wait());
    assert!(poll_once(&mut waiting).await.is_none());
    for n in 1..=20 {
        let two = zip(connection.call(submit(n)), connection.call(submit(100 + n)));
        let (one, other) = in_time(two).await;
        assert_eq!((one.unwrap(), other.unwrap()), (ack(n), ack(100 + n)));
        assert!(poll_once(&mut waiting).await.is_none());
    }
    assert_eq!(server.accepted(), 2);
    // A call that is dropped closes its socket, and the connection what is left.
    drop(waiting);
    let ((), closed) = in_time(received(closed)).await;
    assert_eq!(in_time(connection.call(submit(1))).await.unwrap(), ack(1));
    drop(connection);
    in_time(received(closed)).await;
    assert_eq!(server.accepted(), 2);
}
