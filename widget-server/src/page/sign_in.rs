//! Signing in with a token, and out: what a person does once, so that the browser can ask as that
//! person.

use askama::Template;
use axum::extract::Query;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use widget_core::access::{Secret, TOKEN_PREFIX};

use super::base::Site;
use super::reply::{Frame, Place, html};
use crate::access::Caller;
use crate::api::{COOKIE, Client};
use crate::handle::{SIGNED_IN, Shown};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    /// Why the last try came to nothing.
    fault: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Given {
    token: String,
    next: Option<String>,
}

pub(super) async fn ask(site: Site, Query(ask): Query<Ask>) -> Response {
    page(&site, StatusCode::OK, ask.next.as_deref(), None)
}

fn page(
    site: &Site,
    status: StatusCode,
    next: Option<&str>,
    fault: Option<&'static str>,
) -> Response {
    let page = SignInPage {
        frame: Frame::of(site, "Sign in", Place::Elsewhere),
        next: next
            .filter(|next| is_ours(next))
            .unwrap_or_default()
            .to_owned(),
        fault,
    };
    html(status, &page)
}

pub(super) async fn order(
    site: Site,
    client: Option<Extension<Client>>,
    Form(given): Form<Given>,
) -> Response {
    let next = given.next.as_deref();
    let token = given.token.trim().strip_prefix(TOKEN_PREFIX);
    let Some(secret) = token.and_then(|token| token.parse::<Secret>().ok()) else {
        let fault = "That is no token: it begins with wt1. and has 47 characters.";
        return page(&site, StatusCode::BAD_REQUEST, next, Some(fault));
    };
    match site
        .handle
        .sign_in(&secret, client.as_ref().map(|client| client.address))
        .await
    {
        Ok(pass) => {
            let next = next.filter(|next| is_ours(next));
            let home = site.base.home().to_owned();
            let address = next.map_or(home, str::to_owned);
            see(&site, address, &pass, is_secure(client))
        }
        Err(Shown::TooMany(_)) => {
            let fault = "Too many wrong tokens came from your address: wait ten seconds.";
            page(&site, StatusCode::TOO_MANY_REQUESTS, next, Some(fault))
        }
        Err(Shown::Bad | Shown::Good(..)) => {
            let fault = "This token is not good, or not any more.";
            page(&site, StatusCode::UNAUTHORIZED, next, Some(fault))
        }
        Err(Shown::Unknown) => {
            let fault = "The store does not answer, so nobody can be let in.";
            page(&site, StatusCode::SERVICE_UNAVAILABLE, next, Some(fault))
        }
    }
}

/// Forgets who it was. Whoever has the token can sign in again.
pub(super) async fn out(site: Site, client: Option<Extension<Client>>) -> Response {
    if *site.handle.caller() != Caller::nobody() {
        site.handle.signed_out().await;
    }
    let address = site.base.to("/sign-in");
    see(&site, address, "", is_secure(client))
}

fn is_secure(client: Option<Extension<Client>>) -> bool {
    client.is_some_and(|client| client.is_secure)
}

/// Goes there, with this in the cookie; empty takes it away.
fn see(site: &Site, address: String, pass: &str, is_secure: bool) -> Response {
    let age = if pass.is_empty() {
        0
    } else {
        SIGNED_IN.as_secs()
    };
    let path = site.base.to("/");
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={pass}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let headers: [(HeaderName, String); 2] = [(LOCATION, address), (SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether an address is a path on this server: a name of another one begins with two slashes, or with
/// what browsers take for that.
fn is_ours(address: &str) -> bool {
    let rest = address.strip_prefix('/');
    rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && !address.contains(char::is_control)
        && address.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_leads_to_this_server_only() {
        for good in ["/", "/agents/1?a=b#c", "/widget/tasks"] {
            assert!(is_ours(good), "{good}");
        }
        for bad in [
            "",
            "agents",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: a=b",
            "/\u{e4}",
            "javascript:alert(1)",
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}
