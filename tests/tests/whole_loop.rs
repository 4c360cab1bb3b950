//! The whole loop on real processes, sockets and files: report, show, shut down.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{AgentProgram, ServerProgram, until};

fn states(task: &Value) -> Vec<&str> {
    let entries = task["timeline"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| entry["state"].as_str())
        .collect()
}

#[test]
fn three_agents_show_up_and_one_is_shut_down() {
    let (data, dirs) = (
        TempDir::new().unwrap(),
        [(); 3].map(|()| TempDir::new().unwrap()),
    );
    let server = ServerProgram::start(data.path());
    let start = Instant::now();
    let mut agents = dirs.each_ref().map(|dir| server.agent(dir.path(), "1s"));
    for agent in &agents {
        let shown = server.api.reporting(&agent.id);
        assert_eq!(shown["presence"], "online");
        let latest = &shown["latest"];
        assert!(latest["total_memory"].as_u64() >= latest["used_memory"].as_u64());
    }
    let (_, collectors) = server.api.get("/api/collectors");
    let ids: Vec<_> = collectors
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["collector_id"])
        .collect();
    let page = server.api.text("/");
    for agent in &agents {
        assert!(
            ids.contains(&&json!(agent.id)),
            "{} in /api/collectors",
            agent.id
        );
        assert!(page.contains(&agent.id), "{} on the page", agent.id);
    }
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "took {:?}",
        start.elapsed()
    );

    let [first, second, third] = &mut agents;
    let asked = Instant::now();
    let (status, task) = server.api.post(
        &format!("/api/v1/agents/{}/shutdown", first.id),
        &Value::Null,
    );
    assert_eq!(status, 202);
    assert_eq!(first.program.exit().code(), Some(0));
    println!("shut down after {:?}", asked.elapsed());
    let path = format!("/api/v1/tasks/{}?wait=5", task["id"].as_str().unwrap());
    let (_, task) = server.api.get(&path);
    assert_eq!(task["state"], "succeeded");
    assert_eq!(
        states(&task),
        ["queued", "leased", "accepted", "running", "succeeded"]
    );
    let actors: Vec<_> = task["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["actor"])
        .collect();
    assert_eq!(actors, ["api", "server", "agent", "agent", "agent"]);
    for agent in [second, third] {
        let before = server.api.seqs(&agent.id).len();
        until("further reports", || {
            (server.api.seqs(&agent.id).len() > before).then_some(())
        });
        assert!(agent.program.is_running());
    }
}

#[test]
fn reports_have_no_hole_and_no_repeat_when_the_server_is_killed_for_ten_seconds() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut server = ServerProgram::start(data.path());
    let agent = server.agent(state.path(), "100ms");
    until("some reports", || {
        (server.api.seqs(&agent.id).len() >= 10).then_some(())
    });
    let tcp = server.tcp.clone();
    server.program.kill();
    // Longer than a connection or a first back-off lasts; the promise is about real time.
    thread::sleep(Duration::from_secs(10));
    let server = ServerProgram::start_at(data.path(), &tcp);
    let seqs = until("the reports of the gap", || {
        let seqs = server.api.seqs(&agent.id);
        (seqs.len() > 110).then_some(seqs)
    });
    let expected: Vec<u64> = (1..).take(seqs.len()).collect();
    assert_eq!(seqs, expected);
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
    let again = AgentProgram::start(&server.tcp, state.path(), "1s", &labels);
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
