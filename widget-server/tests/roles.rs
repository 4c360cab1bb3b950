//! Every route in the hands of everybody: who may ask for what, walked through all of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::report;
use serde_json::{Value, json};
use tower::ServiceExt;
use widget_core::Payload;
use widget_core::access::{Role, Scope, Secret};
use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::message::{Credential, Enrol, Hello, Opening};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{AuditQuery, MemoryStore, Purpose};
use widget_core::transport::Service;
use widget_server::{HostRules, Server, ServerHandle, TokenRequest, router};

struct Exposed {
    app: Router,
    handle: ServerHandle,
    service: Arc<dyn Service>,
}

impl Exposed {
    fn new() -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
        let server = Server::builder(runtime, store.into())
            .expose()
            .reached_by(vec!["tls://fleet.example:9004".to_owned()], Some([7; 32]))
            .build();
        Self {
            app: router(server.handle(), HostRules::default()),
            handle: server.handle(),
            service: server.service(),
        }
    }

    async fn token(&self, role: Role, scope: Scope) -> String {
        let request = TokenRequest {
            purpose: Purpose::Api { role, scope },
            name: role.to_string(),
            ttl: None,
        };
        let (secret, _) = self.handle.create_token(request).await.unwrap();
        format!("wt1.{}", secret.text())
    }

    /// An agent with this label.
    async fn agent(&self, n: u8, zone: &str) -> AgentId {
        let request = TokenRequest {
            purpose: Purpose::Join {
                uses: 1,
                labels: vec![("zone".to_owned(), zone.to_owned())],
            },
            name: "one".to_owned(),
            ttl: Some(std::time::Duration::from_secs(60)),
        };
        let (token, _) = self.handle.create_token(request).await.unwrap();
        let hello = Hello {
            versions: (2, 2),
            codecs: vec![1],
            agent: AgentId::from_u128(0),
            epoch: SpoolEpoch::from_bytes([n; 16]),
            seen: None,
            credential: Credential::Secret(Secret::from_bytes([n; 32])),
            extras: Vec::new(),
        };
        let enrol = Enrol {
            token,
            hello,
            extras: Vec::new(),
        };
        let from = common::origin();
        let (peer, _) = self
            .service
            .open(&from, Opening::Enrol(enrol))
            .await
            .unwrap();
        let agent = common::Agent {
            service: Arc::clone(&self.service),
            peer,
        };
        agent.describe("a host").await;
        agent.submit(0, vec![report(1)]).await;
        agent.id()
    }

    async fn ask(
        &self,
        (method, path): (&Method, &str),
        token: Option<&str>,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        let request = request.body(body).unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let is_json = head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.to_str().unwrap().contains("json"));
        if !is_json {
            return (head.status, Value::Null);
        }
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        (
            head.status,
            serde_json::from_slice(&bytes).unwrap_or_default(),
        )
    }
}

/// A body that the route reads.
fn body(path: &str) -> Value {
    match path {
        "/api/v1/agents/{id}/tasks" => json!({"kind": "echo"}),
        "/api/v1/tokens" => json!({"name": "x"}),
        "/api/v1/join-tokens" => json!({}),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_route_keeps_its_rule_whoever_asks() {
    let callers = [
        None,
        Some(Role::Viewer),
        Some(Role::Operator),
        Some(Role::Admin),
    ];
    for (method, path, need) in widget_server::api::routes() {
        for role in callers {
            // What another has deleted or ended must not be in the way.
            let server = Exposed::new();
            let agent = server.agent(1, "a").await;
            let task = server.handle.send(agent, "echo", Payload::null()).await;
            let id = match path.contains("tasks/{") {
                true => task.unwrap().id.to_string(),
                false => agent.to_string(),
            };
            let real = path.replace("{id}", &id).replace("{name}", "none");
            let real = real.replace("{number}", "1");
            let token = match role {
                Some(role) => Some(server.token(role, Scope::default()).await),
                None => None,
            };
            let place = (&method, real.as_str());
            let (status, answer) = server.ask(place, token.as_deref(), body(path)).await;
            let place = format!("{method} {path} by {role:?}: {status} {answer}");
            match (need.role(), role) {
                (Some(_), None) => {
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{place}");
                    assert_eq!(answer["code"], "sign_in_first", "{place}");
                }
                (Some(need), Some(role)) if role < need => {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{place}");
                    assert_eq!(answer["code"], "role", "{place}");
                }
                // Whatever else it comes to, it was let in.
                _ => assert!(!matches!(status.as_u16(), 401 | 403 | 500), "{place}"),
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_gets_one_answer_whatever_is_wrong() {
    let server = Exposed::new();
    let get = Method::GET;
    let place = (&get, "/api/v1/agents");
    let good = server.token(Role::Viewer, Scope::default()).await;
    assert_eq!(server.ask(place, Some(&good), Value::Null).await.0, 200);
    server.handle.revoke_token(1).await.unwrap();
    let guessed = format!("wt1.{}", Secret::from_bytes([3; 32]).text());
    let mut answers = Vec::new();
    for token in [good.as_str(), &guessed, "wt1.short", "none"] {
        answers.push(server.ask(place, Some(token), Value::Null).await);
    }
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn what_is_out_of_a_tokens_scope_is_not_there_for_it() {
    let server = Exposed::new();
    let (own, other) = (server.agent(1, "a").await, server.agent(2, "b").await);
    let mut tasks = Vec::new();
    for agent in [own, other] {
        tasks.push(
            server
                .handle
                .send(agent, "echo", Payload::null())
                .await
                .unwrap()
                .id,
        );
    }
    let scope = Scope {
        labels: vec![("zone".to_owned(), "a".to_owned())],
        kinds: vec!["backup.*".to_owned()],
    };
    let token = server.token(Role::Operator, scope).await;
    let token = Some(token.as_str());
    let (get, post) = (Method::GET, Method::POST);
    let none = Value::Null;
    let (_, agents) = server
        .ask((&get, "/api/v1/agents"), token, none.clone())
        .await;
    assert_eq!(agents["items"].as_array().unwrap().len(), 1, "{agents}");
    let (_, seen) = server
        .ask((&get, "/api/v1/tasks"), token, none.clone())
        .await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    for (path, found) in [
        (format!("/api/v1/agents/{own}"), 200),
        (format!("/api/v1/agents/{other}"), 404),
        (format!("/api/v1/agents/{own}/reports"), 200),
        (format!("/api/v1/agents/{other}/reports"), 404),
        (format!("/api/v1/tasks/{}", tasks[0]), 200),
        (format!("/api/v1/tasks/{}", tasks[1]), 404),
        (format!("/api/v1/tasks/{}/output", tasks[1]), 404),
        (format!("/api/v1/tasks/{}/explain", tasks[1]), 404),
        (format!("/agents/{other}"), 404),
        (format!("/events?agent={own}"), 200),
        (format!("/events?agent={other}"), 404),
        (format!("/tasks/{}", tasks[1]), 404),
    ] {
        let (status, _) = server.ask((&get, &path), token, none.clone()).await;
        assert_eq!(status, found, "{path}");
    }
    let send = |agent: AgentId| format!("/api/v1/agents/{agent}/tasks");
    for (path, body, found) in [
        (send(own), json!({"kind": "backup.full"}), 201),
        (send(own), json!({"kind": "echo"}), 403),
        (send(other), json!({"kind": "backup.full"}), 404),
        (format!("/api/v1/agents/{own}/shutdown"), Value::Null, 403),
        (
            format!("/api/v1/tasks/{}/cancel", tasks[0]),
            Value::Null,
            403,
        ),
        (
            format!("/api/v1/tasks/{}/cancel", tasks[1]),
            Value::Null,
            404,
        ),
        (format!("/api/v1/agents/{other}/purge"), Value::Null, 404),
    ] {
        let (status, answer) = server.ask((&post, &path), token, body).await;
        assert_eq!(status, found, "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_request_says_nothing_of_who_asks_but_by_its_token() {
    let server = Exposed::new();
    let agent = server.agent(1, "a").await;
    let token = server.token(Role::Operator, Scope::default()).await;
    let path = format!("/api/v1/agents/{agent}/tasks");
    let post = Method::POST;
    let (status, task) = server
        .ask((&post, &path), Some(&token), json!({"kind": "echo"}))
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let id = task["id"].as_str().unwrap();
    let query = AuditQuery {
        target: Some(id.to_owned()),
        limit: 9,
        ..AuditQuery::default()
    };
    let found = server.handle.audit(&query).await.unwrap().entries;
    let [row] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(row.entry.who, "token:operator");
    assert_eq!(row.entry.after.as_deref(), Some("echo"));
}

/// It could make one without limits.
#[tokio::test]
async fn an_admin_has_no_limits() {
    let server = Exposed::new();
    let token = server.token(Role::Admin, Scope::default()).await;
    let place = (&Method::POST, "/api/v1/tokens");
    for limit in [json!({"zone": "a"}), json!({})] {
        let kinds = if limit == json!({}) {
            vec!["a"]
        } else {
            vec![]
        };
        let body = json!({"name": "x", "role": "admin", "labels": limit, "kinds": kinds});
        let (status, problem) = server.ask(place, Some(&token), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(problem["code"], "invalid_limits");
    }
    let body = json!({"name": "x", "role": "admin"});
    let (status, _) = server.ask(place, Some(&token), body).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_join_string_has_all_that_an_agent_needs() {
    let server = Exposed::new();
    let token = server.token(Role::Admin, Scope::default()).await;
    let post = Method::POST;
    let place = (&post, "/api/v1/join-tokens");
    let x = |bytes| "x".repeat(bytes);
    let body = json!({"uses": 3, "ttl_seconds": 60.0, "labels": {x(64): x(256)}});
    let (status, made) = server.ask(place, Some(&token), body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let join: widget_core::access::JoinString = made["join"].as_str().unwrap().parse().unwrap();
    assert_eq!(join.servers(), ["tls://fleet.example:9004"]);
    assert_eq!(join.pin(), Some(&[7; 32]));
    assert_eq!(made["token"]["uses_left"], 3);
    for (body, code) in [
        (json!({"uses": 0}), "invalid_uses"),
        (json!({"ttl_seconds": 0.0}), "invalid_ttl"),
        (json!({"ttl_seconds": -1.0}), "invalid_ttl"),
        (json!({"labels": {"": "a"}}), "invalid_limits"),
        (json!({"labels": {x(65): "a"}}), "invalid_limits"),
        (json!({"labels": {"zone": x(257)}}), "invalid_limits"),
        (json!({"name": "a\u{1b}[31m"}), "invalid_name"),
    ] {
        let (status, problem) = server.ask(place, Some(&token), body).await;
        assert_eq!(
            (status.as_u16(), problem["code"].as_str()),
            (400, Some(code))
        );
    }
}
