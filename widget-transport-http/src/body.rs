//! [`read`]: the body of a request, within a limit, while its time runs.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};

use crate::head::Sent;
use crate::line::{Line, Phase};
use crate::problem::Problem;

/// How much is reserved ahead of the bytes that came, at most.
const STEP: usize = 32 * 1024;

/// A whole body.
#[derive(Debug)]
pub(crate) enum Whole {
    /// It came in one piece, which is hyper's own.
    One(Bytes),
    Many(Vec<u8>),
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }
}

/// Takes it and reads it to its end. A longer one is refused when it says so, or as soon as it
/// shows.
pub(crate) async fn read(
    line: &Line,
    sent: &mut Option<Sent>,
    limit: usize,
) -> Result<Whole, Problem> {
    let mut whole = Whole::One(Bytes::new());
    let Some(Sent { mut body, .. }) = sent.take() else {
        return Ok(whole);
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    line.enter(Phase::Body);
    while !body.is_end_stream() {
        let Some(came) = next(line, &mut body).await? else {
            break;
        };
        line.add_moved(came.len());
        if came.len() > limit.saturating_sub(whole.as_ref().len()) {
            return Err(Problem::too_large(limit));
        }
        whole = add(whole, came);
    }
    Ok(whole)
}

fn add(whole: Whole, came: Bytes) -> Whole {
    match whole {
        Whole::One(first) if first.is_empty() => Whole::One(came),
        Whole::One(first) => add(Whole::Many(first.to_vec()), came),
        Whole::Many(mut bytes) => {
            if bytes.capacity() - bytes.len() < came.len() {
                // Not doubled, as `reserve` would: what a peer claims may never come.
                let ahead = bytes.len().min(STEP);
                bytes.reserve_exact(came.len() + ahead);
            }
            bytes.extend_from_slice(&came);
            Whole::Many(bytes)
        }
    }
}

/// The next piece, or `None` at the end.
async fn next(line: &Line, body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = poll_fn(|cx| {
            if line.is_late() {
                return Poll::Ready(Err(Problem::slow()));
            }
            Pin::new(&mut *body).poll_frame(cx).map(Ok)
        });
        match frame.await? {
            None => return Ok(None),
            // Trailers say nothing to us.
            Some(Ok(frame)) => {
                if let Ok(came) = frame.into_data() {
                    return Ok(Some(came));
                }
            }
            Some(Err(error)) => return Err(broken(&error)),
        }
    }
}

/// The body broke off, or its chunks are none.
fn broken(error: &hyper::Error) -> Problem {
    let cause = error.source().and_then(|e| e.downcast_ref::<io::Error>());
    if cause.is_none_or(|cause| cause.kind() == io::ErrorKind::UnexpectedEof) {
        let detail = "the connection ended within a body; send it again";
        return Problem::new(StatusCode::BAD_REQUEST, "cut", detail).closing();
    }
    Problem::malformed("the chunks of the body cannot be read; see RFC 9112, section 7.1").closing()
}
