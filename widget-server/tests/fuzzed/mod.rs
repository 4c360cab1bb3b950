//! Any bytes as a request to API and page. The program in `fuzz/` has this file too.
//!
//! An input is a line of method and path, lines of headers, an empty line and a body. In it `$ADMIN` and
//! `$VIEWER` stand for good tokens, `$PASS` for what a browser keeps of the first, `$AGENT` and `$TASK`
//! for ids that are there.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response};
use tower::ServiceExt;
use widget_core::Payload;
use widget_core::access::{Role, Scope, TOKEN_PREFIX};
use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::message::{Command, Credential, Describe, HandlerInfo, Hello, Opening};
use widget_core::runtime::TokioRuntime;
use widget_core::store::{Action, AuditQuery, MemoryStore, Purpose};
use widget_core::transport::Origin;
use widget_server::{HostRules, Server, TokenRequest, router};

/// The longest answer that is read.
const LONGEST: usize = 4 * 1024 * 1024;
/// A tag that may stand in no page.
const TAG: &str = "<x9";

/// Any bytes as a request: it is answered, by no fault of the server's, and changes nothing without a token.
pub(crate) fn api(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(ask(text));
}

async fn ask(text: &str) {
    let scene = Scene::new().await;
    let Some(request) = scene.request(text).await else {
        return;
    };
    let before = scene.done().await;
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let answer = scene.app.clone().oneshot(request).await.unwrap();
    check_head(&path, &answer);
    let (status, kind) = (answer.status(), kind_of(&answer));
    let is_open =
        ["/healthz", "/sign-in", "/sign-out"].contains(&&*path) || path.starts_with("/assets/");
    if !text.contains('$') {
        assert!(is_open || !status.is_success(), "{method} {path} is open");
        assert_eq!(
            scene.done().await,
            before,
            "{method} {path} has done something"
        );
    }
    if method.is_safe() {
        assert_eq!(
            scene.done().await,
            before,
            "{method} {path} has done something"
        );
    }
    if kind.starts_with("text/event-stream") {
        return;
    }
    let body = to_bytes(answer.into_body(), LONGEST).await.unwrap();
    if kind.starts_with("text/html") {
        assert!(
            !String::from_utf8_lossy(&body).contains(TAG),
            "{path} says a tag"
        );
    }
}

fn kind_of(answer: &Response<Body>) -> String {
    let kind = answer.headers().get("content-type");
    kind.map_or("", |kind| kind.to_str().unwrap()).to_owned()
}

fn check_head(path: &str, answer: &Response<Body>) {
    let (status, headers) = (answer.status(), answer.headers());
    assert_ne!(status, 500, "{path}");
    assert_eq!(headers.get("x-content-type-options").unwrap(), "nosniff");
    assert!(headers.contains_key("content-security-policy"));
    if path.starts_with("/api/") && (status.is_client_error() || status.is_server_error()) {
        assert_eq!(
            kind_of(answer),
            "application/problem+json",
            "{path} {status}"
        );
    }
    if let Some(to) = headers.get("location") {
        let to = to.to_str().unwrap();
        let rest = to.strip_prefix('/').expect("a path of this server");
        assert!(!rest.starts_with(['/', '\\']), "{path} leads to {to}");
    }
}

/// A server with one agent, one task and two tokens.
struct Scene {
    server: Server,
    app: Router,
    admin: String,
    viewer: String,
    agent: AgentId,
    task: String,
}

impl Scene {
    async fn new() -> Self {
        let runtime = Arc::new(TokioRuntime::current().unwrap());
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
        // What has joined here stays when it is exposed.
        let near = Server::builder(runtime.clone(), store.clone().into()).build();
        let agent = AgentId::from_u128(1);
        let hello = Hello {
            versions: (2, 2),
            codecs: vec![1],
            agent,
            epoch: SpoolEpoch::from_bytes([1; 16]),
            seen: None,
            credential: Credential::None,
            extras: Vec::new(),
        };
        let origin = Origin {
            transport: "fuzz",
            address: "nowhere".into(),
            ip: None,
        };
        let opened = near.service().open(&origin, Opening::Hello(hello)).await;
        let handler = HandlerInfo {
            kind: "reindex".to_owned(),
            idempotent: false,
            schema: None,
        };
        let describe = Describe {
            host: format!("{TAG}>"),
            interval_ms: 1_000,
            handlers: vec![handler],
            ..Describe::default()
        };
        let command = Command::Describe(describe);
        near.service().call(&opened.unwrap().0, command).await;
        let handle = near.handle();
        let input = Payload::from_json_text("{}".to_owned());
        let task = handle.send(agent, "reindex", input).await.unwrap();
        let server = Server::builder(runtime, store.into()).expose().build();
        Self {
            app: router(server.handle(), HostRules::default()),
            admin: token(&server, Role::Admin).await,
            viewer: token(&server, Role::Viewer).await,
            server,
            agent,
            task: task.id.to_string(),
        }
    }

    /// What has been done so far: entries of the audit list.
    async fn done(&self) -> usize {
        let query = AuditQuery {
            limit: 100,
            ..AuditQuery::default()
        };
        self.server
            .handle()
            .audit(&query)
            .await
            .unwrap()
            .entries
            .iter()
            // That it was refused is written down too.
            .filter(|record| record.entry.action != Action::Denied)
            .count()
    }

    async fn request(&self, text: &str) -> Option<Request<Body>> {
        let mut text = text.to_owned();
        for (word, means) in [
            ("$ADMIN", &self.admin),
            ("$VIEWER", &self.viewer),
            ("$AGENT", &self.agent.to_string()),
            ("$TASK", &self.task),
        ] {
            text = text.replace(word, means);
        }
        if text.contains("$PASS") {
            text = text.replace("$PASS", &self.pass().await);
        }
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let (method, uri) = lines.next()?.split_once(' ')?;
        let mut request = Request::builder().method(method).uri(uri);
        let mut has_host = false;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            has_host |= name.eq_ignore_ascii_case("host");
            request = request.header(name, value.trim());
        }
        if !has_host {
            request = request.header("host", "localhost");
        }
        request.body(Body::from(body.to_owned())).ok()
    }

    /// What a browser keeps once a person has signed in.
    async fn pass(&self) -> String {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/sign-in")
            .header("host", "localhost")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(format!("token={}", self.admin)))
            .unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let cookie = answer.headers().get("set-cookie").expect("signed in");
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        cookie.to_owned()
    }
}

async fn token(server: &Server, role: Role) -> String {
    let request = TokenRequest {
        purpose: Purpose::Api {
            role,
            scope: Scope::default(),
        },
        name: "somebody".to_owned(),
        ttl: None,
    };
    let (secret, _) = server.handle().create_token(request).await.unwrap();
    format!("{TOKEN_PREFIX}{}", secret.text())
}

/// What it begins with: each route with a good token and without, and what else may be said.
#[allow(dead_code, reason = "the fuzzer reads files")]
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for (method, path, _) in widget_server::api::routes() {
        let path = path.replace("{number}", "1").replace("{name}", "page.css");
        let id = if path.contains("/tasks/") {
            "$TASK"
        } else {
            "$AGENT"
        };
        let path = path.replace("{id}", id);
        let head = format!("{method} {path}\nauthorization: Bearer $ADMIN\n");
        inputs.push(match method == Method::POST {
            true => format!("{head}content-type: application/json\n\n{}", body(&path)),
            false => head,
        });
    }
    let others = [
        "GET /api/v1/agents?limit=5&cursor=1\nauthorization: bearer  $VIEWER",
        "GET /api/v1/tasks?agent=$AGENT&state=queued&limit=3&cursor=9\nAuthorization: Bearer $VIEWER",
        "GET /api/v1/agents/$AGENT/reports?from=2026-01-01T00:00:00Z&points=10\nauthorization: Bearer $VIEWER",
        "GET /api/v1/tasks/$TASK/output?format=text\nauthorization: Bearer $VIEWER",
        "GET /api/v1/tasks/$TASK?wait=0.25\nauthorization: Bearer $VIEWER",
        "GET /api/v1/audit?limit=9&who=a&cursor=1\nauthorization: Bearer $ADMIN",
        "GET /agents/$AGENT?range=1h&q=%3Cx9%3E\ncookie: a=b; $PASS\naccept: text/html",
        "GET /\ncookie: widget=xyz; widget=\naccept: text/html",
        "GET /?q=%3Cx9%3E&page=2\ncookie: $PASS",
        "POST /sign-in\ncontent-type: application/x-www-form-urlencoded\nsec-fetch-site: same-origin\n\ntoken=$ADMIN&next=//elsewhere",
        "POST /sign-in\ncontent-type: application/x-www-form-urlencoded\norigin: http://localhost\n\ntoken=wt1.x&next=%3Cx9%3E",
        "POST /sign-out\ncookie: $PASS\nsec-fetch-site: same-origin\ncontent-type: application/x-www-form-urlencoded\n\n",
        "POST /agents/$AGENT/purge\ncookie: $PASS\nsec-fetch-site: cross-site\ncontent-type: application/x-www-form-urlencoded\n\na=b",
        "DELETE /api/v1/agents/$AGENT\nauthorization: Bearer $VIEWER",
        "GET /api/v1/agents\nhost: elsewhere.example\nauthorization: Basic YTpi",
        "GET http://localhost/api/v1/status?x\nauthorization: Bearer wt1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "OPTIONS *\norigin: null",
        "GET //elsewhere/..\naccept: text/html",
    ];
    inputs.extend(others.map(str::to_owned));
    let named = inputs.into_iter().enumerate();
    named
        .map(|(at, text)| (format!("api-{at}"), text.into_bytes()))
        .collect()
}

/// A body that its route takes.
fn body(path: &str) -> &'static str {
    match path {
        "/api/v1/join-tokens" => {
            r#"{"name":"a","uses":2,"ttl_seconds":90.5,"labels":{"zone":"a"}}"#
        }
        "/api/v1/tokens" => r#"{"name":"b","role":"operator","kinds":["x"],"labels":{}}"#,
        path if path.ends_with("/tasks") => {
            r#"{"kind":"reindex","input":{"n":[1,null]},"ttl_seconds":1.5,"timeout_seconds":2e9,"not_before":"2026-01-01T00:00:00Z","priority":-3,"ordering_key":"a","idempotency_key":"b"}"#
        }
        _ => "{}",
    }
}
