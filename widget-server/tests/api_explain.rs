//! What the API says of a task's whereabouts, of what it has written, and of a purge.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use common::api::Api;
use common::{Agent, reported};
use serde_json::{Value, json};
use tower::ServiceExt;
use widget_core::Payload;
use widget_core::message::Verdict;
use widget_core::task::{AgentEvent, Chunk, Finish};

async fn queue(api: &Api, agent: &Agent, body: Value) -> String {
    let path = format!("/api/v1/agents/{}/tasks", agent.id());
    let (status, task) = api.post(&path, body).await;
    assert_eq!(status, StatusCode::CREATED, "{task}");
    task["id"].as_str().unwrap().to_owned()
}

async fn why(api: &Api, task: &str) -> Value {
    let (status, why) = api.get(&format!("/api/v1/tasks/{task}/explain")).await;
    assert_eq!(status, StatusCode::OK);
    why
}

fn written(offset: u64, text: &str) -> AgentEvent {
    AgentEvent::Output(Chunk {
        offset,
        text: text.into(),
    })
}

async fn text_of(api: &Api, task: &str, accept: &str) -> (String, String) {
    let request = Request::get(format!("/api/v1/tasks/{task}/output"))
        .header("host", "localhost")
        .header("accept", accept)
        .body(Body::empty())
        .unwrap();
    let response = api.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let content_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (content_type, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_explanation_follows_a_task_through_its_life() {
    let api = Api::new();
    let (handle, agent) = (
        api.server.handle(),
        reported(&api.server.service(), 1).await,
    );
    let task = queue(&api, &agent, json!({"kind": "echo"})).await;
    let first = why(&api, &task).await;
    assert_eq!(
        (&first["state"], &first["code"]),
        (&json!("queued"), &json!("no_such_handler"))
    );
    let timeline = first["timeline"].as_array().unwrap();
    assert_eq!((&timeline[0]["actor"], timeline.len()), (&json!("api"), 1));
    assert_eq!(first["since"], timeline[0]["at"]);
    agent.handlers(&["echo"]).await;
    assert_eq!(why(&api, &task).await["code"], "not_asked");
    tokio::time::advance(std::time::Duration::from_secs(100)).await;
    assert_eq!(why(&api, &task).await["code"], "agent_offline");

    agent.room(0, &[]).await;
    assert_eq!(why(&api, &task).await["code"], "no_room");
    agent.room(1, &[("echo", 0)]).await;
    assert_eq!(why(&api, &task).await["code"], "kind_limit");
    assert_eq!(agent.room(1, &[]).await.tasks.len(), 1);
    assert_eq!(why(&api, &task).await["code"], "lease_held");
    let id = task.parse().unwrap();
    agent
        .say(id, 1, vec![AgentEvent::Accept { idempotent: false }])
        .await;
    assert_eq!(why(&api, &task).await["code"], "waits_at_agent");
    agent.say(id, 1, vec![AgentEvent::Start]).await;
    assert_eq!(why(&api, &task).await["code"], "running");
    handle
        .cancel(id, widget_core::task::Actor::Server)
        .await
        .unwrap();
    assert_eq!(why(&api, &task).await["code"], "cancel_asked");
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    agent.say(id, 1, vec![end]).await;
    let last = why(&api, &task).await;
    assert_eq!(
        (&last["state"], &last["code"]),
        (&json!("succeeded"), &json!("succeeded"))
    );
    let embedded = handle.explain(id).await.unwrap().unwrap();
    assert_eq!(last["sentence"], embedded.sentence);
}

#[tokio::test]
async fn a_task_behind_others_says_behind_which() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    agent.handlers(&["echo"]).await;
    let keyed = json!({"kind": "echo", "ordering_key": "disk"});
    let first = queue(&api, &agent, keyed.clone()).await;
    let second = queue(&api, &agent, keyed.clone()).await;
    let third = queue(&api, &agent, json!({"kind": "echo"})).await;
    let urgent = queue(&api, &agent, json!({"kind": "echo", "priority": 9})).await;
    agent.room(0, &[]).await;
    let blocked = why(&api, &second).await;
    assert_eq!(blocked["code"], "key_busy");
    let sentence = blocked["sentence"].as_str().unwrap();
    assert!(sentence.contains(first.get(..13).unwrap()) && sentence.contains("is queued"));
    let sentence = why(&api, &third).await["sentence"].clone();
    assert!(
        sentence
            .as_str()
            .unwrap()
            .contains("2 queued tasks go before"),
        "{sentence}"
    );
    // Room for one: the urgent one goes, then the first.
    assert_eq!(agent.room(1, &[]).await.tasks[0].task.to_string(), urgent);
    assert_eq!(why(&api, &third).await["code"], "others_first");
    assert_eq!(why(&api, &first).await["code"], "next");
}

#[tokio::test]
async fn unknown_tasks_and_formats_are_problems() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let task = queue(&api, &agent, json!({"kind": "echo"})).await;
    let none = agent.id();
    for (path, status, code) in [
        (format!("/api/v1/tasks/{none}/explain"), 404, "unknown_task"),
        (format!("/api/v1/tasks/{none}/output"), 404, "unknown_task"),
        (
            format!("/api/v1/tasks/{task}/output?format=xml"),
            400,
            "invalid_query",
        ),
        (
            format!("/api/v1/tasks/{task}/output?from=1"),
            400,
            "invalid_query",
        ),
        ("/api/v1/tasks/7/explain".to_owned(), 400, "invalid_id"),
    ] {
        let (got, problem) = api.get(&path).await;
        assert_eq!(
            (got.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_a_task_has_written_is_given_as_text_and_as_json() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let task = queue(&api, &agent, json!({"kind": "echo"})).await;
    let id = task.parse().unwrap();
    let path = format!("/api/v1/tasks/{task}/output?format=json");
    let (_, nothing) = api.get(&path).await;
    assert_eq!(
        (&nothing["length"], &nothing["head"]),
        (&json!(0), &json!(""))
    );
    agent.work().await;
    let said = vec![AgentEvent::Start, written(0, "one\n"), written(4, "two\n")];
    assert_eq!(agent.say(id, 1, said).await, [Verdict::Ok; 3]);
    let (content_type, text) = text_of(&api, &task, "*/*").await;
    assert_eq!(
        (content_type.as_str(), text.as_str()),
        ("text/plain; charset=utf-8", "one\ntwo\n")
    );
    // The agent had to leave something out.
    assert_eq!(
        agent.say(id, 1, vec![written(100, "end")]).await,
        [Verdict::Ok]
    );
    let (_, text) = text_of(&api, &task, "text/plain").await;
    assert_eq!(text, "one\ntwo\n\n[92 bytes are left out here]\nend");
    let (content_type, text) = text_of(&api, &task, "application/json").await;
    assert_eq!(content_type, "application/json");
    let shape: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "attempt": 1, "length": 103, "head": "one\ntwo\n", "tail": "end", "left_out": 92, "cut": true,
    });
    assert_eq!(shape, expected);
}

#[tokio::test]
async fn output_that_was_cut_says_how_long_it_was() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let task = queue(&api, &agent, json!({"kind": "echo"})).await;
    agent.work().await;
    let mut finish = Finish::succeeded(Payload::from_json_text("\"the beginning\""));
    finish.cut = Some(2_000_000);
    let said = vec![AgentEvent::Finish(finish)];
    assert_eq!(
        agent.say(task.parse().unwrap(), 1, said).await,
        [Verdict::Ok]
    );
    let (_, shape) = api.get(&format!("/api/v1/tasks/{task}")).await;
    assert_eq!(shape["outcome"]["cut"], 2_000_000);
    let details = why(&api, &task).await["details"].to_string();
    assert!(details.contains("2000000 bytes"), "{details}");
}

#[tokio::test]
async fn a_purge_cancels_what_is_queued_and_nothing_else() {
    let api = Api::new();
    let service = api.server.service();
    let (agent, other) = (reported(&service, 1).await, reported(&service, 2).await);
    let held = queue(&api, &agent, json!({"kind": "echo"})).await;
    agent.work().await;
    let mut queued = Vec::new();
    for _ in 0..150 {
        queued.push(queue(&api, &agent, json!({"kind": "echo"})).await);
    }
    let others = queue(&api, &other, json!({"kind": "echo"})).await;
    let path = format!("/api/v1/agents/{}/purge", agent.id());
    let (status, purged) = api.ask(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(purged, json!({"cancelled": 150, "untouched": 1}));
    for (task, state) in [
        (&held, "leased"),
        (&queued[0], "cancelled"),
        (&others, "queued"),
    ] {
        let (_, shape) = api.get(&format!("/api/v1/tasks/{task}")).await;
        assert_eq!(shape["state"], state);
    }
    let (_, shape) = api.get(&format!("/api/v1/tasks/{}", queued[149])).await;
    let entry = &shape["timeline"][1];
    assert_eq!(entry["actor"], "api");
    assert_eq!(
        entry["cause"],
        "all that was queued for the agent was cancelled by api"
    );
    let (_, again) = api.ask(Method::POST, &path, None).await;
    assert_eq!(again, json!({"cancelled": 0, "untouched": 1}));
    let nobody = format!("/api/v1/agents/{}/purge", uuid(9));
    let (status, problem) = api.ask(Method::POST, &nobody, None).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (404, &json!("unknown_agent"))
    );
}

fn uuid(n: u128) -> String {
    widget_core::id::AgentId::from_u128(n).to_string()
}

#[tokio::test]
async fn a_cancel_says_in_each_state_what_comes_of_it() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let accept = AgentEvent::Accept { idempotent: false };
    let ended = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    for (leased, said, state, flagged) in [
        (false, vec![], "cancelled", false),
        (true, vec![], "cancelled", false),
        (true, vec![accept], "accepted", true),
        (true, vec![AgentEvent::Start], "running", true),
    ] {
        let task = queue(&api, &agent, json!({"kind": "echo"})).await;
        if leased {
            agent.work().await;
        }
        if !said.is_empty() {
            agent.say(task.parse().unwrap(), 1, said).await;
        }
        let path = format!("/api/v1/tasks/{task}/cancel");
        let (status, shape) = api.ask(Method::POST, &path, None).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(
            (&shape["state"], &shape["cancel_requested"]),
            (&json!(state), &json!(flagged))
        );
        let entry = shape["timeline"].as_array().unwrap().last().unwrap();
        assert_eq!(entry["actor"], "api", "{entry}");
        assert!(
            entry["cause"]
                .as_str()
                .unwrap()
                .starts_with("cancel was asked for by api")
        );
    }
    let task = queue(&api, &agent, json!({"kind": "echo"})).await;
    agent.work().await;
    agent.say(task.parse().unwrap(), 1, vec![ended]).await;
    let path = format!("/api/v1/tasks/{task}/cancel");
    let (status, problem) = api.ask(Method::POST, &path, None).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (409, &json!("task_ended"))
    );
    assert_eq!(problem["state"], "succeeded");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("the task has ended: succeeded at 20"),
        "{detail}"
    );
}
