//! Schemas: what an agent says of its kinds decides what can be queued for it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use axum::http::StatusCode;
use common::Agent;
use common::api::Api;
use serde_json::{Value, json};
use widget_core::Payload;
use widget_core::message::{Command, Describe, HandlerInfo, RefusalReason, Response};
use widget_server::{SendError, ServerHandle};

fn reindex() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "index": {"type": "string"},
            "shards": {"type": "array", "items": {"$ref": "#/$defs/Shard"}},
        },
        "required": ["index"],
        "$defs": {"Shard": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255}},
    })
}

fn payload(value: &Value) -> Payload {
    Payload::from_json_text(value.to_string())
}

async fn say(agent: &Agent, schemas: &[(&str, Option<Value>)]) -> Response {
    let handler = |(kind, schema): &(&str, Option<Value>)| HandlerInfo {
        kind: (*kind).into(),
        idempotent: false,
        schema: schema.as_ref().map(payload),
    };
    let describe = Describe {
        handlers: schemas.iter().map(handler).collect(),
        ..Describe::default()
    };
    agent.call(Command::Describe(describe)).await
}

/// An agent that takes `reindex` by its schema and `free` without one.
async fn agent(api: &Api) -> Agent {
    let agent = Agent::hello(&api.server.service(), 1, 1).await;
    let kinds = [("reindex", Some(reindex())), ("free", None)];
    assert_eq!(say(&agent, &kinds).await, Response::ACK);
    agent
}

async fn nothing_is_queued(handle: &ServerHandle) {
    let query = widget_core::store::TaskQuery {
        agent: None,
        states: Vec::new(),
        before: None,
        limit: 10,
    };
    assert_eq!(handle.tasks(&query).await.unwrap().tasks.len(), 0);
}

#[tokio::test]
async fn input_that_does_not_fit_is_refused_with_its_places() {
    let api = Api::new();
    let agent = agent(&api).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let task = json!({"kind": "reindex", "input": {"index": 7, "shards": [1, 256]}});
    let (status, problem) = api.post(&path, task).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "input_does_not_fit");
    let errors = problem["errors"].as_array().unwrap();
    let mut pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/index", "/shards/1"]);
    for error in errors {
        let wrong = error["problem"].as_str().unwrap();
        let pointer = error["pointer"].as_str().unwrap();
        let word = if pointer == "/index" { "string" } else { "255" };
        assert!(wrong.contains(word), "{wrong}");
        assert!(problem["detail"].as_str().unwrap().contains(pointer));
    }
    nothing_is_queued(&api.server.handle()).await;
}

#[tokio::test]
async fn input_that_fits_is_queued() {
    let api = Api::new();
    let agent = agent(&api).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let task = json!({"kind": "reindex", "input": {"index": "books", "shards": [0, 255]}});
    assert_eq!(api.post(&path, task).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn kinds_without_a_schema_and_kinds_that_were_not_named_take_anything() {
    let api = Api::new();
    let (handle, agent) = (api.server.handle(), agent(&api).await);
    for kind in ["free", "unnamed"] {
        let input = payload(&json!({"any": ["thing"]}));
        handle.send(agent.id(), kind, input).await.unwrap();
    }
}

#[tokio::test]
async fn the_handle_says_the_same_as_a_type() {
    let api = Api::new();
    let (handle, agent) = (api.server.handle(), agent(&api).await);
    let error = handle
        .send(agent.id(), "reindex", Payload::null())
        .await
        .unwrap_err();
    let text = error.to_string();
    let SendError::InputDoesNotFit(misfits) = error else {
        panic!("{error}")
    };
    assert_eq!(misfits.len(), 1);
    assert_eq!(misfits[0].pointer, "");
    assert!(misfits[0].problem.contains("object"), "{misfits:?}");
    assert!(text.contains(&misfits[0].problem), "{text}");
    nothing_is_queued(&handle).await;
}

#[tokio::test]
async fn a_newer_description_counts_from_its_answer_on() {
    let api = Api::new();
    let (handle, agent) = (api.server.handle(), agent(&api).await);
    assert_eq!(say(&agent, &[("reindex", None)]).await, Response::ACK);
    let sent = handle.send(agent.id(), "reindex", Payload::null()).await;
    assert!(sent.is_ok());
}

#[tokio::test]
async fn a_description_whose_schema_means_nothing_is_refused_and_the_last_one_stays() {
    let api = Api::new();
    let (handle, agent) = (api.server.handle(), agent(&api).await);
    for schema in [
        json!({"type": "text"}),
        json!({"pattern": "("}),
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"$ref": "file:///etc/hostname"}),
    ] {
        let kinds = [("free", None), ("broken", Some(schema.clone()))];
        let Response::Refused(refusal) = say(&agent, &kinds).await else {
            panic!("{schema}")
        };
        assert_eq!(refusal.reason, RefusalReason::Invalid);
        assert!(refusal.text.contains("the schema of broken"), "{refusal}");
    }
    assert_eq!(handle.refusals().get("invalid"), Some(&4));
    let sent = handle.send(agent.id(), "reindex", Payload::null()).await;
    assert!(matches!(sent, Err(SendError::InputDoesNotFit(_))));
}

/// Found by review: each took 250 MB while it was compiled, and as many were compiled at once as
/// there were connections.
#[tokio::test]
async fn many_schemas_at_once_are_compiled_one_by_one() {
    let api = Api::new();
    let agent = agent(&api).await;
    let pattern = |n| json!({"pattern": format!("^((ab?c|d){{1,99}}){{1,2}}{n}$")});
    let patterns: Vec<_> = (0..8).map(pattern).collect();
    let kinds = [("heavy", Some(json!({"allOf": patterns})))];
    let said = futures_util::future::join_all((0..40).map(|_| say(&agent, &kinds))).await;
    let is_busy = |said: &&Response| matches!(said, Response::Busy { .. });
    let busy = said.iter().filter(is_busy).count();
    assert!((1..=24).contains(&busy), "{busy}");
    let taken = said.iter().filter(|said| **said == Response::ACK).count();
    assert_eq!(taken + busy, 40);
    assert_eq!(say(&agent, &kinds).await, Response::ACK);
}

/// Lists of agents embed it.
#[tokio::test]
async fn a_schema_that_some_readers_stumble_over_is_refused() {
    let api = Api::new();
    let agent = agent(&api).await;
    let deep = (0..110).fold(json!([]), |inner, _| json!([inner]));
    let said = say(&agent, &[("deep", Some(json!({"default": deep})))]).await;
    assert!(matches!(said, Response::Refused(_)), "{said:?}");
}

#[tokio::test]
async fn the_api_shows_the_schemas_as_json() {
    let api = Api::new();
    let agent = agent(&api).await;
    let (_, body) = api.get(&format!("/api/v1/agents/{}", agent.id())).await;
    assert_eq!(body["handlers"][0]["schema"], reindex());
    assert_eq!(body["handlers"][1]["schema"], Value::Null);
}
