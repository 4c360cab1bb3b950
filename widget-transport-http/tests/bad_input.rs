//! What a listener makes of requests that no agent would send: a problem with a word for programs
//! and a sentence for people, counted, and nobody else disturbed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing assertion is what a test is for"
)]

mod common;

use std::io::Write;

use bytes::BytesMut;
use common::{
    Answer, BINCODE, JSON, Peer, Server, ack, bincode, head, json, opening, post, request, session,
    submit, submit_command,
};
use widget_core::codec;
use widget_core::frame::{MAX_OPENING, MAX_TO_SERVER};
use widget_core::testkit::samples;

#[test]
fn an_unknown_path_is_answered_with_the_known_ones() {
    let server = Server::start();
    for line in [
        "POST / HTTP/1.1",
        "POST /agent/v2/ HTTP/1.1",
        "POST /agent/v2/sing HTTP/1.1",
        "POST /agent/v2/hello/ HTTP/1.1",
        "POST /agent/v1/hello HTTP/1.1",
        "GET /favicon.ico HTTP/1.1",
    ] {
        let answer = server.answer_to(&request(line, &[JSON]));
        assert_eq!(answer.problem(), (404, "no_such_path"), "{line}");
        for word in [
            "hello",
            "describe",
            "submit",
            "request-work",
            "update",
            "goodbye",
        ] {
            assert!(answer.detail().contains(&format!("/agent/v2/{word}")));
        }
    }
    assert_eq!(server.service.refused(), ["no_such_path"; 6]);
}

#[test]
fn a_method_but_post_is_answered_with_that_one() {
    let server = Server::start();
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
        let line = format!("{method} /agent/v2/hello HTTP/1.1");
        let answer = server.answer_to(&request(&line, &[JSON]));
        assert_eq!(answer.problem(), (405, "method"), "{method}");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert_eq!(server.service.refused(), ["method"; 4]);
}

#[test]
fn an_unknown_codec_is_answered_with_the_known_ones() {
    let server = Server::start();
    let types: Vec<_> = codec::ALL.iter().map(|c| c.content_type()).collect();
    for kind in [
        "X-None: 1",
        "Content-Type: text/html",
        "Content-Type: \u{ff}",
    ] {
        let answer = server.answer_to(&post("hello", &[kind], &opening()));
        assert_eq!(answer.problem(), (415, "codec"), "{kind}");
        assert_eq!(answer.header("accept-post").unwrap(), types.join(", "));
        assert!(types.iter().all(|kind| answer.detail().contains(kind)));
    }
    assert_eq!(server.service.refused(), ["codec"; 3]);
}

#[test]
fn a_command_on_the_path_of_another_is_refused() {
    let server = Server::start();
    let body = json(&submit_command(1));
    for path in ["describe", "hello"] {
        let answer = server.answer_to(&post(path, &[JSON, &session(1)], &body));
        assert_eq!(answer.problem(), (400, "wrong_path"), "{path}");
        assert!(answer.detail().contains("send it to submit"));
    }
    assert_eq!(server.refused(2), ["wrong_path"; 2]);
    assert!(server.service.callers().is_empty());
}

#[test]
fn an_opening_on_the_path_of_another_is_refused() {
    let server = Server::start();
    for opening in samples::openings() {
        for (path, is_its_own) in [
            ("hello", opening.name() == "hello"),
            ("enrol", opening.name() == "enrol"),
        ] {
            for codec in codec::ALL {
                let mut body = BytesMut::new();
                codec.encode_opening(&opening, &mut body).unwrap();
                let kind = format!("Content-Type: {}", codec.content_type());
                let answer = server.answer_to(&post(path, &[&kind], &body));
                if is_its_own {
                    assert_eq!(answer.status, 200, "{answer:?}");
                    continue;
                }
                assert_eq!(answer.problem(), (400, "wrong_path"), "{path}");
                let belongs = format!("send it to {}", opening.name());
                assert!(answer.detail().contains(&belongs), "{}", answer.detail());
            }
        }
    }
    let expected = samples::openings().len();
    assert_eq!(server.service.openings().len(), expected * codec::ALL.len());
}

#[test]
fn an_opening_where_a_command_belongs_is_malformed() {
    let server = Server::start();
    let answer = server.answer_to(&post("submit", &[JSON, &session(1)], &opening()));
    assert_eq!(answer.problem(), (400, "malformed"));
    assert!(answer.detail().contains("hello"), "{}", answer.detail());
    assert_eq!(server.refused(1), ["malformed"]);
}

#[test]
fn a_body_that_cannot_be_read_is_answered_in_the_words_of_the_codec() {
    let server = Server::start();
    let mut more = bincode(&submit_command(1));
    more.extend_from_slice(&[0; 3]);
    let long = format!(r#"{{"submit": "{}"}}"#, "x".repeat(5_000));
    for (kind, body, words) in [
        (JSON, &b"{\"submit\": "[..], "EOF"),
        (JSON, b"", "too early"),
        (JSON, b"[1, 2", ""),
        (JSON, long.as_bytes(), "xxx"),
        (BINCODE, b"\x01", "too early"),
        (BINCODE, &more, "3 bytes behind"),
    ] {
        let mut peer = server.peer();
        let answer = peer.ask(&post("submit", &[kind, &session(1)], body));
        assert_eq!(answer.problem(), (400, "malformed"));
        assert!(answer.detail().contains(words), "{}", answer.detail());
        // In no more words than a peer can use.
        assert!(answer.detail().len() <= 310, "{}", answer.text());
        // All of it was read: the next one may come.
        assert_eq!(peer.ask(&submit(1)).json(), ack(1));
    }
    assert_eq!(server.refused(6), ["malformed"; 6]);
}

#[test]
fn a_page_in_a_browser_is_refused() {
    let server = Server::start();
    for mark in [
        "Origin: null",
        "origin: http://127.0.0.1",
        "Sec-Fetch-Site: none",
    ] {
        let answer = server.answer_to(&post("hello", &[JSON, mark], &opening()));
        assert_eq!(answer.problem(), (403, "browser"), "{mark}");
    }
    assert_eq!(server.refused(3), ["browser"; 3]);
    assert!(server.service.openings().is_empty());
}

#[test]
fn a_command_without_a_session_is_told_to_say_hello() {
    let server = Server::start();
    let body = json(&submit_command(1));
    let mut peer = server.peer();
    for said in [
        "X-None: 1",
        "Authorization: Widget",
        "Authorization: Widget  ",
        "Authorization: Basic YTpi",
        "Authorization: Widget \u{ff}",
    ] {
        let answer = peer.ask(&post("submit", &[JSON, said], &body));
        assert_eq!(answer.problem(), (401, "hello_first"), "{said}");
        assert_eq!(answer.header("www-authenticate"), Some("Widget"));
        assert!(!answer.is_last());
    }
    assert_eq!(server.refused(5), ["hello_first"; 5]);
}

#[test]
fn a_refused_request_with_a_long_body_is_the_last_one() {
    let server = Server::start();
    for said in ["X-None: 1", "Authorization: Widget of-yesterday"] {
        let mut peer = server.peer();
        let answer = peer.ask(&post("submit", &[JSON, said], &[b' '; 100_000]));
        assert_eq!(answer.status, 401);
        assert!(answer.is_last(), "{said}");
        drop_reads_end(peer);
    }
}

#[test]
fn a_body_that_says_it_is_too_long_is_refused_before_it_comes() {
    let server = Server::start();
    for (path, limit) in [("hello", MAX_OPENING), ("submit", MAX_TO_SERVER)] {
        let length = format!("Content-Length: {}", limit + 1);
        let mut peer = server.peer();
        let answer = peer.ask(&head(path, &[JSON, &session(1), &length]));
        assert_eq!(answer.problem(), (413, "too_large"));
        assert!(answer.detail().contains(&limit.to_string()));
        assert!(answer.is_last());
        drop_reads_end(peer);
    }
    let huge = ["Content-Length: 18446744073709551000", JSON, &session(1)];
    let answer = server.answer_to(&head("submit", &huge));
    assert_eq!(answer.problem(), (413, "too_large"));
    assert_eq!(server.refused(3), ["too_large"; 3]);
}

#[test]
fn who_sends_a_long_body_before_he_listens_still_hears_why_it_was_refused() {
    let server = Server::start();
    let body = vec![b' '; MAX_TO_SERVER * 2];
    let mut peer = server.peer();
    peer.send(&post("submit", &[JSON, &session(1)], &body));
    assert_eq!(peer.answer().problem(), (413, "too_large"));
}

#[test]
fn chunks_without_end_are_refused_when_they_pass_the_limit() {
    let server = Server::start();
    let mut others = server.peer();
    for (path, limit) in [("hello", MAX_OPENING), ("submit", MAX_TO_SERVER)] {
        let mut peer = server.peer();
        let chunked = "Transfer-Encoding: chunked";
        peer.send(&head(path, &[JSON, &session(1), chunked]));
        let mut writing = peer.stream.try_clone().unwrap();
        let endless = std::thread::spawn(move || {
            let chunk = [&b"1000\r\n"[..], &[b' '; 4096], b"\r\n"].concat();
            let sent = (0..).take_while(|_| writing.write_all(&chunk).is_ok());
            sent.count() * 4096
        });
        assert_eq!(others.ask(&submit(1)).json(), ack(1));
        let answer = peer.answer();
        assert_eq!(answer.problem(), (413, "too_large"));
        assert!(answer.is_last());
        assert!(endless.join().unwrap() > limit);
    }
    assert_eq!(server.refused(2), ["too_large"; 2]);
}

#[test]
fn chunks_that_are_none_are_malformed() {
    let server = Server::start();
    let mut peer = server.peer();
    let chunked = ["Transfer-Encoding: chunked", JSON, &session(1)];
    peer.send(&head("submit", &chunked));
    let answer = peer.ask(b"what?\r\nhello\r\n");
    assert_eq!(answer.problem(), (400, "malformed"));
    assert!(answer.is_last());
    assert_eq!(server.refused(1), ["malformed"]);
    drop_reads_end(peer);
}

#[test]
fn a_body_that_breaks_off_is_counted_and_never_called() {
    let server = Server::start();
    let mut peer = server.peer();
    let asked = submit(1);
    peer.send(&asked[..asked.len() - 3]);
    drop(peer);
    assert_eq!(server.refused(1), ["cut"]);
    assert!(server.service.callers().is_empty());
}

#[test]
fn headers_over_the_limit_are_refused() {
    let server = Server::start();
    let long = format!("X-Long: {}", "x".repeat(9_000));
    let many: Vec<_> = (0..101).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for headers in [&[long.as_str()][..], &many] {
        let mut peer = server.peer();
        let answer = peer.ask(&post("hello", headers, &opening()));
        assert_eq!(answer.status, 431);
        assert!(answer.is_last());
        drop_reads_end(peer);
    }
    assert_eq!(server.refused(2), ["header"; 2]);
}

#[test]
fn headers_without_end_are_refused() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(b"POST /agent/v2/hello HTTP/1.1\r\n");
    while peer.try_send(b"X-More: and more and more and more\r\n") {}
    assert_eq!(server.refused(1), ["header"]);
}

#[test]
fn what_is_no_http_is_refused() {
    let server = Server::start();
    for bytes in [
        &b"\x04\xd2\x00\x02 and so on\r\n\r\n"[..],
        b"POST /agent/v2/hello\r\n\r\n",
        b"POST /agent/v2/hello HTTP/1.1\r\nHost here\r\n\r\n",
        b"POST /agent/v2/hello HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /agent/v2/hello HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let mut peer = server.peer();
        let answer = peer.ask(bytes);
        assert_eq!(answer.status, 400, "{answer:?}");
        drop_reads_end(peer);
    }
    assert_eq!(server.refused(5), ["header"; 5]);
    let mut peer = server.peer();
    peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    peer.closed_after();
    assert_eq!(server.refused(6), ["header"; 6]);
}

#[test]
fn what_is_wrong_first_is_said_first() {
    let server = Server::start();
    let mut peer = server.peer();
    let everything = [
        ("GET /sing HTTP/1.1", &["Origin: null"][..], "browser"),
        ("GET /sing HTTP/1.1", &[], "no_such_path"),
        ("GET /agent/v2/submit HTTP/1.1", &[], "method"),
        ("POST /agent/v2/submit HTTP/1.1", &[], "codec"),
        ("POST /agent/v2/submit HTTP/1.1", &[JSON], "hello_first"),
    ];
    for (line, headers, word) in everything {
        assert_eq!(peer.ask(&request(line, headers)).problem().1, word);
    }
    let body = post("submit", &[JSON, "Authorization: Widget stale"], b"{");
    let answer = peer.ask(&body);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (401, Some("application/json"))
    );
}

#[test]
fn bad_requests_disturb_no_good_ones() {
    let server = Server::start();
    let mut good = server.peer();
    for n in 1..50 {
        let mut bad = server.peer();
        let answer: Answer = bad.ask(&post("submit", &[JSON, &session(1)], b"{"));
        assert_eq!(answer.status, 400);
        let length = "Content-Length: 99999999";
        let answer = bad.ask(&head("submit", &[JSON, &session(1), length]));
        assert_eq!(answer.status, 413);
        assert_eq!(good.ask(&submit(n)).json(), ack(n));
    }
    assert_eq!(server.service.refused().len(), 98);
}

/// The server must have closed, and close at once when we do.
fn drop_reads_end(mut peer: Peer) {
    peer.stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap_or(());
    let took = peer.closed_after();
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}
