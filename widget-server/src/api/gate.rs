//! Who asks, and whether that one may: a [`Caller`] for each request, and what each route needs.
//!
//! [`know`] finds out who asks, once for each request; [`Need`] stands beside each route and lets in or
//! not. Handlers get a handle that asks for that caller ([`Asking`]), so that what they do is
//! decided on the rows that they touch.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use widget_core::access::{Role, Secret, TOKEN_PREFIX};
use widget_core::transport::Place;

use super::{Problem, guard};
use crate::access::{Caller, Denied};
use crate::handle::{ServerHandle, Shown};
use crate::page::encode;

/// What a route needs of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it says nothing about anybody.
    Open,
    /// To look.
    View,
    /// To send and cancel tasks.
    Operate,
    /// All.
    Admin,
}

impl Need {
    /// The least role that it is.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::View => Some(Role::Viewer),
            Self::Operate => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
        }
    }
}

/// The cookie that keeps who has signed in.
pub(crate) const COOKIE: &str = "widget";

/// From where a request comes, past proxies that are trusted. Whoever serves the router says so in the
/// request's extensions; without it nothing is known of that.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// The address of its host.
    pub address: IpAddr,
    /// Whether it came over TLS, all of the way.
    pub is_secure: bool,
}

/// A handle for whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Asking(pub(crate) ServerHandle);

/// Nobody may be let in, and why; where it comes from and the handle that counts it.
#[derive(Debug, Clone)]
struct Nobody {
    why: Why,
    peer: Option<IpAddr>,
    handle: ServerHandle,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    /// It has shown nothing.
    NoToken,
    /// What it has shown is not good, whatever is wrong with it.
    BadToken,
    /// Too many wrong ones came from there.
    TooMany(Duration),
    /// The store could not be asked.
    Store,
}

/// Finds out who asks. A program that knows it by itself puts a [`Caller`] into the request's extensions.
pub(super) async fn know(
    State(handle): State<ServerHandle>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Client>();
    let peer = peer.map(|client| client.address);
    let caller = match request.extensions().get::<Caller>() {
        Some(caller) => Ok(caller.clone()),
        None => {
            let caller = who(&handle, Shows::of(&request), peer).await;
            let place = request.extensions().get::<Arc<Place>>();
            if let Some(place) = place.filter(|_| caller.is_ok()) {
                place.prove();
            }
            caller
        }
    };
    let extensions = request.extensions_mut();
    match caller {
        Ok(caller) => {
            extensions.insert(Asking(handle.as_caller(caller.clone())));
            extensions.insert(caller);
        }
        Err(why) => {
            extensions.insert(Nobody { why, peer, handle });
        }
    }
    next.run(request).await
}

/// What a request shows for whoever asks.
enum Shows {
    Nothing,
    Token(Option<Secret>),
    Pass(String),
}

impl Shows {
    /// A token counts before what a browser keeps. That counts for changes only if the browser says that they
    /// come from this server's own page.
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        if let Some(shown) = headers.get(header::AUTHORIZATION) {
            return Self::Token(bearer(shown));
        }
        match cookie(headers) {
            Some(pass) if request.method().is_safe() || guard::is_own_page(headers) => {
                Self::Pass(pass)
            }
            _ => Self::Nothing,
        }
    }
}

async fn who(handle: &ServerHandle, shows: Shows, peer: Option<IpAddr>) -> Result<Caller, Why> {
    let shown = match shows {
        // Whoever reaches it is on its own host, and what is no token of ours is the business of a program that has the router inside.
        Shows::Nothing | Shows::Pass(_) | Shows::Token(None) if !handle.is_exposed() => {
            return Ok(Caller::near(peer));
        }
        Shows::Nothing => return Err(Why::NoToken),
        Shows::Token(None) => return Err(Why::BadToken),
        Shows::Token(Some(secret)) => handle.shown(&secret, peer).await,
        Shows::Pass(pass) => match handle.shown_again(&pass, peer).await {
            // It was good once: then it is time to sign in again.
            Shown::Bad => return Err(Why::NoToken),
            other => other,
        },
    };
    match shown {
        Shown::Good(caller, _) => Ok(caller),
        Shown::Bad => Err(Why::BadToken),
        Shown::TooMany(wait) => Err(Why::TooMany(wait)),
        Shown::Unknown => Err(Why::Store),
    }
}

/// What the browser keeps, out of `Cookie` headers as RFC 6265 has them.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter();
    let mut pairs = all
        .filter_map(|one| one.to_str().ok())
        .flat_map(|one| one.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then(|| value.to_owned())
    })
}

/// The secret of a token in an `Authorization` header, as RFC 6750 has it.
fn bearer(value: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    token.trim().strip_prefix(TOKEN_PREFIX)?.parse().ok()
}

/// Lets a request in that has what its route needs. Who is not allowed what it asks for, here or by what is
/// behind, is written down.
pub(super) async fn check(
    (route, need): ((&'static str, &'static str), Need),
    request: Request,
    next: Next,
) -> Response {
    let Some(role) = need.role() else {
        return next.run(request).await;
    };
    let Some(Asking(handle)) = request.extensions().get::<Asking>().cloned() else {
        let nobody = request.extensions().get::<Nobody>();
        let why = nobody.map_or(Why::NoToken, |nobody| nobody.why);
        return sign_in(why, &request).unwrap_or_else(|| {
            // What is shown and not good is counted where it is looked at.
            if let (Why::NoToken, Some(nobody)) = (why, nobody) {
                nobody.handle.count_refused("no_token", nobody.peer);
            }
            refusal(why)
        });
    };
    let path = request.uri().path().to_owned();
    let response = match handle.caller().may(role) {
        Ok(()) => next.run(request).await,
        Err(denied) => Problem::from(denied).into_response(),
    };
    if let Some(denied) = response.extensions().get::<Denied>() {
        handle.was_denied(route, &path, *denied).await;
    }
    response
}

/// Where a person who looks at the page goes instead.
fn sign_in(why: Why, request: &Request) -> Option<Response> {
    let accept = request.headers().get(header::ACCEPT)?.to_str().ok()?;
    let path = request.uri().path();
    let is_page = request.method().is_safe()
        && accept.contains("text/html")
        && !path.starts_with("/api/")
        && matches!(why, Why::NoToken);
    if !is_page {
        return None;
    }
    let asked = request.extensions().get::<OriginalUri>();
    let asked = asked.map_or(path, |asked| asked.0.path());
    let base = asked.strip_suffix(path).unwrap_or_default();
    // A path may have any bytes, and a header may not.
    let to = format!("{base}/sign-in?next={}", encode(asked));
    Some((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

fn refusal(why: Why) -> Response {
    let (code, detail) = match why {
        Why::NoToken => (
            "sign_in_first",
            "this server wants to know who asks: send `Authorization: Bearer TOKEN`, with a token \
             that `widgetctl token create` has printed",
        ),
        Why::BadToken => (
            "bad_token",
            "this token is not good, or not any more: make a new one with `widgetctl token create`",
        ),
        Why::TooMany(wait) => {
            let detail = "too many wrong tokens came from this address";
            let mut response =
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", detail)
                    .into_response();
            let wait = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            return response;
        }
        Why::Store => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "who asks cannot be looked up",
            )
            .into_response();
        }
    };
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, code, detail).into_response();
    let bearer = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    response
}

impl FromRequestParts<ServerHandle> for Asking {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &ServerHandle) -> Result<Self, Response> {
        // There is one where the route needs one, and where it needs none nobody asks for this.
        let asking = parts.extensions.get::<Self>().cloned();
        asking.ok_or_else(|| refusal(Why::NoToken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_of_this_kind_is_one() {
        let text = Secret::from_bytes([7; 32]).text();
        let is_read = |value: &str| bearer(&value.parse().unwrap()).is_some();
        assert!(is_read(&format!("Bearer wt1.{text}")));
        assert!(is_read(&format!("bearer  wt1.{text}")));
        for other in [
            text.clone(),
            format!("Bearer {text}"),
            format!("Bearer wa1.{text}"),
            format!("Basic wt1.{text}"),
            format!("Bearer wt1.{text}A"),
            "Bearer".to_owned(),
        ] {
            assert!(!is_read(&other), "{other}");
        }
    }
}
