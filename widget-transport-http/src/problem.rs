//! [`Problem`]: what the listener itself refuses, as `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::fmt::Write;

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use widget_core::codec;

pub(crate) const CONTENT_TYPE: &str = "application/problem+json";
/// What a 415 says (RFC 9110 has it for PATCH, the W3C's Linked Data Platform for POST).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// The scheme of sessions in `Authorization` and `WWW-Authenticate`.
pub(crate) const SCHEME: &str = "Widget";

#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// For programs and counters.
    pub(crate) word: &'static str,
    /// For people: what to do.
    pub(crate) detail: Cow<'static, str>,
    /// Whether the connection cannot go on.
    pub(crate) closes: bool,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        word: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            word,
            detail: detail.into(),
            closes: false,
        }
    }

    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    pub(crate) fn slow() -> Self {
        let detail = "the request did not come in time; send it again, and faster";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow", detail).closing()
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("a body may have {limit} bytes here; send less at a time");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).closing()
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    #[cfg(feature = "listener")]
    pub(crate) fn full() -> Self {
        let detail = "the server has as many connections as it takes; come back later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).closing()
    }

    /// The header that its status asks for.
    pub(crate) fn header(&self) -> Option<(HeaderName, Cow<'static, str>)> {
        match self.status {
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "POST".into())),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some((ACCEPT_POST, content_types().into())),
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, SCHEME.into())),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "1".into())),
            _ => None,
        }
    }

    pub(crate) fn body(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or_default();
        let (status, word) = (self.status.as_u16(), self.word);
        let mut out = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{word}","detail":"#
        );
        push_text(&mut out, &self.detail);
        out.push_str("}\n");
        out
    }

    /// The whole answer, for where there is no request that it could be an answer to.
    pub(crate) fn message(&self) -> String {
        let (status, body) = (self.status, self.body());
        let mut out = format!("HTTP/1.1 {status}\r\n");
        if let Some((name, value)) = self.header() {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        let length = body.len();
        let _ = write!(
            out,
            "content-type: {CONTENT_TYPE}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        out
    }
}

/// The content types that are spoken here.
pub(crate) fn content_types() -> String {
    let all: Vec<_> = codec::ALL
        .iter()
        .map(|codec| codec.content_type())
        .collect();
    all.join(", ")
}

/// Appends a JSON string.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failing assertion is what a test is for"
    )]

    use super::*;

    #[test]
    fn a_detail_may_quote_anything() {
        let detail = "a \"quote\", a \\, a line\r\nand \u{7f} \u{85} ü 🦀";
        let body = Problem::malformed(detail).body();
        assert!(body.is_ascii() || body.contains("ü 🦀"));
        for (plain, escaped) in [("\"quote\"", "\\\"quote\\\""), ("a \\,", "a \\\\,")] {
            assert!(!body.contains(plain) && body.contains(escaped), "{body}");
        }
        assert!(body.contains("line\\u000d\\u000aand \\u007f \\u0085"));
    }

    #[test]
    fn a_message_is_as_long_as_it_says() {
        let message = Problem::slow().message();
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
            "{head}"
        );
        assert!(head.contains(&format!("content-length: {}", body.len())));
    }
}
