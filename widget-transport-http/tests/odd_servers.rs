//! The client against servers that answer oddly, wrongly, late or not at all: it says what is the
//! matter, never hangs and never panics.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod odd;

use std::sync::mpsc::channel;
use std::time::Duration;

use odd::{
    OURS, PAGE, PROBLEM, Peer, Server, ack, call_answered, client, hello_answered, in_time, submit,
    why,
};
use widget_core::codec::{Bincode, Codec};
use widget_core::message::{Refusal, RefusalReason, Response, Work};
use widget_core::testkit::transport::hello;
use widget_core::transport::{Transport, TransportErrorKind};

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn garbage_breaks_the_protocol() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/9 abc\r\n\r\n",
        "\0\0\0\0\0",
    ] {
        let error = hello_answered(move |peer| peer.say(garbage)).await;
        assert_eq!(error.kind(), &TransportErrorKind::Protocol, "{garbage:?}");
    }
    let (connection, result) = call_answered(|peer| peer.say("+OK\r\n")).await;
    assert_eq!(result.unwrap_err().kind(), &TransportErrorKind::Protocol);
    let later = connection.call(submit(1)).await.unwrap_err();
    assert_eq!(later.kind(), &TransportErrorKind::Closed);
}

#[tokio::test]
async fn a_page_of_an_error_breaks_the_protocol_and_names_the_status() {
    let error = hello_answered(|peer| peer.page("500 Internal Server Error", "", PAGE)).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    assert!(
        why(&error).contains("500 Internal Server Error"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_page_that_is_no_error_breaks_the_protocol_too() {
    let error = hello_answered(|peer| peer.page("200 OK", "", PAGE)).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    assert!(why(&error).contains("text/html"), "{error:?}");
}

#[tokio::test]
async fn a_redirect_says_which_address_to_give() {
    let location = "Location: https://a.example/x\r\n";
    let error = hello_answered(move |peer| peer.page("302 Found", location, PAGE)).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    assert!(why(&error).contains("https://a.example/x"), "{error:?}");
}

#[tokio::test]
async fn not_found_says_that_there_is_no_widget_server() {
    let error = hello_answered(|peer| peer.page("404 Not Found", "", PAGE)).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    assert!(why(&error).contains("no widget server"), "{error:?}");
}

#[tokio::test]
async fn a_problem_is_told_with_its_detail() {
    let problem = r#"{"title":"x","status":415,"code":"codec","detail":"speak \"json\""}"#;
    let error = hello_answered(move |peer| {
        peer.answer("415 Unsupported Media Type", PROBLEM, problem.as_bytes());
    })
    .await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    assert!(why(&error).contains("speak \"json\""), "{error:?}");
}

#[tokio::test]
async fn too_large_for_a_proxy_is_too_large_and_the_connection_goes_on() {
    let page = |peer: &mut Peer| peer.page("413 Payload Too Large", "", PAGE);
    let (connection, result) = call_answered(page).await;
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), TransportErrorKind::TooLarge { .. }));
    assert!(error.connection_lives());
    assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_is_heard() {
    for status in ["413 Payload Too Large", "503 Service Unavailable"] {
        let (_ends, over) = channel::<()>();
        let server = Server::start(vec![
            Box::new(move |peer: &mut Peer| {
                peer.welcome();
                peer.head();
                peer.page(status, "", PAGE);
                // Neither reads nor closes until the test is over.
                let _ = over.recv();
            }),
            Box::new(Peer::answer_all),
        ]);
        let connected = in_time(client(&server.url()).connect(hello(1))).await;
        let connection = connected.unwrap().0;
        match in_time(connection.call(odd::long())).await {
            Ok(Response::Busy { .. }) => assert!(status.starts_with("503")),
            Err(error) => {
                assert!(matches!(error.kind(), TransportErrorKind::TooLarge { .. }));
                assert!(status.starts_with("413"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
    }
}

#[tokio::test]
async fn busy_of_a_proxy_is_busy_for_as_long_as_it_says() {
    let busy = |peer: &mut Peer| peer.page("503 Busy", "Retry-After: 7\r\n", PAGE);
    let error = hello_answered(busy).await;
    let retry_after = Duration::from_secs(7);
    assert_eq!(error.kind(), &TransportErrorKind::Busy { retry_after });
    let (connection, result) = call_answered(busy).await;
    let retry_after_ms = 7_000;
    assert_eq!(result.unwrap(), Response::Busy { retry_after_ms });
    assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
}

#[tokio::test]
async fn a_response_is_read_whatever_its_status() {
    let busy = Response::Busy {
        retry_after_ms: 1_234,
    };
    let refused = Response::Refused(Refusal {
        reason: RefusalReason::Session,
        text: "say hello".to_owned(),
    });
    for (status, response) in [
        ("503 Service Unavailable", busy),
        ("401 Unauthorized", refused),
        ("501 Not Implemented", Response::Unsupported),
    ] {
        let said = response.clone();
        let (connection, result) = call_answered(move |peer| {
            peer.respond(status, &said);
            peer.answer_all();
        })
        .await;
        assert_eq!(result.unwrap(), response);
        assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
    }
}

#[tokio::test]
async fn a_proxy_without_its_server_closes_the_connection() {
    for status in ["502 Bad Gateway", "504 Gateway Timeout"] {
        let (connection, result) = call_answered(move |peer| peer.page(status, "", PAGE)).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Closed);
        assert!(why(&error).contains(status), "{error:?}");
        let later = connection.call(submit(2)).await.unwrap_err();
        assert_eq!(later.kind(), &TransportErrorKind::Closed);
    }
}

#[tokio::test]
async fn a_session_that_is_over_closes_the_connection() {
    let (_, result) = call_answered(|peer| {
        let problem = r#"{"code":"hello_first","detail":"say hello"}"#;
        let headers = format!("WWW-Authenticate: Widget\r\n{PROBLEM}");
        peer.answer("401 Unauthorized", &headers, problem.as_bytes());
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Closed);
    assert!(why(&error).contains("session is over"), "{error:?}");
}

#[tokio::test]
async fn a_welcome_without_a_session_breaks_the_protocol() {
    let error = hello_answered(|peer| peer.respond("200 OK", &odd::welcome(""))).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
}

#[tokio::test]
async fn answers_without_end_are_given_up() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    for kind in [OURS, PROBLEM, "Content-Type: text/html\r\n"] {
        let error = hello_answered(move |peer| {
            peer.say(&format!("{head}{kind}\r\n"));
            peer.say_for_ever(&format!("1000\r\n{}\r\n", "x".repeat(0x1000)));
        })
        .await;
        assert_eq!(error.kind(), &TransportErrorKind::Protocol, "{kind}");
    }
    let headers = hello_answered(|peer| {
        peer.say("HTTP/1.1 200 OK\r\n");
        peer.say_for_ever(&format!("A: {}\r\n", "x".repeat(1_000)));
    });
    assert_eq!(headers.await.kind(), &TransportErrorKind::Protocol);
}

#[tokio::test]
async fn an_answer_that_claims_too_much_is_not_waited_for() {
    let error = hello_answered(|peer| {
        peer.say(&format!("HTTP/1.1 200 OK\r\n{OURS}"));
        peer.say("Content-Length: 5000000\r\n\r\n");
        peer.until_closed();
    })
    .await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
}

#[tokio::test]
async fn chunks_that_are_none_break_the_protocol() {
    let error = hello_answered(|peer| {
        peer.say(&format!("HTTP/1.1 200 OK\r\n{OURS}"));
        peer.say("Transfer-Encoding: chunked\r\n\r\nhello\r\n");
        peer.until_closed();
    })
    .await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
}

#[tokio::test]
async fn a_body_that_is_no_response_breaks_the_protocol() {
    let error = hello_answered(|peer| peer.answer("200 OK", OURS, b"\xff\xff")).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    let error = hello_answered(|peer| peer.respond("200 OK", &Response::ACK)).await;
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
}

#[tokio::test]
async fn no_content_is_no_work() {
    let none = |peer: &mut Peer| peer.say("HTTP/1.1 204 No Content\r\n\r\n");
    let (connection, result) = call_answered(move |peer| {
        none(peer);
        peer.answer_all();
    })
    .await;
    assert_eq!(result.unwrap(), Response::Work(Work::default()));
    assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_read() {
    let (_, result) = call_answered(|peer| {
        for byte in odd::answer("200 OK", &ack(5)) {
            peer.say_bytes(&[byte]);
            std::thread::sleep(Duration::from_millis(1));
        }
        peer.until_closed();
    })
    .await;
    assert_eq!(result.unwrap(), ack(5));
}

#[tokio::test]
async fn an_answer_that_drips_for_too_long_is_a_timeout() {
    let server = Server::start(vec![Box::new(|peer: &mut Peer| {
        peer.welcome();
        peer.request();
        for byte in odd::answer("200 OK", &ack(5)) {
            peer.say_bytes(&[byte]);
            std::thread::sleep(Duration::from_millis(50));
        }
    })]);
    let transport = client(&server.url()).with_deadlines(LONG, SHORT);
    let connection = in_time(transport.connect(hello(1))).await.unwrap().0;
    let error = in_time(connection.call(submit(1))).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Timeout);
}

#[tokio::test]
async fn answers_as_proxies_put_them_are_read() {
    let body = odd::encoded(&ack(7));
    let kind = Bincode::CONTENT_TYPE.to_uppercase();
    let kind = format!("Content-Type: {kind}; charset=binary");
    let heads = [
        format!("HTTP/1.0 200 OK\r\n{kind}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{kind}\r\nConnection: close\r\n\r\n"),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{kind}\r\n\r\n"),
    ];
    for head in heads {
        let body = body.clone();
        let (connection, result) = call_answered(move |peer| {
            peer.say(&head);
            peer.say_bytes(&body);
        })
        .await;
        assert_eq!(result.unwrap(), ack(7));
        assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
    }
    let (connection, result) = call_answered(move |peer| {
        peer.say(&format!("HTTP/1.1 200 OK\r\n{kind}\r\n"));
        peer.say("Transfer-Encoding: chunked\r\n\r\n");
        for byte in body {
            peer.say_bytes(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
        }
        peer.say("0\r\nTrailer: x\r\n\r\n");
        peer.answer_all();
    })
    .await;
    assert_eq!(result.unwrap(), ack(7));
    assert_eq!(in_time(connection.call(submit(2))).await.unwrap(), ack(2));
}
