//! [`answer`]: what one request comes to, from its head to the answer.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use widget_core::codec::{CodecError, ErasedCodec};
use widget_core::frame::{MAX_OPENING, MAX_TO_SERVER};
use widget_core::message::{Command, RefusalReason, Response};
use widget_core::transport::{Peer, Rejection};

use crate::body::read;
use crate::head::{Asked, Sent, What, look, session_in};
use crate::line::{Line, Phase};
use crate::problem::Problem;
use crate::reply::{Reply, close_after, refuse, reply};

/// The longest body of a refused request that is read all the same, so that the connection can go
/// on, in bytes.
const SPARED: usize = 4 * 1024;
/// The longest text of a codec that is passed on, in bytes.
const MAX_TEXT: usize = 300;

/// Answers a request. Dropping the future drops the service's call.
// No `async fn`: the head would live as long as the answer takes.
pub(crate) fn answer(
    line: Arc<Line>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Reply, Infallible>> + Send {
    let (asked, sent) = look(&line, request);
    line.enter(Phase::Call);
    async move {
        let mut sent = Some(sent);
        let reply = match asked {
            Ok(asked) => exchange(&line, asked, &mut sent).await,
            Err(problem) => Err(problem),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(problem) => refused(&line, problem, &mut sent).await,
        };
        line.enter(Phase::Answer);
        Ok(reply)
    }
}

/// What was sent is taken when it is read: while a request waits, it is gone.
async fn exchange(line: &Line, asked: Asked, sent: &mut Option<Sent>) -> Result<Reply, Problem> {
    let Asked {
        codec,
        what,
        client,
    } = asked;
    let response = match what {
        What::Opening(name) => {
            // On the heap and gone before a connection's long life of waiting: what one future
            // needs for a moment, it keeps for as long as it lives.
            Box::pin(open(line, client, (codec, name), sent)).await?
        }
        What::Command(name, session) => match resume(line, client, session).await {
            Ok(peer) => match command(line, codec, name, sent).await? {
                Some(command) => line.service.call(&peer, command).await,
                None => unsupported(line),
            },
            Err(rejected) => {
                let mut reply = reply(codec, &rejected)?;
                // It may have been an agent's until now, and is none any more.
                let is_over = matches!(
                    &rejected,
                    Response::Refused(refusal) if refusal.reason == RefusalReason::Replaced
                );
                if !spare(line, sent).await || is_over {
                    close_after(&mut reply);
                }
                return Ok(reply);
            }
        },
    };
    reply(codec, &response)
}

async fn open(
    line: &Line,
    client: Option<IpAddr>,
    (codec, name): (&dyn ErasedCodec, &str),
    sent: &mut Option<Sent>,
) -> Result<Response, Problem> {
    let whole = read(line, sent, MAX_OPENING).await?;
    let opening = match codec.decode_opening(whole.as_ref()) {
        Ok(opening) if opening.name() == name => opening,
        Ok(opening) => return Err(wrong_path(opening.name())),
        Err(CodecError::UnknownVariant(_)) => {
            if let Ok(command) = codec.decode_command(whole.as_ref()) {
                return Err(wrong_path(command.name()));
            }
            // A newer way to begin: the agent may know an older one.
            return Ok(unsupported(line));
        }
        Err(error) => return Err(unreadable(&error)),
    };
    drop(whole);
    line.enter(Phase::Call);
    let welcomed = async {
        let origin = line.origin_of(client);
        let (peer, mut welcome) = line.service.open(&origin, opening).await?;
        welcome.session = line.service.session(&peer).await?;
        line.prove();
        Ok::<_, Rejection>(Response::Welcome(welcome))
    };
    Ok(welcomed.await.unwrap_or_else(Response::from))
}

/// The peer that the session proves.
async fn resume(
    line: &Line,
    client: Option<IpAddr>,
    session: HeaderValue,
) -> Result<Peer, Response> {
    let origin = line.origin_of(client);
    let session = session_in(&session).unwrap_or_default();
    let resumed = line.service.resume(&origin, session).await;
    resumed.inspect(|_| line.prove()).map_err(Response::from)
}

/// The command in the body; `None` if it is of a kind that only a newer version knows.
async fn command(
    line: &Line,
    codec: &dyn ErasedCodec,
    name: &str,
    sent: &mut Option<Sent>,
) -> Result<Option<Command>, Problem> {
    let whole = read(line, sent, MAX_TO_SERVER).await?;
    line.enter(Phase::Call);
    match codec.decode_command(whole.as_ref()) {
        Ok(command) if command.name() == name => Ok(Some(command)),
        Ok(command) => Err(wrong_path(command.name())),
        Err(CodecError::UnknownVariant(_)) => match codec.decode_opening(whole.as_ref()) {
            Ok(opening) => {
                let detail = format!("this is an opening; send it to {}", opening.name());
                Err(Problem::malformed(detail))
            }
            Err(_) => Ok(None),
        },
        Err(error) => Err(unreadable(&error)),
    }
}

/// The answer to what is refused here, after the rest of the request if that is short.
async fn refused(line: &Line, mut problem: Problem, sent: &mut Option<Sent>) -> Reply {
    line.count(problem.word, &problem.detail);
    if problem.closes {
        line.refuse_rest();
    } else if !spare(line, sent).await {
        problem = problem.closing();
    }
    refuse(&problem)
}

/// Reads away what is left of a request, if it is short. Otherwise the connection cannot go on.
async fn spare(line: &Line, sent: &mut Option<Sent>) -> bool {
    let is_over = |sent: &Sent| sent.body.is_end_stream();
    if sent.as_ref().is_none_or(is_over) {
        return true;
    }
    // Who waits to be asked for a body, is not asked for one that nobody wants.
    let waits = sent.as_ref().is_some_and(|sent| sent.waits);
    let is_read = !waits && read(line, sent, SPARED).await.is_ok();
    if !is_read {
        line.refuse_rest();
    }
    is_read
}

/// The answer to what only a newer version knows.
fn unsupported(line: &Line) -> Response {
    line.count("unsupported", "a message of a kind that is not known here");
    Response::Unsupported
}

fn wrong_path(belongs: &str) -> Problem {
    let detail = format!("this is another message; send it to {belongs}");
    Problem::new(StatusCode::BAD_REQUEST, "wrong_path", detail)
}

fn unreadable(error: &CodecError) -> Problem {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    Problem::malformed(text)
}
