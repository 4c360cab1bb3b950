//! The whole loop on real processes, sockets and files: what does not depend on the way between agent
//! and server.

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{AgentProgram, ServerProgram, until};

fn tcp(server: &ServerProgram) -> String {
    format!("tcp://{}", server.tcp)
}

#[test]
fn an_agent_that_is_told_to_end_says_goodbye() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let mut agent = server.agent(state.path(), "1s");
    let _ = server.api.reporting(&agent.id);
    agent.program.signal("TERM");
    assert_eq!(agent.program.exit().code(), Some(0));
    let (_, shown) = server.api.get(&format!("/api/v1/agents/{}", agent.id));
    assert_eq!(shown["presence"], "left");
}

#[test]
fn an_agent_keeps_its_id_and_shows_what_it_was_started_with() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let first = server.agent(state.path(), "1s").id;
    let labels = ["--label", "role=edge", "--label", "site=paris"];
    let again = AgentProgram::start(&tcp(&server), state.path(), "1s", &labels);
    assert_eq!(again.id, first);
    let shown = until("the labels", || {
        let (_, body) = server.api.get(&format!("/api/v1/agents/{first}"));
        (body["labels"] == json!({"role": "edge", "site": "paris"})).then_some(body)
    });
    assert_eq!(shown["interval_ms"], 1_000);
    assert_eq!(shown["transport"], "tcp");
}

#[test]
fn a_task_of_a_kind_that_the_agent_lacks_is_rejected_with_the_kinds_it_has() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let agent = server.agent(state.path(), "1s");
    let _ = server.api.reporting(&agent.id);
    let path = format!("/api/v1/agents/{}/tasks", agent.id);
    let (status, task) = server
        .api
        .post(&path, &json!({"kind": "dance", "input": {}}));
    assert_eq!(status, 201);
    let (_, task) = server.api.get(&format!(
        "/api/v1/tasks/{}?wait=5",
        task["id"].as_str().unwrap()
    ));
    assert_eq!(task["state"], "rejected");
    assert_eq!(task["outcome"]["error"]["code"], "unknown_kind");
    let message = task["outcome"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("shutdown"), "{message}");
}

#[test]
fn tasks_and_reports_outlive_the_server() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut server = ServerProgram::start(data.path());
    let mut agent = server.agent(state.path(), "1s");
    let _ = server.api.reporting(&agent.id);
    agent.program.kill();
    let (_, task) = server.api.post(
        &format!("/api/v1/agents/{}/shutdown", agent.id),
        &Value::Null,
    );
    server.program.kill();
    let server = ServerProgram::start(data.path());
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    assert_eq!(server.api.get(&path).1["state"], "queued");
    assert!(!server.api.seqs(&agent.id).is_empty());
    // The agent was off while the task was queued: it gets it when it returns.
    let mut agent = server.agent(state.path(), "1s");
    assert_eq!(agent.program.exit().code(), Some(0));
    assert_eq!(
        server.api.get(&format!("{path}?wait=5")).1["state"],
        "succeeded"
    );
}

#[test]
fn a_signal_stops_the_server_cleanly() {
    for signal in ["TERM", "INT"] {
        let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut server = ServerProgram::start(data.path());
        let agent = server.agent(state.path(), "100ms");
        let _ = server.api.reporting(&agent.id);
        server.program.signal(signal);
        assert_eq!(server.program.exit().code(), Some(0), "{signal}");
    }
}
