//! Every route of the server, walked in every way: what is to hold for all of them holds for all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use common::api::Api;
use common::reported;
use tower::ServiceExt;
use widget_core::Payload;

/// One value of each header that every answer has.
const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

async fn heads(api: &Api, method: &Method, path: &str, host: &str) -> (StatusCode, HeaderMap) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", host).body(Body::empty()).unwrap();
    // The body is dropped unread: that of /events never ends.
    let (head, _) = api.app.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers)
}

#[track_caller]
fn is_guarded(headers: &HeaderMap, place: &str) {
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values.map(|v| v.to_str().unwrap().to_owned()).collect()
    };
    for (name, value) in ALWAYS {
        assert_eq!(all(name), [value], "{name} of {place}");
    }
    assert_eq!(all("cache-control"), ["no-store"], "{place}");
    let policy = all("content-security-policy");
    let [policy] = policy.as_slice() else {
        panic!("{policy:?} of {place}");
    };
    let is_page = all("content-type").concat().starts_with("text/html");
    let parts: BTreeSet<_> = policy.split("; ").collect();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(parts.contains(part), "{part} of {place}: {policy}");
    }
    assert_eq!(parts.contains("script-src 'self'"), is_page, "{place}");
    for part in ["unsafe", "data:", "*", "http:", "https:"] {
        assert!(!policy.contains(part), "{part} of {place}: {policy}");
    }
}

#[tokio::test]
async fn every_answer_of_every_route_has_the_headers_that_guard_it() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let handle = api.server.handle();
    let task = handle.send(agent.id(), "echo", Payload::null()).await;
    let task = task.unwrap().id;
    let mut known = widget_server::api::routes();
    assert!(known.len() > 30, "{known:?}");
    let (mut statuses, mut types) = (BTreeSet::new(), BTreeSet::new());
    // The last deletes the agent.
    known.sort_by_key(|(method, ..)| (!method.is_safe(), method == Method::DELETE));
    for (method, path, _) in &known {
        let id = if path.contains("tasks/{") {
            task.to_string()
        } else {
            agent.id().to_string()
        };
        let real = path
            .replace("{id}", &id)
            .replace("{name}", "style.css")
            .replace("{number}", "1");
        let nobody = "00000000-0000-0000-0000-0000000000ff";
        let absent = path
            .replace("{id}", nobody)
            .replace("{name}", "none")
            .replace("{number}", "99");
        let odd = path
            .replace("{id}", "odd")
            .replace("{name}", "%ff")
            .replace("{number}", "odd");
        for (method, path, host) in [
            (method, &real, "localhost"),
            (method, &absent, "localhost"),
            (method, &odd, "localhost"),
            (method, &format!("{real}?a=%ff&limit=x"), "localhost"),
            (method, &real, "evil.example"),
            (&Method::PUT, &real, "localhost"),
            (&Method::HEAD, &real, "localhost"),
            (&Method::OPTIONS, &real, "localhost"),
            (method, &format!("{real}/nothing/here"), "localhost"),
        ] {
            let (status, headers) = heads(&api, method, path, host).await;
            is_guarded(&headers, &format!("{method} {path}: {status}"));
            statuses.insert(status.as_u16());
            let kind = headers.get("content-type").map(|v| v.to_str().unwrap());
            types.insert(kind.unwrap_or_default().to_owned());
        }
    }
    for status in [200, 202, 204, 303, 400, 403, 404, 405, 415] {
        assert!(statuses.contains(&status), "{status}: {statuses:?}");
    }
    for kind in [
        "application/json",
        "application/problem+json",
        "application/x-ndjson",
        "text/event-stream",
        "text/css; charset=utf-8",
        "text/html; charset=utf-8",
        "text/plain; charset=utf-8",
    ] {
        assert!(types.contains(kind), "{kind}: {types:?}");
    }
}

#[tokio::test]
async fn only_assets_under_the_hash_of_their_content_are_kept() {
    let api = Api::new();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Body::empty()).unwrap();
    let page = api.app.clone().oneshot(request).await.unwrap();
    let page = to_bytes(page.into_body(), 1 << 20).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    let assets: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in assets {
        let (status, headers) = heads(&api, &Method::GET, asset, "localhost").await;
        assert_eq!(status, StatusCode::OK, "{asset}");
        let cache = headers["cache-control"].to_str().unwrap();
        assert!(cache.contains("immutable"), "{asset}: {cache}");
        for (name, value) in ALWAYS {
            assert_eq!(headers[name], value, "{name} of {asset}");
        }
    }
    let old = "/assets/style.css?v=0";
    let (_, headers) = heads(&api, &Method::GET, old, "localhost").await;
    assert_eq!(headers["cache-control"], "no-store");
}
