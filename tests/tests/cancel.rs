//! Cancel in each state over the API, and what the timeline says each time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{Rig, Strace, Way, until};

fn rig() -> (Rig, String) {
    let rig = Rig::running(Way::Tcp, 100);
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    (rig, agent)
}

fn cancel(rig: &Rig, task: &str) -> (u16, Value) {
    let path = format!("/api/v1/tasks/{task}/cancel");
    rig.api.post(&path, &Value::Null)
}

/// State and actor of each entry.
fn timeline(task: &Value) -> Vec<String> {
    let entries = task["timeline"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .map(|entry| format!("{} by {}", text(&entry["state"]), text(&entry["actor"])))
        .collect()
}

/// Whether an entry names the cancel as its cause.
fn says_cancel(task: &Value) -> bool {
    let mut entries = task["timeline"].as_array().unwrap().iter();
    entries.any(|entry| entry["cause"].as_str().unwrap().contains("cancel"))
}

#[test]
fn a_queued_task_is_cancelled_at_once() {
    let (mut rig, agent) = rig();
    rig.kill_agent();
    let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
    let (code, shown) = cancel(&rig, &task);
    assert_eq!((code, &shown["state"]), (202, &json!("cancelled")));
    assert_eq!(timeline(&shown), ["queued by api", "cancelled by api"]);
    assert!(says_cancel(&shown), "{shown}");
    rig.start_agent();
    let other = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&other)["state"], "succeeded");
    assert_eq!(rig.journal().order(), [other]);
}

#[test]
fn a_leased_task_is_cancelled_at_once_and_a_late_accept_is_refused() {
    let (rig, agent) = rig();
    // The agent waits for tasks, and does not hear that there is one.
    let warm = rig.api.queue(&agent, &json!({"kind": "quick"}));
    rig.api.ended(&warm);
    let program = rig.agent.as_ref().unwrap();
    let task = until("a task in the hands of an agent that sleeps", || {
        program.signal("STOP");
        let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
        let leased = (0..50).any(|_| rig.api.task(&task)["state"] == "leased");
        if !leased {
            program.signal("CONT");
        }
        leased.then_some(task)
    });
    let (code, shown) = cancel(&rig, &task);
    assert_eq!((code, &shown["state"]), (202, &json!("cancelled")));
    let expected = ["queued by api", "leased by server", "cancelled by api"];
    assert_eq!(timeline(&shown), expected);
    program.signal("CONT");
    let other = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&other)["state"], "succeeded");
    assert_eq!(rig.journal().starts(&task), 0);
    assert_eq!(timeline(&rig.api.task(&task)), expected);
}

/// An agent that was killed when it had a task and the server knew that, before the handler started.
fn killed_with_an_accepted_task() -> (Rig, String) {
    let mut rig = Rig::new(Way::Tcp, 3_600_000).one_thread();
    rig.start_server();
    rig.start_agent();
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    let logs = TempDir::new().unwrap();
    for write in 1..20 {
        rig.kill_agent();
        let spool = [rig.state().join("spool.log")];
        let strace = Strace::new("write,pwrite64", spool, &logs.path().join("strace"));
        let strace = strace.kill_at(write);
        if rig.start_agent_as(strace.around(&rig.agent_command())) {
            let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
            let state = until("it to be killed or done", || {
                let running = rig.agent.as_mut().unwrap().is_running();
                let task = rig.api.task(&task);
                (!running || !task["outcome"].is_null()).then(|| rig.api.task(&task_id(&task)))
            });
            if state["state"] == "accepted" {
                return (rig, task);
            }
        }
        rig.kill_agent();
        rig.start_agent();
    }
    panic!("no write lies between a task that was accepted and its start");
}

fn task_id(task: &Value) -> String {
    task["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_accepted_task_is_given_up_by_its_agent_before_it_starts() {
    let (mut rig, task) = killed_with_an_accepted_task();
    let (code, shown) = cancel(&rig, &task);
    assert_eq!((code, &shown["state"]), (202, &json!("accepted")));
    assert_eq!(shown["cancel_requested"], true);
    rig.start_agent();
    let shown = rig.api.ended(&task);
    let expected = [
        "queued by api",
        "leased by server",
        "accepted by agent",
        "accepted by api",
        "cancelled by agent",
    ];
    assert_eq!(timeline(&shown), expected, "{shown}");
    assert!(says_cancel(&shown), "{shown}");
    assert_eq!(rig.journal().starts(&task), 0);
}

#[test]
fn a_task_above_the_limit_of_its_kind_waits_in_the_queue_and_is_cancelled_there() {
    let (rig, agent) = rig();
    let first = rig
        .api
        .queue(&agent, &json!({"kind": "one-by-one", "input": 60_000}));
    rig.api.task_in(&first, "running");
    let second = rig.api.queue(&agent, &json!({"kind": "one-by-one"}));
    assert_eq!(cancel(&rig, &second).0, 202);
    let shown = rig.api.ended(&second);
    assert_eq!(shown["state"], "cancelled");
    assert!(says_cancel(&shown), "{shown}");
    assert_eq!(rig.journal().starts(&second), 0);
}

#[test]
fn a_running_task_is_asked_and_its_handler_decides() {
    let (rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "polite"}));
    rig.api.task_in(&task, "running");
    let (code, shown) = cancel(&rig, &task);
    assert_eq!((code, &shown["cancel_requested"]), (202, &json!(true)));
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "stopped");
    assert_eq!(shown["outcome"]["error"]["code"], "gave_up");
    assert!(says_cancel(&shown), "{shown}");
    assert_eq!(timeline(&shown).last().unwrap(), "stopped by agent");
}

#[test]
fn a_handler_that_had_finished_says_so_although_it_was_asked_to_give_up() {
    let (rig, agent) = rig();
    let task = rig
        .api
        .queue(&agent, &json!({"kind": "slow", "input": 500}));
    rig.api.task_in(&task, "running");
    assert_eq!(cancel(&rig, &task).0, 202);
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "succeeded");
    assert!(says_cancel(&shown), "{shown}");
}

#[test]
fn a_task_of_an_agent_that_is_away_is_asked_and_not_confirmed() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "endless"}));
    rig.api.task_in(&task, "running");
    rig.kill_agent();
    let (code, shown) = cancel(&rig, &task);
    assert_eq!((code, &shown["state"]), (202, &json!("running")));
    assert_eq!(shown["cancel_requested"], true);
    let (_, explained) = rig.api.get(&format!("/api/v1/tasks/{task}/explain"));
    let code = explained["code"].as_str().unwrap();
    assert!(code.contains("cancel"), "{explained}");
    rig.start_agent();
    assert_eq!(rig.api.ended(&task)["state"], "interrupted");
}

#[test]
fn a_task_that_has_ended_says_how() {
    let (rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
    rig.api.ended(&task);
    let (code, problem) = cancel(&rig, &task);
    assert_eq!((code, &problem["code"]), (409, &json!("task_ended")));
    let text = problem["detail"].as_str().unwrap();
    assert!(text.contains("succeeded"), "{problem}");
}
