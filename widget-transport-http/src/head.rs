//! [`Asked`]: what the head of a request asks for, or why it is refused unread.

use std::net::{IpAddr, SocketAddr};

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use widget_core::codec::{self, ErasedCodec};

use crate::line::Line;
use crate::paths::ROOT;
use crate::problem::{self, Problem, SCHEME};
use crate::takes::{COMMANDS, OPENINGS, Takes};

/// In which proxies say for whom they ask.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A request that may be answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) codec: &'static dyn ErasedCodec,
    pub(crate) what: What,
    /// The client for which a proxy asks.
    pub(crate) client: Option<IpAddr>,
}

#[derive(Debug)]
pub(crate) enum What {
    /// An opening of this name.
    Opening(&'static str),
    /// A command of this name, and the session that goes with it.
    Command(&'static str, HeaderValue),
}

/// A body, and whether its sender waits to be asked for it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) body: Incoming,
    pub(crate) waits: bool,
}

/// Looks at a head and lets go of it: only what is asked for is kept.
pub(crate) fn look(line: &Line, request: Request<Incoming>) -> (Result<Asked, Problem>, Sent) {
    let asked = ask(line, &request);
    let waits = request.headers().contains_key(EXPECT);
    let body = request.into_body();
    (asked, Sent { body, waits })
}

fn ask(line: &Line, request: &Request<Incoming>) -> Result<Asked, Problem> {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        let detail = "this is for agents; a page in a browser may not use it";
        return Err(Problem::new(StatusCode::FORBIDDEN, "browser", detail));
    }
    let takes = Takes::at(request.uri().path()).ok_or_else(no_such_path)?;
    if request.method() != Method::POST {
        let detail = "every path is for POST only";
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            detail,
        ));
    }
    let said = headers
        .get(CONTENT_TYPE)
        .and_then(|said| said.to_str().ok());
    let codec = said
        .and_then(codec::by_content_type)
        .ok_or_else(unknown_codec)?;
    let what = match takes {
        Takes::Opening(name) => What::Opening(name),
        Takes::Command(name) => What::Command(name, session(headers).ok_or_else(hello_first)?),
    };
    Ok(Asked {
        codec,
        what,
        client: client(line, headers),
    })
}

/// The client for which a proxy of this server's asks. Each proxy adds to what was there, in the same
/// header or in one more.
fn client(line: &Line, headers: &HeaderMap) -> Option<IpAddr> {
    let proxies = line.limits.proxies.as_deref()?;
    let peer: SocketAddr = line.origin.address.parse().ok()?;
    let said = headers.get_all(FORWARDED_FOR).into_iter();
    let said: Vec<_> = said.map(|said| said.to_str().unwrap_or("?")).collect();
    let client = proxies.client_of(peer.ip(), Some(&said.join(",")));
    (client != peer.ip().to_canonical()).then_some(client)
}

/// The header that carries a readable session.
fn session(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(AUTHORIZATION)?;
    session_in(value).map(|_| value.clone())
}

/// The session in an `Authorization` header.
pub(crate) fn session_in(value: &HeaderValue) -> Option<&str> {
    let (scheme, session) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then_some(session.trim_start())
}

fn no_such_path() -> Problem {
    let known: Vec<_> = OPENINGS
        .iter()
        .chain(COMMANDS)
        .map(|word| format!("{ROOT}{word}"))
        .collect();
    let detail = format!("the paths are {}", known.join(", "));
    Problem::new(StatusCode::NOT_FOUND, "no_such_path", detail)
}

fn unknown_codec() -> Problem {
    let known = problem::content_types();
    let detail = format!("the content types that are read here are {known}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "codec", detail)
}

fn hello_first() -> Problem {
    let detail = "say hello first, then send the session of the welcome with each request: \
                  `Authorization: Widget <session>`";
    Problem::new(StatusCode::UNAUTHORIZED, "hello_first", detail)
}
