//! The admin API of tasks: shapes, refusals, repeats, what agents make of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::api::Api;
use common::reported;
use serde_json::{Value, json};

#[tokio::test]
async fn a_task_has_the_fields_that_scripts_rely_on() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let new = json!({"kind": "reindex", "input": {"n": 1.50}, "ttl_seconds": 60});
    let (status, task) = api.post(&path, new).await;
    assert_eq!(status, StatusCode::CREATED);
    let mut fields: Vec<_> = task
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    let expected = [
        "agent",
        "attempt",
        "cancel_requested",
        "created",
        "evidence",
        "failures",
        "id",
        "idempotency_key",
        "input",
        "kind",
        "losses",
        "not_before",
        "ordering_key",
        "outcome",
        "priority",
        "progress",
        "sequence",
        "state",
        "timeline",
        "timeline_left_out",
        "timeout_seconds",
        "ttl_at",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&task["state"], &task["outcome"]),
        (&json!("queued"), &Value::Null)
    );
    assert_eq!(task["timeline"][0]["actor"], "api");
    let (_, same) = api
        .get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()))
        .await;
    assert_eq!(same, task);
    let (_, list) = api
        .get(&format!("/api/v1/tasks?agent={}&state=queued", agent.id()))
        .await;
    assert_eq!(list["items"], json!([task]));
    let (_, none) = api.get("/api/v1/tasks?state=running").await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn bad_tasks_are_refused_with_a_code_that_says_why() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let long = "x".repeat(300_000);
    for (body, status, code) in [
        (json!({"kind": "a", "colour": 1}), 400, "invalid_json"),
        (json!({"input": 1}), 400, "invalid_json"),
        (json!({"kind": "Über"}), 400, "invalid_kind"),
        (json!({"kind": ""}), 400, "invalid_kind"),
        (json!({"kind": "a", "ttl_seconds": 0}), 400, "invalid_ttl"),
        (json!({"kind": "a", "ttl_seconds": -1}), 400, "invalid_ttl"),
        (
            json!({"kind": "a", "ttl_seconds": 3.2e9}),
            400,
            "invalid_ttl",
        ),
        (
            json!({"kind": "a", "ttl_seconds": "NaN"}),
            400,
            "invalid_json",
        ),
        (
            json!({"kind": "a", "timeout_seconds": 0}),
            400,
            "invalid_timeout",
        ),
        (
            json!({"kind": "a", "timeout_seconds": -0.5}),
            400,
            "invalid_timeout",
        ),
        (
            json!({"kind": "a", "timeout_seconds": 3.2e9}),
            400,
            "invalid_timeout",
        ),
        (
            json!({"kind": "a", "timeout_seconds": 1e300}),
            400,
            "invalid_timeout",
        ),
        (
            json!({"kind": "a", "not_before": "tomorrow"}),
            400,
            "invalid_json",
        ),
        (
            json!({"kind": "a", "not_before": "2999-01-01T00:00:00Z"}),
            400,
            "invalid_not_before",
        ),
        (
            json!({"kind": "a", "priority": 40_000}),
            400,
            "invalid_json",
        ),
        (json!({"kind": "a", "priority": 1.5}), 400, "invalid_json"),
        (
            json!({"kind": "a", "ordering_key": ""}),
            400,
            "invalid_ordering_key",
        ),
        (
            json!({"kind": "a", "ordering_key": "x".repeat(65)}),
            400,
            "invalid_ordering_key",
        ),
        (
            json!({"kind": "a", "idempotency_key": "x".repeat(65)}),
            400,
            "invalid_idempotency_key",
        ),
        (
            json!({"kind": "a", "idempotency_key": ""}),
            400,
            "invalid_idempotency_key",
        ),
        (json!({"kind": "a", "input": long}), 413, "input_too_large"),
    ] {
        let (got, problem) = api.post(&path, body.clone()).await;
        let text = body.to_string();
        assert_eq!(
            (got.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{text:.80}"
        );
    }
    let (_, list) = api.get("/api/v1/tasks").await;
    assert_eq!(list["items"], json!([]), "nothing was queued");
}

#[tokio::test]
async fn an_idempotency_key_finds_its_task_and_refuses_another() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let body = json!({"kind": "a", "input": 1, "idempotency_key": "k"});
    let (first, one) = api.post(&path, body.clone()).await;
    let (again, two) = api.post(&path, body).await;
    assert_eq!((first, again), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(one["id"], two["id"]);
    for (field, other) in [
        ("kind", json!("b")),
        ("input", json!(2)),
        ("ttl_seconds", json!(60)),
        ("timeout_seconds", json!(60)),
        ("not_before", json!("2020-01-01T00:00:00Z")),
        ("priority", json!(1)),
        ("ordering_key", json!("disk")),
    ] {
        let mut body = json!({"kind": "a", "input": 1, "idempotency_key": "k"});
        body[field] = other;
        let (status, problem) = api.post(&path, body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{field}");
        assert_eq!(problem["code"], "idempotency_key_reused");
        assert_eq!(problem["task"], one["id"], "{field}");
    }
}

#[tokio::test]
async fn what_a_task_is_asked_for_with_is_shown_and_goes_to_the_agent() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let body = json!({
        "kind": "a", "input": 1, "idempotency_key": "k", "ttl_seconds": 60, "timeout_seconds": 2.5,
        "not_before": "2020-01-01T00:00:00Z", "priority": -3, "ordering_key": "disk",
    });
    let (status, task) = api.post(&path, body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    for (field, value) in [
        ("timeout_seconds", json!(2.5)),
        ("not_before", json!("2020-01-01T00:00:00.000Z")),
        ("priority", json!(-3)),
        ("ordering_key", json!("disk")),
        ("idempotency_key", json!("k")),
        ("sequence", Value::Null),
        ("failures", json!(0)),
        ("losses", json!(0)),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    let work = agent.work().await;
    let given = &work.tasks[0];
    assert_eq!((given.timeout_ms, given.priority), (Some(2_500), -3));
    assert_eq!(given.ordering_key.as_deref(), Some("disk"));
    assert!((50_000..=60_000).contains(&given.ttl_ms));
    // Also when it was handed out.
    let (again, same) = api.post(&path, body).await;
    assert_eq!((again, &same["id"]), (StatusCode::OK, &task["id"]));
    assert_eq!(same["not_before"], "2020-01-01T00:00:00.000Z");
    assert_eq!(same["sequence"], 1);
}

#[tokio::test]
async fn a_shutdown_is_one_task_and_can_be_cancelled_once() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/shutdown", agent.id());
    let (status, one) = api.ask(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (_, two) = api.ask(Method::POST, &path, None).await;
    assert_eq!(one["id"], two["id"]);
    let cancel = format!("/api/v1/tasks/{}/cancel", one["id"].as_str().unwrap());
    let (status, task) = api.ask(Method::POST, &cancel, None).await;
    assert_eq!(
        (status, &task["state"]),
        (StatusCode::ACCEPTED, &json!("cancelled"))
    );
    let (status, problem) = api.ask(Method::POST, &cancel, None).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("task_ended"))
    );
    assert!(problem["detail"].as_str().unwrap().contains("cancelled"));
    assert_eq!(
        (&problem["task"], &problem["state"]),
        (&one["id"], &json!("cancelled"))
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let post = |content_type: &str, body: String| {
        Request::post(&path)
            .header("host", "localhost")
            .header("content-type", content_type)
            .body(Body::from(body))
            .unwrap()
    };
    let (status, _, problem) = api.send(post("text/plain", "{}".into())).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (415, &json!("unsupported_media_type"))
    );
    for body in [
        "{",
        "",
        "{\"kind\":\"a\",\"ttl_seconds\":NaN}",
        "{\"kind\":\"a\",\"input\":}",
    ] {
        let (status, _, problem) = api.send(post("application/json", body.into())).await;
        assert_eq!(
            (status.as_u16(), &problem["code"]),
            (400, &json!("invalid_json")),
            "{body}"
        );
    }
    let huge = format!("{{\"kind\":\"a\",\"input\":\"{}\"}}", "x".repeat(600_000));
    let (status, _, problem) = api.send(post("application/json", huge)).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (413, &json!("body_too_large"))
    );
}

/// Found by review: one agent's broken output made the lists of all tasks fail.
#[tokio::test]
async fn output_that_is_not_json_is_shown_as_text() {
    use widget_core::Payload;
    use widget_core::task::{AgentEvent, Finish};
    let api = Api::new();
    let (handle, agent) = (
        api.server.handle(),
        reported(&api.server.service(), 1).await,
    );
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    agent.work().await;
    let broken = Finish::succeeded(Payload::from_json_text("{not json"));
    for _ in 0..2 {
        let verdicts = agent
            .say(task.id, 1, vec![AgentEvent::Finish(broken.clone())])
            .await;
        assert_eq!(verdicts, [widget_core::message::Verdict::Ok]);
    }
    let (status, list) = api.get("/api/v1/tasks").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(list["items"][0]["outcome"]["output"], "{not json");
    assert_eq!(handle.refusals().get("output_not_json"), Some(&2));
    let input = Payload::from_json_text("{");
    let error = handle.send(agent.id(), "echo", input).await.unwrap_err();
    assert!(error.to_string().starts_with("the input is not JSON"));
}

/// Found by review: what is JSON to one reader and not to the next passed the door. A byte that is
/// no UTF-8 made the list of all tasks answer 500, deep nesting made it unreadable for clients.
#[tokio::test]
async fn output_that_some_readers_stumble_over_is_shown_as_text() {
    use widget_core::Payload;
    use widget_core::task::{AgentEvent, Finish};
    let api = Api::new();
    let (handle, agent) = (
        api.server.handle(),
        reported(&api.server.service(), 1).await,
    );
    let deep = [vec![b'['; 120], vec![b']'; 120]].concat();
    for output in [&b"\"\xff\""[..], b"\"\\ud800\"", b"1e400", &deep] {
        let sent = handle.send(agent.id(), "echo", Payload::null()).await;
        agent.work().await;
        let finish = Finish::succeeded(Payload::from_json_text(output.to_vec()));
        let said = AgentEvent::Finish(finish);
        agent.say(sent.unwrap().id, 1, vec![said]).await;
        let (status, list) = api.get("/api/v1/tasks").await;
        assert_eq!(status, StatusCode::OK);
        let shown = &list["items"][0]["outcome"]["output"];
        assert_eq!(shown, &*String::from_utf8_lossy(output));
        let input = Payload::from_json_text(output.to_vec());
        let sent = handle.send(agent.id(), "echo", input).await;
        assert!(sent.is_err());
    }
    assert_eq!(handle.refusals().get("output_not_json"), Some(&4));
}
