//! Who asks, and whether that one may: a [`Caller`] for each request, and what each route needs.
//!
//! [`know`] finds out who asks, once for each request; [`Need`] stands beside each route and lets in or
//! not. Handlers get a handle that asks for that caller ([`Asking`]), so that what they do is
//! decided on the rows that they touch.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use widget_core::access::{Role, Secret, TOKEN_PREFIX};

use super::Problem;
use crate::access::Caller;
use crate::handle::ServerHandle;

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

/// From where a request comes, past proxies that are trusted. Whoever serves the router says so in the
/// request's extensions; without it nothing is known of that.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

/// A handle for whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Asking(pub(crate) ServerHandle);

/// Nobody may be let in, and why.
#[derive(Debug, Clone, Copy)]
struct Nobody(Why);

#[derive(Debug, Clone, Copy)]
enum Why {
    /// It has shown nothing.
    NoToken,
    /// What it has shown is not good, whatever is wrong with it.
    BadToken,
    /// The store could not be asked.
    Store,
}

/// Finds out who asks. A program that knows it by itself puts a [`Caller`] into the request's extensions.
pub(super) async fn know(
    State(handle): State<ServerHandle>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<Caller>().is_none() {
        let peer = request.extensions().get::<Client>().map(|client| client.0);
        let shown = request.headers().get(header::AUTHORIZATION).cloned();
        match who(&handle, shown, peer).await {
            Ok(caller) => request.extensions_mut().insert(caller).map(drop),
            Err(why) => request.extensions_mut().insert(Nobody(why)).map(drop),
        };
    }
    next.run(request).await
}

async fn who(
    handle: &ServerHandle,
    shown: Option<HeaderValue>,
    peer: Option<IpAddr>,
) -> Result<Caller, Why> {
    let Some(shown) = shown else {
        return match handle.is_exposed() {
            true => Err(Why::NoToken),
            // Who reaches it is on its own host.
            false => Ok(Caller::near(peer)),
        };
    };
    let secret = bearer(&shown).ok_or(Why::BadToken)?;
    match handle.api_token(&secret).await {
        Ok(Ok(token)) => Ok(Caller::by_token(&token, peer)),
        Ok(Err(fault)) => {
            tracing::debug!(%fault, "a token lets nobody in");
            Err(Why::BadToken)
        }
        Err(_) => Err(Why::Store),
    }
}

/// The secret of a token in an `Authorization` header, as RFC 6750 has it.
fn bearer(value: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    token.trim().strip_prefix(TOKEN_PREFIX)?.parse().ok()
}

/// Lets a request in that has what its route needs.
pub(super) async fn check(need: Need, request: Request, next: Next) -> Response {
    let Some(role) = need.role() else {
        return next.run(request).await;
    };
    let extensions = request.extensions();
    let Some(caller) = extensions.get::<Caller>() else {
        let why = extensions.get::<Nobody>().map_or(Why::NoToken, |n| n.0);
        return refusal(why);
    };
    match caller.may(role) {
        Ok(()) => next.run(request).await,
        Err(denied) => Problem::from(denied).into_response(),
    }
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

    async fn from_request_parts(
        parts: &mut Parts,
        handle: &ServerHandle,
    ) -> Result<Self, Response> {
        // There is one where the route needs one, and where it needs none nobody asks for this.
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| refusal(Why::NoToken))?;
        Ok(Self(handle.as_caller(caller)))
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
