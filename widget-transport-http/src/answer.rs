//! [`read`]: what the answer to a request means, from a server of ours or from whatever else may
//! stand at its address.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use widget_core::codec::ErasedCodec;
use widget_core::frame::{MAX_TO_AGENT, MAX_TO_SERVER};
use widget_core::message::{Response, Work};
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::detail::{detail, line};
use crate::socket::{chain, lost};

/// The most bytes that are read of what is no answer of ours.
const MAX_PROBLEM: usize = 64 * 1024;
/// How much is reserved ahead of the bytes that came, at most.
const STEP: usize = 64 * 1024;
/// When a busy server or proxy does not say how long, and the longest that is believed.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(300);

/// A response, and whether its connection can carry more.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// It was read to its end. What stands between may have answered before it took the request.
    pub(crate) whole: bool,
}

pub(crate) async fn read(
    answer: hyper::Response<Incoming>,
    codec: &dyn ErasedCodec,
) -> Result<Answer, TransportError> {
    let (head, body) = answer.into_parts();
    if head.status == StatusCode::NO_CONTENT {
        let response = Response::Work(Work::default());
        return Ok(Answer {
            response,
            whole: true,
        });
    }
    let kind = content_type(&head.headers);
    if kind.eq_ignore_ascii_case(codec.content_type()) {
        let bytes = collect(body, MAX_TO_AGENT).await?;
        let response = codec.decode_response(&bytes).map_err(broken)?;
        return Ok(Answer {
            response,
            whole: true,
        });
    }
    let problem = kind.eq_ignore_ascii_case("application/problem+json");
    let detail = if problem {
        // The status says enough if the text does not come whole.
        let text = collect(body, MAX_PROBLEM).await.ok();
        text.and_then(|text| detail(&text))
    } else {
        None
    };
    let response = foreign(head.status, &head.headers, detail)?;
    Ok(Answer {
        response,
        whole: false,
    })
}

/// What an answer without a response in it comes to.
fn foreign(
    status: StatusCode,
    headers: &HeaderMap,
    detail: Option<String>,
) -> Result<Response, TransportError> {
    let said = || match &detail {
        Some(detail) => format!("it answers {status}: {detail}"),
        None => format!("it answers {status}"),
    };
    let closed = |why: String| TransportError::with(TransportErrorKind::Closed, why);
    Err(match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            return Ok(Response::Busy {
                retry_after_ms: retry_after_ms(headers),
            });
        }
        StatusCode::PAYLOAD_TOO_LARGE => TransportError::new(TransportErrorKind::TooLarge {
            limit: MAX_TO_SERVER,
        }),
        StatusCode::UNAUTHORIZED if asks_for_session(headers) => {
            closed(format!("the session is over; {}", said()))
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            closed(format!("no server stands behind the proxy; {}", said()))
        }
        StatusCode::REQUEST_TIMEOUT => closed(said()),
        StatusCode::NOT_FOUND => broken(format!(
            "there is no widget server at this address, or at another path of it; {}",
            said()
        )),
        _ if status.is_redirection() => broken(format!(
            "the server redirects to {}; give that address instead",
            text(headers, &LOCATION).map_or_else(|| "somewhere else".to_owned(), line)
        )),
        _ if status.is_success() => broken(format!(
            "this is no widget server: {}, with the content type {}",
            said(),
            text(headers, &CONTENT_TYPE).map_or_else(|| "none".to_owned(), line)
        )),
        _ => broken(said()),
    })
}

/// The content type without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let whole = text(headers, &CONTENT_TYPE).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim()
}

fn asks_for_session(headers: &HeaderMap) -> bool {
    let mut asked = headers.get_all(WWW_AUTHENTICATE).iter();
    asked.any(|value| {
        let word = value.as_bytes().split(|byte| *byte == b' ').next();
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"Widget"))
    })
}

/// A number of seconds. A date counts as the shortest wait: clocks need not agree.
fn retry_after_ms(headers: &HeaderMap) -> u32 {
    let seconds = text(headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    let time = seconds.map_or(RETRY, Duration::from_secs);
    u32::try_from(time.clamp(RETRY, MAX_RETRY).as_millis()).unwrap_or(u32::MAX)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Reads a body to its end; one that is longer than `limit` is given up.
async fn collect(mut body: Incoming, limit: usize) -> Result<Vec<u8>, TransportError> {
    let mut whole = Vec::new();
    let too_long = || broken(format!("an answer of more than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|e| cut(&e))?;
        // Trailers say nothing to us.
        let Ok(came) = frame.into_data() else {
            continue;
        };
        if came.len() > limit - whole.len() {
            return Err(too_long());
        }
        if whole.capacity() - whole.len() < came.len() {
            // Not doubled, as `reserve` would: what was announced may never come.
            whole.reserve_exact(came.len() + whole.len().min(STEP));
        }
        whole.extend_from_slice(&came);
    }
    Ok(whole)
}

/// Tells an answer whose end was cut off from one whose chunks are none.
fn cut(error: &hyper::Error) -> TransportError {
    let cause = error.source().and_then(|e| e.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => broken(chain(error)),
        _ => lost(error),
    }
}

pub(crate) fn broken(why: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
    TransportError::with(TransportErrorKind::Protocol, why)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn busy_after(value: Option<&'static str>) -> u32 {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        match foreign(StatusCode::SERVICE_UNAVAILABLE, &headers, None) {
            Ok(Response::Busy { retry_after_ms }) => retry_after_ms,
            other => panic!("not busy: {other:?}"),
        }
    }

    #[test]
    fn retry_after_is_between_a_second_and_five_minutes() {
        assert_eq!(busy_after(None), 1_000);
        assert_eq!(busy_after(Some("7")), 7_000);
        assert_eq!(busy_after(Some("0")), 1_000);
        assert_eq!(busy_after(Some("86400")), 300_000);
        assert_eq!(busy_after(Some("99999999999999999999")), 1_000);
        assert_eq!(busy_after(Some("Sun, 22 Nov 2026 21:00:00 GMT")), 1_000);
    }

    #[test]
    fn a_log_in_of_a_proxy_is_told_from_a_session_that_is_over() {
        let mut headers = HeaderMap::new();
        let unauthorized = |headers: &HeaderMap| {
            let error = foreign(StatusCode::UNAUTHORIZED, headers, None).unwrap_err();
            error.kind().clone()
        };
        assert_eq!(unauthorized(&headers), TransportErrorKind::Protocol);
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=x"));
        assert_eq!(unauthorized(&headers), TransportErrorKind::Protocol);
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("widget"));
        assert_eq!(unauthorized(&headers), TransportErrorKind::Closed);
    }
}
