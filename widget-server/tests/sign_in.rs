//! Signing in on the page: what the browser keeps, what it is good for, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;
use widget_core::access::{Role, Scope, Secret};
use widget_core::id::StoreEpoch;
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{AuditQuery, MemoryStore, Purpose};
use widget_server::api::Client;
use widget_server::{HostRules, Server, ServerHandle, TokenRequest, router};

struct Exposed {
    app: Router,
    handle: ServerHandle,
}

const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
const HTML: (&str, &str) = ("accept", "text/html");

impl Exposed {
    fn new() -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
        let server = Server::builder(runtime, store.into()).expose().build();
        let handle = server.handle();
        let app = router(handle.clone(), HostRules::default());
        Self { app, handle }
    }

    async fn token(&self) -> String {
        let purpose = Purpose::Api {
            role: Role::Admin,
            scope: Scope::default(),
        };
        let request = TokenRequest {
            purpose,
            name: "alice".to_owned(),
            ttl: None,
        };
        let (secret, _) = self.handle.create_token(request).await.unwrap();
        format!("wt1.{}", secret.text())
    }

    async fn ask(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        form: Option<String>,
    ) -> (StatusCode, HeaderMap) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match form {
            Some(form) => {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                Body::from(form)
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Client {
            address: IpAddr::from([192, 0, 2, 7]),
            is_secure: true,
        });
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (head, _) = answer.into_parts();
        (head.status, head.headers)
    }

    async fn sign_in(&self, token: &str, next: &str) -> (StatusCode, HeaderMap) {
        let form = format!("token={token}&next={next}");
        self.ask(("POST", "/sign-in"), &[SAME], Some(form)).await
    }
}

fn said<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// What a browser sends back of a cookie.
fn kept(headers: &HeaderMap) -> String {
    let cookie = said(headers, "set-cookie");
    cookie.split_once(';').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_person_is_led_to_the_form_and_back() {
    let server = Exposed::new();
    let (status, headers) = server.ask(("GET", "/tasks"), &[HTML], None).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(said(&headers, "location"), "/sign-in?next=/tasks");
    let token = server.token().await;
    let (status, headers) = server.sign_in(&token, "/tasks").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(said(&headers, "location"), "/tasks");
    let cookie = said(&headers, "set-cookie");
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Secure",
        "; Path=/;",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains(&token[4..]));
    let kept = kept(&headers);
    for path in ["/", "/tasks", "/audit", "/api/v1/agents"] {
        let (status, _) = server.ask(("GET", path), &[("cookie", &kept)], None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_program_is_told_and_not_led() {
    let server = Exposed::new();
    for (path, headers) in [("/api/v1/agents", &[HTML][..]), ("/tasks", &[])] {
        let (status, _) = server.ask(("GET", path), headers, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn what_the_browser_keeps_changes_things_only_for_this_servers_own_page() {
    let server = Exposed::new();
    let token = server.token().await;
    let kept = kept(&server.sign_in(&token, "/").await.1);
    let cookie = ("cookie", kept.as_str());
    let post = ("POST", "/api/v1/tokens");
    let json = ("content-type", "application/json");
    let (status, _) = server.ask(post, &[cookie, json], None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let cross = ("sec-fetch-site", "cross-site");
    let (status, _) = server.ask(post, &[cookie, json, cross], None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // There is no body, which is another matter.
    let (status, _) = server.ask(post, &[cookie, json, SAME], None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_token_that_is_revoked_is_out_with_what_the_browser_keeps() {
    let server = Exposed::new();
    let token = server.token().await;
    let kept = kept(&server.sign_in(&token, "/").await.1);
    assert!(server.handle.revoke_token(1).await.unwrap());
    let (status, _) = server
        .ask(("GET", "/"), &[("cookie", &kept), HTML], None)
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = server.sign_in(&token, "/").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_takes_it_away_and_both_are_in_the_audit_list() {
    let server = Exposed::new();
    let token = server.token().await;
    // Within a minute it is no news, so that nobody fills the list.
    server.sign_in(&token, "/").await;
    let kept = kept(&server.sign_in(&token, "/").await.1);
    let headers = [("cookie", kept.as_str()), SAME];
    let (status, headers) = server
        .ask(("POST", "/sign-out"), &headers, Some(String::new()))
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(said(&headers, "set-cookie").contains("widget=; Path=/; Max-Age=0"));
    let query = AuditQuery {
        limit: 9,
        ..AuditQuery::default()
    };
    let entries = server.handle.audit(&query).await.unwrap().entries;
    let words: Vec<_> = entries
        .iter()
        .map(|row| {
            (
                row.entry.action.to_string(),
                row.entry.who.clone(),
                row.entry.peer.clone(),
            )
        })
        .collect();
    let one = |action: &str| {
        (
            action.to_owned(),
            "token:alice".to_owned(),
            "192.0.2.7".to_owned(),
        )
    };
    assert_eq!(words[..2], [one("sign_out"), one("sign_in")]);
    assert!(!words[2..].contains(&one("sign_in")));
}

#[tokio::test]
async fn a_way_on_to_another_server_is_not_taken() {
    let server = Exposed::new();
    let token = server.token().await;
    for next in ["//evil.example", "https://evil.example", "/%5Cevil.example"] {
        let (_, headers) = server.sign_in(&token, next).await;
        assert_eq!(said(&headers, "location"), "/", "{next}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_guesses_has_to_wait() {
    let server = Exposed::new();
    let guess = |n: u8| format!("wt1.{}", Secret::from_bytes([n; 32]).text());
    for n in 0..10 {
        let (status, _) = server.sign_in(&guess(n), "/").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let token = server.token().await;
    let (status, _) = server.sign_in(&token, "/").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let (status, headers_back) = server.ask(("GET", "/api/v1/agents"), &headers, None).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!said(&headers_back, "retry-after").is_empty());
    tokio::time::advance(Duration::from_secs(11)).await;
    let (status, _) = server.ask(("GET", "/api/v1/agents"), &headers, None).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_cookie_is_nobody() {
    let server = Exposed::new();
    for cookie in ["widget=x", "widget=", "other=1", "widget"] {
        let (status, _) = server
            .ask(("GET", "/"), &[("cookie", cookie), HTML], None)
            .await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{cookie}");
    }
}
