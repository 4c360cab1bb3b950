//! The audit list as an API: its export.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use widget_core::id::StoreEpoch;
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{AccessStore, Action, AuditEntry, MemoryStore};
use widget_core::time::Timestamp;
use widget_server::{HostRules, Server, router};

struct Audited {
    app: Router,
    store: Arc<MemoryStore>,
}

impl Audited {
    fn new() -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
        let server = Server::builder(runtime, Arc::clone(&store).into()).build();
        let app = router(server.handle(), HostRules::default());
        Self { app, store }
    }

    /// An entry of this second.
    async fn note(&self, second: i64, who: &str, target: &str) {
        let at = Timestamp::from_secs(second);
        let entry = AuditEntry::new(at, who, "192.0.2.7", Action::SignIn, target);
        let entry = entry.changing(Some(target), Some(who));
        self.store.note(entry).await.unwrap();
    }

    async fn get(&self, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).header("host", "localhost");
        let request = request.body(Body::empty()).unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, 1 << 28).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let kind = head.headers["content-type"].to_str().unwrap().to_owned();
        (head.status, kind, body)
    }

    /// The targets of what is exported.
    async fn targets(&self, query: &str) -> Vec<String> {
        let (status, _, body) = self.get(&format!("/api/v1/audit/export{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let entry = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let target = |line| entry(line)["target"].as_str().unwrap().to_owned();
        body.lines().map(target).collect()
    }
}

/// Whatever somebody may take for the end of a line, and what JSON has to escape.
const HOSTILE: &str =
    "a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\u{b}g\u{c}h\"i\\j\u{1b}[2Jk\u{0}l\u{202e}m";

#[tokio::test]
async fn the_export_is_one_json_value_a_line() {
    let audited = Audited::new();
    audited.note(1, HOSTILE, HOSTILE).await;
    audited.note(2, "bob", "plain").await;
    let (status, kind, body) = audited.get("/api/v1/audit/export").await;
    assert_eq!((status, &*kind), (StatusCode::OK, "application/x-ndjson"));
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let lines: Vec<&str> = body.split_terminator(is_end).collect();
    assert_eq!(lines.len(), 2, "{body:?}");
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    for field in ["who", "target", "before", "after"] {
        assert_eq!(first[field], HOSTILE, "{field}");
    }
    assert_eq!(first["at"], "1970-01-01T00:00:01.000Z");
    // The same as a part of the list says of it.
    let (_, _, list) = audited.get("/api/v1/audit").await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["items"][1], first);
}

#[tokio::test]
async fn the_export_has_every_entry_once_the_oldest_first_however_many_there_are() {
    let audited = Audited::new();
    assert!(audited.targets("").await.is_empty());
    let mut expected = Vec::new();
    for n in 0..351 {
        audited.note(n, "bob", &n.to_string()).await;
        expected.push(n.to_string());
        // Exactly as many as are read at a time, and one more and less.
        if n % 100 > 97 || n % 100 == 0 {
            assert_eq!(audited.targets("").await, expected);
        }
    }
    assert_eq!(audited.targets("").await, expected);
}

#[tokio::test]
async fn the_export_is_of_what_comes_after_a_number_or_since_a_time_or_was_done_by_somebody() {
    let audited = Audited::new();
    for n in 0..250 {
        let who = if n % 2 == 0 { "alice" } else { "bob" };
        audited.note(n, who, &n.to_string()).await;
    }
    // They have the numbers from 1 on.
    assert_eq!(audited.targets("?after=248").await, ["248", "249"]);
    assert!(audited.targets("?after=250").await.is_empty());
    assert!(
        audited
            .targets("?after=18446744073709551615")
            .await
            .is_empty()
    );
    let since = "?since=1970-01-01T00:04:08Z";
    assert_eq!(audited.targets(since).await, ["248", "249"]);
    let both = format!("{since}&who=bob");
    assert_eq!(audited.targets(&both).await, ["249"]);
    assert_eq!(audited.targets("?who=bob").await.len(), 125);
    assert_eq!(audited.targets("?target=7&action=sign_in").await, ["7"]);
    assert!(audited.targets("?action=planet.move").await.is_empty());
    let (_, _, list) = audited.get(&format!("/api/v1/audit{since}")).await;
    assert_eq!(list.matches("\"number\"").count(), 2, "{list}");
    for odd in ["?since=yesterday", "?after=-1", "?cursor=1"] {
        let (status, kind, _) = audited.get(&format!("/api/v1/audit/export{odd}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{odd}");
        assert_eq!(kind, "application/problem+json");
    }
}

#[tokio::test]
async fn what_is_done_meanwhile_is_not_in_the_export_so_that_it_ends() {
    let audited = Audited::new();
    for n in 0..150 {
        audited.note(n, "bob", "before").await;
    }
    let request = Request::get("/api/v1/audit/export").header("host", "localhost");
    let request = request.body(Body::empty()).unwrap();
    let answer = audited.app.clone().oneshot(request).await.unwrap();
    for n in 0..150 {
        audited.note(n, "bob", "after").await;
    }
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(body.lines().count(), 150);
    assert!(!body.contains("\"target\":\"after\""));
}
