//! What handlers do, on real processes: they restart the program, block, write a lot, and outlive
//! their time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{AgentProgram, Rig, ServerProgram, Way, until};

fn rig() -> (Rig, String) {
    let rig = Rig::running(Way::Http, 100);
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    (rig, agent)
}

/// What the end of a restarted program says of the processes.
fn pids(task: &Value) -> (u64, u64) {
    let output = &task["outcome"]["output"];
    let pid = |when: &str| output[when]["pid"].as_u64().unwrap();
    (pid("before"), pid("after"))
}

#[test]
fn a_restart_replaces_the_program_in_its_process_once() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    for runtime in ["smol", "tokio"] {
        let url = format!("tcp://{}", server.tcp);
        let more = ["--runtime", runtime];
        let mut agent = AgentProgram::start(&url, state.path(), "100ms", &more);
        let _ = server.api.reporting(&agent.id);
        let pid = u64::from(agent.program.id());
        let task = server.api.queue(&agent.id, &json!({"kind": "restart"}));
        // What it says when it starts.
        assert_eq!(agent.program.line(), format!("agent {}", agent.id));
        let shown = server.api.ended(&task);
        assert_eq!(shown["state"], "succeeded", "{shown}");
        assert_eq!(pids(&shown), (pid, pid));
        let count = server.api.seqs(&agent.id).len();
        until("further reports", || {
            (server.api.seqs(&agent.id).len() > count + 3).then_some(())
        });
        assert!(agent.program.is_running(), "it is restarted once");
        agent.program.signal("TERM");
        assert!(agent.program.exit().success());
    }
}

#[test]
fn an_embedding_program_restarts_itself_too() {
    let (mut rig, agent) = rig();
    let pid = u64::from(rig.agent.as_ref().unwrap().id());
    let task = rig.api.queue(&agent, &json!({"kind": "restart"}));
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "succeeded", "{shown}");
    assert_eq!(pids(&shown), (pid, pid));
    let work = rig.api.queue(&agent, &json!({"kind": "quick"}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert!(rig.agent.as_mut().unwrap().is_running());
}

#[test]
fn an_agent_killed_in_the_middle_of_a_restart_is_restarted_once() {
    let (mut rig, agent) = rig();
    let task = rig.api.queue(&agent, &json!({"kind": "restart"}));
    until("the task to run", || {
        let task = rig.api.task(&task);
        (task["state"] == "running" || !task["outcome"].is_null()).then_some(())
    });
    rig.kill_agent();
    rig.start_agent();
    let shown = rig.api.ended(&task);
    let state = shown["state"].as_str().unwrap();
    // Interrupted if it was killed before it had said that it would not come back.
    assert!(["succeeded", "interrupted"].contains(&state), "{shown}");
    let work = rig
        .api
        .queue(&agent, &json!({"kind": "slow", "input": 300}));
    assert_eq!(rig.api.ended(&work)["state"], "succeeded");
    assert!(rig.agent.as_mut().unwrap().is_running(), "it stays up");
}

#[test]
fn a_handler_that_panics_fails_its_task_and_the_agent_goes_on() {
    let (mut rig, agent) = rig();
    for kind in ["panic", "panic-again"] {
        let task = rig.api.queue(&agent, &json!({"kind": kind}));
        let shown = rig.api.ended(&task);
        assert_eq!(shown["state"], "failed", "{shown}");
        assert_eq!(shown["outcome"]["error"]["code"], "panic");
        assert_eq!(rig.journal().starts(&task), 1);
    }
    assert!(rig.agent.as_mut().unwrap().is_running());
}

/// The same handlers where panics are not caught.
#[test]
fn a_panic_that_ends_the_process_is_interrupted_or_counts_as_a_loss() {
    let mut rig = Rig::new(Way::Tcp, 100);
    let start = |rig: &mut Rig| {
        let mut command = rig.agent_command();
        command.args(["--on-panic", "abort"]);
        assert!(rig.start_agent_as(command), "{}", rig.said());
    };
    rig.start_server();
    start(&mut rig);
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    let task = rig.api.queue(&agent, &json!({"kind": "panic"}));
    assert!(!rig.agent.as_mut().unwrap().exit().success());
    start(&mut rig);
    assert_eq!(rig.api.ended(&task)["state"], "interrupted");
    assert_eq!(rig.journal().starts(&task), 1);
    let task = rig.api.queue(&agent, &json!({"kind": "panic-again"}));
    for starts in 1..=3 {
        assert!(!rig.agent.as_mut().unwrap().exit().success());
        assert_eq!(rig.journal().starts(&task), starts);
        start(&mut rig);
        let _ = rig.agent.as_ref().unwrap().error_with("connected");
    }
    let shown = rig.api.ended(&task);
    assert_eq!(shown["outcome"]["error"]["code"], "crash_loop", "{shown}");
    assert!(rig.agent.as_mut().unwrap().is_running(), "it stays up");
    assert_eq!(rig.journal().starts(&task), 3);
}

#[test]
fn a_handler_that_never_ends_is_dropped_at_its_timeout() {
    let (rig, agent) = rig();
    let endless = json!({"kind": "endless", "timeout_seconds": 0.2});
    let task = rig.api.queue(&agent, &endless);
    assert_eq!(rig.api.ended(&task)["state"], "timed_out");
    let journal = rig.journal();
    assert_eq!((journal.starts(&task), journal.ends(&task)), (1, 0));
}

#[test]
fn a_handler_that_blocks_is_timed_out_and_its_late_end_is_kept_beside_it() {
    let (rig, agent) = rig();
    let slow = json!({"kind": "blocking", "input": 1_000, "timeout_seconds": 0.2});
    let task = rig.api.queue(&agent, &slow);
    let shown = rig.api.ended(&task);
    assert_eq!(shown["state"], "timed_out");
    assert_eq!(rig.journal().ends(&task), 0, "it still runs");
    let shown = until("the late end", || {
        let shown = rig.api.task(&task);
        (!shown["evidence"].is_null()).then_some(shown)
    });
    assert_eq!(shown["state"], "timed_out");
    assert_eq!(shown["evidence"]["state"], "succeeded");
    assert_eq!(rig.journal().ends(&task), 1);
}

#[test]
fn a_handler_that_writes_100_mib_costs_bounded_memory_and_keeps_head_and_tail() {
    let (rig, agent) = rig();
    let lines = 100 * 1_024;
    let task = rig
        .api
        .queue(&agent, &json!({"kind": "print", "input": lines}));
    let shown = until("its end", || {
        let (_, shown) = rig.api.get(&format!("/api/v1/tasks/{task}?wait=9"));
        (!shown["outcome"].is_null()).then_some(shown)
    });
    assert_eq!(shown["state"], "succeeded", "{shown}");
    let (_, output) = rig
        .api
        .get(&format!("/api/v1/tasks/{task}/output?format=json"));
    let text = |part: &str| output[part].as_str().unwrap().to_owned();
    let (head, tail) = (text("head"), text("tail"));
    assert!(head.len() + tail.len() <= 1_024 * 1_024, "1 MiB at most");
    assert_eq!(head.lines().next().unwrap().trim(), "0");
    assert_eq!(tail.lines().last().unwrap().trim(), (lines - 1).to_string());
    assert_eq!(output["length"], lines * 1_024);
    let pid = rig.agent.as_ref().unwrap().id();
    let memory = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = memory
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 64 * 1_024, "{kib} KiB at its peak");
}
