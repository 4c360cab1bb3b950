//! Agents and their tasks.

use serde_json::Value;
use tempfile::TempDir;
use widget_tests::until;

use crate::Near;

#[test]
fn json_is_what_the_api_says() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let mut agent = near.server.agent(state.path(), "1s");
    let id = agent.id.clone();
    let _ = near.server.api.reporting(&id);
    let _ = near.ctl.prints(&["join-token", "create"]);
    let task = near
        .ctl
        .prints(&["task", "send", &id, "dance", "[1, 2.50]"]);
    let _ = near.server.api.ended(&task);
    // From here on nothing changes.
    agent.program.signal("TERM");
    let _ = agent.program.exit();
    until("its goodbye", || {
        let (_, shown) = near.server.api.get(&format!("/api/v1/agents/{id}"));
        (shown["presence"] == "left").then_some(())
    });
    for (words, path) in [
        (
            &["agent", "list"][..],
            "/api/v1/agents?limit=200".to_owned(),
        ),
        (&["agent", "show", &id], format!("/api/v1/agents/{id}")),
        (&["task", "list"], "/api/v1/tasks?limit=100".to_owned()),
        (&["task", "show", &task], format!("/api/v1/tasks/{task}")),
        (&["token", "list"], "/api/v1/tokens?limit=200".to_owned()),
        (&["audit"], "/api/v1/audit?limit=100".to_owned()),
    ] {
        let said = near.ctl.prints(&[words, &["--json"]].concat());
        assert_eq!(said, near.server.api.text(&path), "{words:?}");
    }
}

#[test]
fn a_task_is_sent_with_its_input_as_it_was_typed() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let agent = near.server.agent(state.path(), "1s");
    let _ = near.server.api.reporting(&agent.id);
    let send = ["task", "send", &agent.id, "dance"];
    let id = near.ctl.prints(&[&send[..], &[r#"{"n": 1.50}"#]].concat());
    let (_, task) = near.server.api.get(&format!("/api/v1/tasks/{id}?wait=5"));
    assert_eq!(task["state"], "rejected");
    let shown = near.ctl.prints(&["task", "show", &id]);
    for part in [
        id.as_str(),
        "rejected",
        "unknown_kind",
        "handed to the agent",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let raw = near.ctl.prints(&["task", "show", &id, "--json"]);
    assert!(raw.contains(r#""input":{"n": 1.50}"#), "{raw}");
    let said = near.ctl.fails(1, &["task", "cancel", &id]);
    assert!(said.contains("task_ended"), "{said}");
}

#[test]
fn tasks_are_listed_by_agent_and_state() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let mut agent = near.server.agent(state.path(), "1s");
    let _ = near.server.api.reporting(&agent.id);
    agent.program.kill();
    let send = |kind| near.ctl.prints(&["task", "send", &agent.id, kind]);
    let (one, two) = (send("a"), send("b"));
    assert_eq!(
        near.ctl.prints(&["task", "cancel", &one]),
        format!("task {one} is cancelled")
    );
    let queued = near
        .ctl
        .prints(&["task", "list", "--state", "queued,running"]);
    assert!(queued.contains(&two) && !queued.contains(&one), "{queued}");
    let other = "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d";
    let none = near.ctl.json(&["task", "list", "--agent", other]);
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
}

#[test]
fn a_shutdown_is_waited_for() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let mut agent = near.server.agent(state.path(), "1s");
    let _ = near.server.api.reporting(&agent.id);
    let said = near.ctl.prints(&["shutdown", &agent.id, "--wait"]);
    assert_eq!(said, format!("agent {} has ended", agent.id));
    assert_eq!(agent.program.exit().code(), Some(0));
}

#[test]
fn a_shutdown_that_comes_to_nothing_is_a_failure() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let mut agent = near.server.agent(state.path(), "1s");
    let _ = near.server.api.reporting(&agent.id);
    agent.program.kill();
    let mut waiting = near.ctl.start(&["shutdown", &agent.id, "--wait"]);
    let purge = format!("/api/v1/agents/{}/purge", agent.id);
    until("the end of its task", || {
        let _ = near.server.api.post(&purge, &Value::Null);
        (!waiting.is_running()).then_some(())
    });
    let (code, out, said) = waiting.ended();
    assert_eq!((code, out.as_str()), (Some(1), ""), "{said}");
    assert!(
        said.contains("was not ended") && said.contains("cancelled"),
        "{said}"
    );
}

#[test]
fn an_agent_that_is_deleted_is_gone() {
    let near = Near::start();
    let state = TempDir::new().unwrap();
    let mut agent = near.server.agent(state.path(), "1s");
    let _ = near.server.api.reporting(&agent.id);
    agent.program.kill();
    assert!(near.ctl.prints(&["agent", "list"]).contains(&agent.id));
    let said = near.ctl.fails(1, &["agent", "release", &agent.id]);
    assert!(said.contains("not_cloned"), "{said}");
    let said = near.ctl.prints(&["agent", "delete", &agent.id]);
    assert_eq!(said, format!("agent {} is deleted", agent.id));
    let said = near.ctl.fails(1, &["agent", "show", &agent.id]);
    assert!(said.contains("unknown_agent"), "{said}");
}
