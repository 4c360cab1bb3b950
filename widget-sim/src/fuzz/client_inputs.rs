//! What fuzzing of an agent's side begins with: a welcome and, turn by turn, each short sample of a response.

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec, Json};
use widget_core::frame::{FrameError, GoAway, GoAwayReason, MAX_TO_AGENT, v2};
use widget_core::message::Response;
use widget_core::testkit::fuzz::Seed;
use widget_core::testkit::samples;
use widget_core::testkit::transport::ScriptedService;

use super::clients::MARK;
use super::inputs::{SHORT, by_turns};

fn in_turns(turns: &[Vec<u8>]) -> Vec<u8> {
    turns.join(MARK)
}

fn bincode(response: &Response) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode.encode_response(response, &mut out).unwrap();
    out.to_vec()
}

fn short_responses() -> Vec<(String, Response)> {
    let all = samples::responses().into_iter().enumerate();
    let named = all.map(|(at, response)| (format!("response-{at}"), response));
    let is_short = |(_, response): &(String, Response)| bincode(response).len() <= SHORT;
    named.filter(is_short).collect()
}

pub(super) fn tcp_seeds() -> Vec<Seed> {
    let framed = |request, payload: &[u8]| {
        let mut out = BytesMut::new();
        let head = (Bincode.id(), v2::Kind::Response, request);
        let written: Result<(), FrameError> = v2::encode(&mut out, head, MAX_TO_AGENT, |out| {
            out.extend_from_slice(payload);
            Ok(())
        });
        written.unwrap();
        out.to_vec()
    };
    let mut bye = BytesMut::new();
    let said = GoAway {
        reason: GoAwayReason::Stopping,
        codecs: vec![1],
        text: "later".to_owned(),
    };
    said.encode(&mut bye).unwrap();
    let welcome = framed(0, &bincode(&Response::Welcome(ScriptedService::welcome())));
    let ack = bincode(&Response::ACK);
    let mut inputs = vec![
        ("nothing".to_owned(), Vec::new()),
        (
            "foreign".to_owned(),
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        ),
        ("go-away".to_owned(), bye.to_vec()),
        ("welcome".to_owned(), welcome.clone()),
        (
            "go-away-later".to_owned(),
            in_turns(&[welcome.clone(), bye.to_vec()]),
        ),
        (
            "none-asked".to_owned(),
            [&welcome[..], &framed(77, &ack)].concat(),
        ),
        (
            "backwards".to_owned(),
            in_turns(&[
                welcome.clone(),
                [3, 2, 1].map(|request| framed(request, &ack)).concat(),
            ]),
        ),
    ];
    for (name, response) in short_responses() {
        let payload = bincode(&response);
        let answers = [1, 2, 3, 4].map(|request| framed(request, &payload));
        let turns = [&[welcome.clone()][..], &answers].concat();
        inputs.push((format!("{name}-first"), framed(0, &payload)));
        inputs.push((name, in_turns(&turns)));
    }
    by_turns(inputs)
}

pub(super) fn http_seeds() -> Vec<Seed> {
    let answer = |status: &str, kind: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let (binary, text) = (Bincode.content_type(), Json.content_type());
    let mut welcomed = ScriptedService::welcome();
    welcomed.session = "x".repeat(118);
    let welcomed = bincode(&Response::Welcome(welcomed));
    let welcome = answer("200 OK", binary, &welcomed);
    let problem = br#"{"type":"about:blank","title":"no","status":401,"code":"session","detail":"say hello"}"#;
    let chunked =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {binary}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let length = format!("{:x}\r\n", welcomed.len());
    let chunked = [
        chunked.as_bytes(),
        length.as_bytes(),
        &welcomed,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let closing = welcome_with(&welcome, "Connection: close\r\n");
    let page = answer("502 Bad Gateway", "text/html", b"<h1>no</h1>");
    let mut inputs = vec![
        ("nothing".to_owned(), Vec::new()),
        ("foreign".to_owned(), b"SSH-2.0-x\r\n".to_vec()),
        ("welcome".to_owned(), welcome.clone()),
        ("chunked".to_owned(), chunked),
        (
            "until-the-end".to_owned(),
            b"HTTP/1.0 200 OK\r\n\r\nabc".to_vec(),
        ),
        (
            "no-tasks".to_owned(),
            in_turns(&[
                welcome.clone(),
                b"HTTP/1.1 204 No Content\r\n\r\n".repeat(4),
            ]),
        ),
        (
            "closing".to_owned(),
            in_turns(&[closing, answer("200 OK", text, b"{\"ack\":{}}")]),
        ),
        ("page".to_owned(), page.clone()),
        ("page-later".to_owned(), in_turns(&[welcome.clone(), page])),
        (
            "busy".to_owned(),
            b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        (
            "moved".to_owned(),
            b"HTTP/1.1 308 Moved\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ),
        (
            "interim".to_owned(),
            [
                &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"[..],
                &welcome,
            ]
            .concat(),
        ),
        (
            "problem".to_owned(),
            in_turns(&[
                welcome.clone(),
                answer("401 Unauthorized", "application/problem+json", problem),
            ]),
        ),
    ];
    for (name, response) in short_responses() {
        let one = answer("200 OK", binary, &bincode(&response));
        inputs.push((format!("{name}-first"), one.clone()));
        let turns = [&[welcome.clone()][..], &vec![one; 4]].concat();
        inputs.push((name, in_turns(&turns)));
    }
    by_turns(inputs)
}

/// An answer with one more line in its head.
fn welcome_with(answer: &[u8], line: &str) -> Vec<u8> {
    let end = b"HTTP/1.1 200 OK\r\n".len();
    [&answer[..end], line.as_bytes(), &answer[end..]].concat()
}
