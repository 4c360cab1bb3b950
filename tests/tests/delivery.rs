//! What is promised of tasks when real processes are off, end, crash, or find damaged files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use widget_tests::{Program, Rig, Way, binary, until};

/// Both running, and the agent known to the server.
fn rig() -> (Rig, String) {
    let rig = Rig::running(Way::Tcp, 100);
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    (rig, agent)
}

fn states(task: &Value) -> Vec<&str> {
    let entries = task["timeline"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["state"].as_str().unwrap())
        .collect()
}

/// Waits until the spool on disk has these bytes in it.
fn kept(rig: &Rig, what: &str) {
    until("the spool to have it", || {
        let mut bytes = fs::read(rig.state().join("spool.log")).unwrap_or_default();
        // Bodies are kept with each bit inverted.
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        let found = bytes
            .windows(what.len())
            .any(|part| part == what.as_bytes());
        found.then_some(())
    });
}

/// Runs `widget-agent --status` beside the agent.
fn status(state: &Path) -> (Option<i32>, String) {
    let output = Command::new(binary("widget-agent"))
        .arg("--status")
        .arg("--state")
        .arg(state)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text + &errors)
}

#[test]
fn an_agent_that_was_off_gets_its_tasks_in_order_unless_their_ttl_ran_out() {
    let (mut rig, agent) = rig();
    rig.kill_agent();
    let queue = |task: Value| rig.api.queue(&agent, &task);
    let mut tasks: Vec<String> = (0..10).map(|_| queue(json!({"kind": "quick"}))).collect();
    let late = queue(json!({"kind": "quick", "ttl_seconds": 0.2}));
    tasks.extend((0..10).map(|_| queue(json!({"kind": "quick"}))));
    let late_is = rig.api.task_in(&late, "expired");
    assert_eq!(states(&late_is), ["queued", "expired"]);
    rig.start_agent();
    for task in &tasks {
        assert_eq!(rig.api.ended(task)["state"], "succeeded");
    }
    assert_eq!(rig.journal().order(), tasks);
}

#[test]
fn a_shutdown_ends_a_supervised_agent_once() {
    let (mut rig, agent) = rig();
    let (code, task) = rig
        .api
        .post(&format!("/api/v1/agents/{agent}/shutdown"), &Value::Null);
    assert_eq!(code, 202);
    assert_eq!(rig.agent.as_mut().unwrap().exit().code(), Some(0));
    // As a supervisor would.
    rig.start_agent();
    let task = rig.api.ended(task["id"].as_str().unwrap());
    assert_eq!(task["state"], "succeeded");
    let work = rig
        .api
        .queue(&agent, &json!({"kind": "slow", "input": 300}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert!(rig.agent.as_mut().unwrap().is_running(), "it stays up");
}

#[test]
fn a_shutdown_whose_goodbye_was_not_heard_ends_a_supervised_agent_once() {
    let (mut rig, agent) = rig();
    rig.agent.as_ref().unwrap().signal("STOP");
    let path = format!("/api/v1/agents/{agent}/shutdown");
    let (_, task) = rig.api.post(&path, &Value::Null);
    let id = task["id"].as_str().unwrap().to_owned();
    rig.agent.as_ref().unwrap().signal("CONT");
    // The server is killed as soon as it knows that the task runs, if it is not over by then.
    until("the task to run", || {
        let task = rig.api.task(&id);
        (task["state"] == "running" || !task["outcome"].is_null()).then_some(())
    });
    rig.kill_server();
    assert_eq!(rig.agent.as_mut().unwrap().exit().code(), Some(0));
    rig.start_server();
    rig.start_agent();
    assert_eq!(rig.api.ended(&id)["state"], "succeeded");
    let work = rig
        .api
        .queue(&agent, &json!({"kind": "slow", "input": 300}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert!(rig.agent.as_mut().unwrap().is_running(), "it stays up");
}

#[test]
fn an_agent_killed_between_the_end_of_a_handler_and_its_report_tells_it_after_the_restart() {
    let (mut rig, agent) = rig();
    let task = rig
        .api
        .queue(&agent, &json!({"kind": "slow", "input": 200}));
    rig.api.task_in(&task, "running");
    rig.kill_server();
    // What the handler gave back.
    kept(&rig, "did it");
    rig.kill_agent();
    rig.start_server();
    assert_eq!(rig.api.task(&task)["state"], "running");
    rig.start_agent();
    assert_eq!(rig.api.ended(&task)["state"], "succeeded");
    assert_eq!(rig.journal().starts(&task), 1);
}

#[test]
fn an_agent_killed_in_the_middle_leaves_a_task_that_may_have_happened() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "endless"}));
    rig.api.task_in(&task, "running");
    rig.kill_agent();
    rig.start_agent();
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "interrupted");
    let message = shown["outcome"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("may have happened"), "{message}");
    let (_, explained) = rig.api.get(&format!("/api/v1/tasks/{task}/explain"));
    let sentence = explained["sentence"].as_str().unwrap();
    assert!(sentence.contains("may have happened"), "{explained}");
    let page = rig.api.text(&format!("/tasks/{task}"));
    assert!(page.contains("may have happened"), "the page says it");
    assert_eq!(rig.journal().starts(&task), 1);
}

#[test]
fn a_task_that_ends_the_process_is_interrupted_and_not_started_again() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "crash"}));
    assert!(!rig.agent.as_mut().unwrap().exit().success());
    rig.start_agent();
    assert_eq!(rig.api.ended(&task)["state"], "interrupted");
    let work = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert_eq!(rig.journal().starts(&task), 1);
}

#[test]
fn a_task_that_ends_the_process_three_times_is_a_crash_loop() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "crash-again"}));
    for start in 1..=3 {
        assert!(!rig.agent.as_mut().unwrap().exit().success());
        assert_eq!(rig.journal().starts(&task), start);
        // It comes up, and connects before it starts anything.
        rig.start_agent();
        let _ = rig.agent.as_ref().unwrap().error_with("connected");
    }
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["outcome"]["error"]["code"], "crash_loop");
    let work = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert_eq!(rig.journal().starts(&task), 3);
}

#[test]
fn a_second_process_on_a_state_directory_refuses_to_start() {
    let (rig, _) = rig();
    let second = Program::start("widget-test-agent", &mut rig.agent_command());
    let (code, said) = second.failure();
    assert_eq!(code, Some(1));
    assert!(said.contains("in use by another agent"), "{said}");
}

#[test]
fn a_damaged_spool_is_set_aside_and_said_and_the_agent_starts() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&task)["state"], "succeeded");
    rig.kill_agent();
    let path = rig.state().join("spool.log");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, &bytes).unwrap();
    rig.start_agent();
    let said = rig.agent.as_ref().unwrap().error_with("set aside");
    assert!(said.contains("spool.log.damaged-"), "{said}");
    let files = fs::read_dir(rig.state()).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let aside = names
        .find(|name| name.starts_with("spool.log.damaged-"))
        .unwrap();
    assert_eq!(fs::read(rig.state().join(aside)).unwrap(), bytes);
    let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&task)["state"], "succeeded");
}

#[test]
fn the_status_of_a_spool_is_shown_beside_the_running_agent() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "endless"}));
    rig.api.task_in(&task, "running");
    let (code, said) = status(&rig.state());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("bytes") && said.contains("running"), "{said}");
    assert!(rig.agent.as_mut().unwrap().is_running());
    let empty = rig.data().join("nothing");
    let (_, said) = status(&empty);
    assert!(said.contains("no spool"), "{said}");
    assert!(!empty.exists(), "asking makes nothing");
}
