//! What goes out: a [`Response`] of the service or a [`Problem`] as an answer of HTTP, in one piece.

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{StatusCode, header};
use widget_core::codec::{CodecError, ErasedCodec};
use widget_core::frame::MAX_TO_AGENT;
use widget_core::message::{RefusalReason, Response};

use crate::problem::{self, Problem, SCHEME};

/// An answer of HTTP, whose length hyper sees and says.
pub(crate) type Reply = hyper::Response<Full<Bytes>>;

/// The answer in the codec of the request.
pub(crate) fn reply(codec: &dyn ErasedCodec, response: &Response) -> Result<Reply, Problem> {
    if matches!(response, Response::Work(work) if work.is_empty()) {
        let mut reply = Reply::default();
        *reply.status_mut() = StatusCode::NO_CONTENT;
        return Ok(reply);
    }
    let mut body = BytesMut::new();
    codec
        .encode_response(response, &mut body)
        .map_err(|error| unencodable(codec, &error))?;
    if body.len() > MAX_TO_AGENT {
        let text = format!(
            "the answer has {} bytes, but at most {MAX_TO_AGENT} can be sent",
            body.len()
        );
        // Far below the limit.
        return reply(codec, &Response::refused(RefusalReason::TooLarge, text));
    }
    let mut reply = Reply::new(Full::new(body.freeze()));
    let status = status_of(response);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(codec.content_type()));
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static(SCHEME);
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    if let Response::Busy { retry_after_ms } = response {
        let secs = retry_after_ms.div_ceil(1_000).max(1);
        headers.insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    Ok(reply)
}

/// The answer that says a problem.
pub(crate) fn refuse(problem: &Problem) -> Reply {
    let mut reply = Reply::new(Full::new(problem.body().into()));
    *reply.status_mut() = problem.status;
    let json = HeaderValue::from_static(problem::CONTENT_TYPE);
    reply.headers_mut().insert(CONTENT_TYPE, json);
    if let Some((name, value)) = problem.header() {
        insert(&mut reply, name, &value);
    }
    if problem.closes {
        close_after(&mut reply);
    }
    reply
}

/// Says that the connection ends with this answer.
pub(crate) fn close_after(reply: &mut Reply) {
    let close = HeaderValue::from_static("close");
    reply.headers_mut().insert(CONNECTION, close);
}

fn insert(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

fn status_of(response: &Response) -> StatusCode {
    match response {
        Response::Welcome(_)
        | Response::Ack { .. }
        | Response::Work(_)
        | Response::Verdicts(_)
        | Response::Assigned(_) => StatusCode::OK,
        Response::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Response::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Response::Refused(refusal) => match refusal.reason {
            RefusalReason::Version => StatusCode::BAD_REQUEST,
            RefusalReason::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalReason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalReason::Credential | RefusalReason::Replaced | RefusalReason::Session => {
                StatusCode::UNAUTHORIZED
            }
        },
    }
}

fn unencodable(codec: &dyn ErasedCodec, error: &CodecError) -> Problem {
    let detail = format!("{error}; ask in another codec than {}", codec.name());
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unencodable", detail)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failing assertion is what a test is for"
    )]

    use widget_core::codec::Bincode;

    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        for (reason, status, scheme) in [
            (RefusalReason::Version, 400, None),
            (RefusalReason::Credential, 401, Some("Widget")),
            (RefusalReason::Replaced, 401, Some("Widget")),
            (RefusalReason::Session, 401, Some("Widget")),
            (RefusalReason::TooLarge, 413, None),
            (RefusalReason::Invalid, 422, None),
        ] {
            let reply = reply(&Bincode, &Response::refused(reason, "no")).unwrap();
            assert_eq!(reply.status(), status, "{reason:?}");
            let said = reply.headers().get(header::WWW_AUTHENTICATE);
            assert_eq!(said.map(|said| said.to_str().unwrap()), scheme);
        }
    }

    #[test]
    fn busy_is_rounded_up_to_at_least_a_second() {
        for (retry_after_ms, secs) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let reply = reply(&Bincode, &Response::Busy { retry_after_ms }).unwrap();
            assert_eq!(reply.status(), 503);
            assert_eq!(reply.headers().get(RETRY_AFTER).unwrap(), secs);
        }
    }
}
