//! What a server notes of those who ask with a token: when it was used last, and what it was not allowed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::clock::SetClock;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use widget_core::access::{Role, Scope};
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::stop::Stop;
use widget_core::store::{
    AccessStore, Action, AgentStore, Arrival, AuditEntry, AuditOrder, AuditQuery, MemoryStore,
    Purpose, TokenQuery,
};
use widget_core::time::Timestamp;
use widget_core::transport::TransportError;
use widget_server::{HostRules, Server, ServerHandle, TokenRequest, router};

const START: Timestamp = Timestamp::from_secs(1_795_361_105);

/// An exposed server that runs, on a clock that begins at [`START`].
struct Exposed {
    app: Router,
    handle: ServerHandle,
    store: Arc<MemoryStore>,
    stop: Stop,
    running: JoinHandle<Result<(), TransportError>>,
}

impl Exposed {
    fn new() -> Self {
        let clock = Arc::new(SetClock::at(START));
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
        let stores = Arc::clone(&store).into();
        let server = Server::builder(clock, stores).expose().build();
        let (handle, stop) = (server.handle(), Stop::new());
        Self {
            app: router(handle.clone(), HostRules::default()),
            handle,
            store,
            running: tokio::spawn(server.run(stop.signal())),
            stop,
        }
    }

    async fn token(&self, role: Role, kinds: &[&str]) -> String {
        let scope = Scope {
            labels: Vec::new(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        let request = TokenRequest {
            purpose: Purpose::Api { role, scope },
            name: role.to_string(),
            ttl: None,
        };
        let (secret, _) = self.handle.create_token(request).await.unwrap();
        format!("wt1.{}", secret.text())
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> StatusCode {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status()
    }

    /// When the store says that the first token was used.
    async fn last_used(&self) -> Option<Timestamp> {
        let all = TokenQuery { after: 0, limit: 9 };
        self.store.tokens(&all).await.unwrap().tokens[0].last_used
    }

    async fn denials(&self) -> Vec<AuditEntry> {
        let query = AuditQuery {
            order: AuditOrder::OldestFirst,
            action: Some(Action::Denied),
            limit: 99,
            ..AuditQuery::default()
        };
        let found = self.store.audit(&query).await.unwrap().entries;
        found.into_iter().map(|record| record.entry).collect()
    }

    fn counted(&self, word: &str) -> u64 {
        self.handle.refusals().get(word).copied().unwrap_or(0)
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn after(seconds: u64) -> Option<Timestamp> {
    Some(START.after(Duration::from_secs(seconds)))
}

#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_token_is_written_once_a_minute_and_at_the_end() {
    let server = Exposed::new();
    let token = server.token(Role::Viewer, &[]).await;
    let look = async || {
        let status = server.ask("GET", "/api/v1/agents", Some(&token)).await;
        assert_eq!(status, StatusCode::OK);
    };
    look().await;
    // A request does not wait for that.
    assert_eq!(server.last_used().await, None);
    pass(10).await;
    assert_eq!(server.last_used().await, after(0));
    look().await;
    pass(40).await;
    assert_eq!(server.last_used().await, after(0));
    pass(25).await;
    assert_eq!(server.last_used().await, after(10));
    look().await;
    server.stop.ask();
    server.running.await.unwrap().unwrap();
    let all = TokenQuery { after: 0, limit: 9 };
    let tokens = server.store.tokens(&all).await.unwrap().tokens;
    assert_eq!(tokens[0].last_used, after(75));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_good_is_not_used() {
    let server = Exposed::new();
    let token = server.token(Role::Viewer, &[]).await;
    server.handle.revoke_token(1).await.unwrap();
    let status = server.ask("GET", "/api/v1/agents", Some(&token)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    pass(70).await;
    assert_eq!(server.last_used().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_token_is_not_allowed_is_in_the_audit_list_once_a_minute() {
    let server = Exposed::new();
    let viewer = server.token(Role::Viewer, &[]).await;
    let agent = AgentId::from_u128(7);
    let path = format!("/api/v1/agents/{agent}/shutdown");
    let shut_down = async |token: &str, path: &str| {
        let status = server.ask("POST", path, Some(token)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    };
    for _ in 0..3 {
        shut_down(&viewer, &path).await;
    }
    let noted = server.denials().await;
    let [entry] = noted.as_slice() else {
        panic!("{noted:?}");
    };
    assert_eq!(entry.who, "token:viewer");
    assert_eq!(entry.token, Some(1));
    assert_eq!(entry.target, format!("POST {path}"));
    assert_eq!(entry.after.as_deref(), Some("role"));
    assert_eq!(server.counted("denied"), 3);
    // Another id is the same wish; another token, and another route, are not.
    let other = format!("/api/v1/agents/{}/shutdown", AgentId::from_u128(8));
    shut_down(&viewer, &other).await;
    assert_eq!(server.denials().await.len(), 1);
    let status = server.ask("GET", "/audit?action=x", Some(&viewer)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let second = server.token(Role::Viewer, &[]).await;
    shut_down(&second, &path).await;
    let noted = server.denials().await;
    let targets: Vec<_> = noted.iter().map(|entry| entry.target.as_str()).collect();
    assert_eq!(targets[1..], ["GET /audit", &format!("POST {path}")]);
    pass(61).await;
    shut_down(&viewer, &path).await;
    assert_eq!(server.denials().await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_kind_than_a_token_is_for_is_a_denial_too() {
    let server = Exposed::new();
    let agent = AgentId::from_u128(7);
    let arrival = Arrival::new(agent, 2, "tcp", None, START);
    server.store.arrive(&arrival).await.unwrap();
    let token = server.token(Role::Operator, &["backup.*"]).await;
    for path in [
        format!("/api/v1/agents/{agent}/shutdown"),
        format!("/agents/{agent}/shutdown"),
    ] {
        let status = server.ask("POST", &path, Some(&token)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        let noted = server.denials().await;
        let entry = noted.last().unwrap();
        assert_eq!(entry.target, format!("POST {path}"));
        assert_eq!(entry.after.as_deref(), Some("scope"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_shows_no_token_or_a_wrong_one_is_counted_and_not_in_the_list() {
    let server = Exposed::new();
    let before = server.denials().await.len();
    for _ in 0..2 {
        let status = server.ask("GET", "/audit", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let guessed = format!(
        "wt1.{}",
        widget_core::access::Secret::from_bytes([3; 32]).text()
    );
    let status = server.ask("GET", "/audit", Some(&guessed)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.denials().await.len(), before);
    assert_eq!(
        (server.counted("no_token"), server.counted("bad_token")),
        (2, 1)
    );
    assert_eq!(server.ask("GET", "/healthz", None).await, StatusCode::OK);
    assert_eq!(server.counted("no_token"), 2);
}
