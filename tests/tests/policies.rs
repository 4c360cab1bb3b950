//! The policy of an agent's own host as the programs keep it: a real server asks, a real agent says no.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use widget_tests::{AgentProgram, Ctl, Program, ServerProgram, binary};

/// It ends at once with code 1 and one line that has these parts.
fn fails(state: &Path, more: &[&str], parts: &[&str]) {
    let mut command = Command::new(binary("widget-agent"));
    command.arg("--state").arg(state).args(more);
    let (code, said) = Program::start("widget-agent", &mut command).failure();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
}

#[test]
fn a_denied_task_reads_rejected_with_its_line() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    // It is found where the agent keeps its state.
    let policy = "# Nobody ends it.\ndeny kind shutdown,restart\n";
    fs::write(state.path().join("policy"), policy).unwrap();
    for url in [
        format!("tcp://{}", server.tcp),
        format!("http://{}", server.http),
    ] {
        let mut agent = AgentProgram::start(&url, state.path(), "100ms", &[]);
        let _ = server.api.reporting(&agent.id);
        for kind in ["shutdown", "restart"] {
            let task = server.api.queue(&agent.id, &json!({ "kind": kind }));
            let shown = server.api.ended(&task);
            assert_eq!(shown["state"], "rejected", "{shown}");
            let failure = &shown["outcome"]["error"];
            assert_eq!(failure["code"], "denied_by_policy");
            let line = "line 2 of the agent's policy denies it: deny kind shutdown,restart";
            assert_eq!(failure["message"], line);
            let page = server.api.text(&format!("/tasks/{task}"));
            assert!(page.contains("deny kind shutdown,restart"), "{page}");
        }
        assert!(agent.program.is_running());
        agent.program.signal("TERM");
        assert!(agent.program.exit().success());
    }
}

#[test]
fn what_a_policy_allows_is_done_as_ever() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let file = state.path().join("rules");
    fs::write(&file, "default deny\nallow kind shutdown\n").unwrap();
    let more = ["--policy", file.to_str().unwrap()];
    let url = format!("tcp://{}", server.tcp);
    let mut agent = AgentProgram::start(&url, state.path(), "100ms", &more);
    let _ = server.api.reporting(&agent.id);
    let denied = server.api.queue(&agent.id, &json!({ "kind": "restart" }));
    let shown = server.api.ended(&denied);
    assert_eq!(shown["state"], "rejected", "{shown}");
    let task = server.api.queue(&agent.id, &json!({ "kind": "shutdown" }));
    assert_eq!(server.api.ended(&task)["state"], "succeeded");
    assert!(agent.program.exit().success());
}

#[test]
fn who_asked_decides_too() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    fs::write(state.path().join("policy"), "deny from local\n").unwrap();
    let mut agent = server.agent(state.path(), "100ms");
    let _ = server.api.reporting(&agent.id);
    // Whoever is on this host, by its port.
    let task = server.api.queue(&agent.id, &json!({ "kind": "shutdown" }));
    let shown = server.api.ended(&task);
    assert_eq!(shown["state"], "rejected", "{shown}");
    let line = "line 1 of the agent's policy denies it: deny from local";
    assert_eq!(shown["outcome"]["error"]["message"], line);
    // Its own user, whom the system names.
    let said = Ctl::of(data.path()).run(&["shutdown", &agent.id, "--wait"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(agent.program.exit().success());
}

#[test]
fn the_example_is_a_policy() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policy");
    // Others may be allowed to write in a working copy.
    let file = state.path().join("policy");
    fs::write(&file, fs::read(example).unwrap()).unwrap();
    let agent = server.agent(state.path(), "100ms");
    let _ = server.api.reporting(&agent.id);
    let task = server.api.queue(&agent.id, &json!({ "kind": "shutdown" }));
    let shown = server.api.ended(&task);
    let said = shown["outcome"]["error"]["message"].as_str().unwrap();
    assert!(
        said.ends_with("denies it: deny kind shutdown,restart"),
        "{said}"
    );
}

#[test]
fn a_policy_that_cannot_be_read_keeps_the_agent_from_starting() {
    let state = TempDir::new().unwrap();
    let file = state.path().join("policy");
    let path = file.to_str().unwrap();
    // Named, and not there.
    fails(state.path(), &["--policy", path], &[path, "cannot be read"]);
    // No file at all.
    fs::create_dir(&file).unwrap();
    fails(state.path(), &[], &[path, "cannot be read"]);
    fs::remove_dir(&file).unwrap();
    // No rule.
    fs::write(&file, "deny kind shutdown\nforbid kind restart\n").unwrap();
    let parts = [path, "line 2", "\"forbid\"", "allow, deny or default"];
    fails(state.path(), &[], &parts);
    // Nobody's word in particular.
    fs::write(&file, "deny kind shutdown\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    fails(state.path(), &[], &[path, "others may write", "chmod go-w"]);
    // Nothing was begun in the directory meanwhile.
    assert!(!state.path().join("agent-id").exists());
}
