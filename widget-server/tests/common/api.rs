//! The admin API of a server in memory, asked as a program would.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use widget_server::{HostRules, Server, router};

use super::server;

pub(crate) struct Api {
    pub(crate) app: Router,
    pub(crate) server: Server,
}

impl Api {
    pub(crate) fn new() -> Self {
        let server = server();
        let app = router(server.handle(), HostRules::default());
        Self { app, server }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String, Value) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let content_type = response.headers().get("content-type");
        let content_type = content_type.map_or("", |v| v.to_str().unwrap()).to_owned();
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (status, content_type, body)
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let (status, content_type, body) = self.send(request.body(body).unwrap()).await;
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(content_type, "application/problem+json", "{path}");
        }
        (status, body)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }
}
