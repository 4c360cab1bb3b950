//! What a listener answers to requests as they should be, in whatever way HTTP lets them come.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing assertion is what a test is for"
)]

mod common;

use common::{
    BINCODE, JSON, Server, ack, bincode, command, head, json, large_work, opening, post, request,
    session, submit, submit_command, waits,
};
use widget_core::codec;
use widget_core::id::Attempt;
use widget_core::message::{
    Command, Describe, Goodbye, RefusalReason, RequestWork, Response, Update, UpdateItem, Verdict,
};
use widget_core::task::AgentEvent;
use widget_core::testkit::fixtures::{agent, epoch, task_id};
use widget_core::testkit::transport::{Answer as Says, ScriptedService};

#[test]
fn a_hello_is_welcomed_with_a_session_that_later_requests_prove_themselves_by() {
    let server = Server::start();
    let answer = server.answer_to(&post("hello", &[JSON], &opening()));
    assert_eq!(answer.status, 200);
    let Response::Welcome(mut welcome) = answer.json() else {
        panic!("{answer:?}");
    };
    let said = std::mem::take(&mut welcome.session);
    assert_eq!(welcome, ScriptedService::welcome());
    let said = format!("Authorization: Widget {said}");
    let body = json(&submit_command(7));
    let answer = server.answer_to(&post("submit", &[JSON, &said], &body));
    assert_eq!((answer.status, answer.json()), (200, ack(7)));
    let callers = server.service.callers();
    assert_eq!((callers[0].agent, callers[0].epoch), (agent(1), epoch(1)));
    assert_eq!(callers[0].origin.transport, "http");
    assert_eq!(server.service.refused(), [""; 0]);
}

#[test]
fn every_command_has_a_path_and_is_answered() {
    let server = Server::start();
    let goodbye = Goodbye {
        reason: "done".to_owned(),
        task: None,
        spool_gone: false,
    };
    let update = Update {
        items: vec![UpdateItem {
            task: task_id(1),
            attempt: Attempt(1),
            event: AgentEvent::Accept { idempotent: false },
        }],
    };
    for (asked, said) in [
        (Command::Describe(Describe::default()), Response::ACK),
        (submit_command(3), ack(3)),
        (
            Command::Update(update),
            Response::Verdicts(vec![Verdict::Ok]),
        ),
        (Command::Goodbye(goodbye), Response::ACK),
    ] {
        let answer = server.answer_to(&command(&asked));
        assert_eq!((answer.status, answer.json()), (200, said), "{asked:?}");
        assert!(answer.header("date").is_some());
    }
    let answer = server.answer_to(&large_work(2));
    assert_eq!(answer.status, 200);
    assert!(matches!(answer.bincode(), Response::Work(work) if work.tasks.len() == 2));
}

#[test]
fn every_codec_is_answered_in_itself() {
    let server = Server::start();
    for codec in codec::ALL {
        let mut body = bytes::BytesMut::new();
        codec.encode_command(&submit_command(3), &mut body).unwrap();
        let kind = format!("content-type:{} ; charset=utf-8", codec.content_type());
        let kind = kind.replace("application", "APPLICATION");
        let answer = server.answer_to(&post("submit", &[&kind, &session(1)], &body));
        assert_eq!(answer.header("content-type"), Some(codec.content_type()));
        assert_eq!(codec.decode_response(&answer.body), Ok(ack(3)));
    }
}

#[test]
fn work_that_is_empty_has_no_body() {
    let server = Server::start();
    let mut peer = server.peer();
    let answer = peer.ask(&large_work(0));
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(answer.header("content-type").is_none());
    assert_eq!(peer.ask(&submit(1)).json(), ack(1));
}

#[test]
fn busy_says_when_to_come_back_in_seconds_and_exactly() {
    let server = Server::start();
    server.service.answer_openings(Says::Busy);
    let answer = server.answer_to(&post("hello", &[JSON], &opening()));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("2"));
    let busy = Response::Busy {
        retry_after_ms: 1_234,
    };
    assert_eq!(answer.json(), busy);
}

#[test]
fn a_refused_opening_is_answered_in_the_codec() {
    let server = Server::start();
    server.service.answer_openings(Says::Refused);
    let answer = server.answer_to(&post("hello", &[JSON], &opening()));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Widget"));
    let refused = Response::Refused(ScriptedService::refusal());
    assert_eq!(answer.json(), refused);
}

#[test]
fn a_session_that_is_over_is_answered_in_the_codec_and_the_connection_goes_on() {
    let server = Server::start();
    let mut peer = server.peer();
    let stale = "Authorization: Widget of-yesterday";
    let answer = peer.ask(&post("submit", &[JSON, stale], &json(&submit_command(1))));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Widget"));
    let Response::Refused(refusal) = answer.json() else {
        panic!("{answer:?}");
    };
    assert_eq!(refusal.reason, RefusalReason::Session);
    assert!(!answer.is_last());
    assert_eq!(peer.ask(&submit(1)).json(), ack(1));
    // What the service refuses, it counts itself.
    assert_eq!(server.service.refused(), [""; 0]);
}

#[test]
fn the_scheme_of_the_session_may_be_in_any_case() {
    let server = Server::start();
    for scheme in ["widget", "WIDGET", "Widget "] {
        let said = session(1).replace("Widget", scheme);
        let answer = server.answer_to(&post("submit", &[JSON, &said], &json(&submit_command(1))));
        assert_eq!(answer.json(), ack(1));
    }
}

#[test]
fn an_unknown_message_is_unsupported_and_the_connection_goes_on() {
    let server = Server::start();
    let mut peer = server.peer();
    for path in ["describe", "request-work", "hello"] {
        let answer = peer.ask(&post(
            path,
            &[JSON, &session(1)],
            br#"{"sing": {"loud": true}}"#,
        ));
        assert_eq!((answer.status, answer.json()), (501, Response::Unsupported));
        let answer = peer.ask(&post(path, &[BINCODE, &session(1)], &[99, 1, 2]));
        assert_eq!(
            (answer.status, answer.bincode()),
            (501, Response::Unsupported)
        );
    }
    assert_eq!(peer.ask(&submit(1)).json(), ack(1));
    assert_eq!(server.service.refused(), ["unsupported"; 6]);
}

#[test]
fn an_answer_that_is_too_long_becomes_a_refusal() {
    let server = Server::start();
    let answer = server.answer_to(&large_work(15));
    assert_eq!(answer.status, 200);
    let mut peer = server.peer();
    let answer = peer.ask(&large_work(17));
    assert_eq!(answer.status, 413);
    let Response::Refused(refusal) = answer.bincode() else {
        panic!("{answer:?}");
    };
    assert_eq!(refusal.reason, RefusalReason::TooLarge);
    assert_eq!(peer.ask(&submit(1)).json(), ack(1));
}

#[test]
fn an_answer_that_the_codec_has_no_form_for_is_a_problem() {
    let server = Server::start();
    let mut peer = server.peer();
    // Its tenth task has the input 000..., which is no JSON.
    let work = RequestWork {
        room: 10,
        ..RequestWork::default()
    };
    let answer = peer.ask(&command(&Command::RequestWork(work)));
    assert_eq!(answer.problem(), (500, "unencodable"));
    assert_eq!(peer.ask(&submit(1)).json(), ack(1));
    assert_eq!(server.service.refused(), ["unencodable"]);
}

#[test]
fn a_repeated_post_gets_the_same_answer() {
    let server = Server::start();
    let mut peer = server.peer();
    let first = peer.ask(&submit(5));
    assert_eq!((first.status, first.json()), (200, ack(5)));
    let again = [peer.ask(&submit(5)), server.answer_to(&submit(5))];
    for again in again {
        assert_eq!((again.status, again.body), (200, first.body.clone()));
    }
}

#[test]
fn requests_that_stand_in_line_are_answered_in_their_order() {
    let server = Server::start();
    let mut peer = server.peer();
    let all: Vec<_> = (1..=40).flat_map(submit).collect();
    peer.send(&all);
    for n in 1..=40 {
        assert_eq!(peer.answer().json(), ack(n));
    }
    // Cut anywhere too.
    for piece in all.chunks(97) {
        peer.send(piece);
    }
    for n in 1..=40 {
        assert_eq!(peer.answer().json(), ack(n));
    }
}

#[test]
fn a_long_body_may_come_in_pieces_or_in_chunks() {
    let server = Server::start();
    let describe = Describe {
        host: "h".repeat(1_500_000),
        ..Describe::default()
    };
    let describe = Command::Describe(describe);
    let mut peer = server.peer();
    assert_eq!(peer.ask(&command(&describe)).json(), Response::ACK);
    let chunked = ["Transfer-Encoding: chunked", BINCODE, &session(1)];
    for size in [60_000, 1_400] {
        peer.send(&head("describe", &chunked));
        for chunk in bincode(&describe).chunks(size) {
            peer.send(format!("{:x};why=not\r\n", chunk.len()).as_bytes());
            peer.send(chunk);
            peer.send(b"\r\n");
        }
        peer.send(b"0\r\ntrailer: x\r\n\r\n");
        let answer = peer.answer();
        assert_eq!((answer.status, answer.bincode()), (200, Response::ACK));
    }
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = Server::start();
    let body = json(&submit_command(2));
    let length = format!("Content-Length: {}", body.len());
    let said = session(1);
    for (keep, stays) in [("X-None: 1", false), ("Connection: keep-alive", true)] {
        let headers = [JSON, &said, &length, keep];
        let mut asked = request("POST /agent/v2/submit HTTP/1.0", &headers);
        asked.extend_from_slice(&body);
        let mut peer = server.peer();
        assert_eq!(peer.ask(&asked).json(), ack(2));
        if stays {
            assert_eq!(peer.ask(&asked).json(), ack(2));
        } else {
            peer.closed_after();
        }
    }
}

#[test]
fn who_asks_to_be_told_to_go_on_is_told() {
    let server = Server::start();
    let mut peer = server.peer();
    let body = json(&submit_command(2));
    let length = format!("Content-Length: {}", body.len());
    let headers = [JSON, &session(1), &length, "Expect: 100-continue"];
    let go_on = peer.ask(&head("submit", &headers));
    assert_eq!(go_on.status, 100);
    assert_eq!(peer.ask(&body).json(), ack(2));
    // But not for what is refused anyway.
    let answer = peer.ask(&head("sing", &headers));
    assert_eq!(answer.problem(), (404, "no_such_path"));
    assert!(answer.is_last());
    peer.closed_after();
}

#[test]
fn a_client_that_goes_away_takes_its_waiting_request_along() {
    let server = Server::start();
    let (mut goes, mut stays) = (server.peer(), server.peer());
    goes.send(&waits(1));
    stays.send(&waits(2));
    server.waiting(2);
    drop(goes);
    server.waiting(1);
    server.service.release(2);
    let answer = stays.answer();
    assert!(matches!(answer.json(), Response::Work(work) if work.tasks[0].sequence == 2));
    // Also one that only says that it will send no more.
    stays.send(&waits(3));
    server.waiting(1);
    stays.stream.shutdown(std::net::Shutdown::Write).unwrap();
    server.waiting(0);
    stays.closed_after();
    assert_eq!(server.service.refused(), [""; 0]);
}

#[test]
fn a_request_that_waits_holds_up_no_other_connection() {
    let server = Server::start();
    let mut waiting: Vec<_> = (1..=20)
        .map(|room| {
            let mut peer = server.peer();
            peer.send(&waits(room));
            peer
        })
        .collect();
    server.waiting(20);
    assert_eq!(server.answer_to(&submit(1)).json(), ack(1));
    for (peer, room) in waiting.iter_mut().zip(1..) {
        server.service.release(room);
        assert_eq!(peer.answer().status, 200);
    }
    let answered_at_once = Command::RequestWork(RequestWork::default());
    assert_eq!(server.answer_to(&command(&answered_at_once)).status, 204);
}
