//! A disk that is full: agents are told to come back, the API says 503, and when there is room
//! again all goes on without a hole.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{Program, ServerProgram, binary, until};

/// Starts a server whose files may not grow beyond so many blocks of 512 bytes: the kernel then
/// refuses its writes as a full disk would.
fn start(data: &TempDir, blocks: u32) -> ServerProgram {
    let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(binary("widget-server"));
    command
        .args(["--admin", "127.0.0.1:0", "--tcp", "127.0.0.1:0"])
        .args(["--http", "127.0.0.1:0", "--data"])
        .arg(data.path());
    ServerProgram::of(Program::start("widget-server", &mut command))
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost_once_there_is_room() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = start(&data, 1_200);
    let agent = server.agent(state.path(), "100ms");
    let _ = server.api.reporting(&agent.id);
    let tasks = format!("/api/v1/agents/{}/tasks", agent.id);
    let body = json!({"kind": "dance", "input": "x".repeat(60_000)});
    let mut queued = 0;
    let problem = until("the disk to be full", || {
        let (status, body) = server.api.post(&tasks, &body);
        queued += usize::from(status == 201);
        (status == 503).then_some(body)
    });
    assert_eq!(problem["code"], "store_unavailable");
    until("the server to be unready", || {
        (server.api.get("/readyz").0 == 503).then_some(())
    });
    assert!(
        server.api.text("/").contains("cannot be written"),
        "the page says it"
    );

    let pid = server.program.id().to_string();
    let lifted = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status();
    assert!(lifted.unwrap().success());
    until("the server to be ready again", || {
        let (status, _) = server.api.post(&tasks, &json!({"kind": "dance"}));
        (status == 201 && server.api.get("/readyz").0 == 200).then_some(())
    });
    let count = server.api.seqs(&agent.id).len();
    let seqs = until("further reports", || {
        let seqs = server.api.seqs(&agent.id);
        (seqs.len() > count + 3).then_some(seqs)
    });
    assert_eq!(seqs, (1..).take(seqs.len()).collect::<Vec<u64>>());
    let (_, shown) = server.api.get(&format!("/api/v1/agents/{}", agent.id));
    assert_eq!(shown["dropped"], Value::from(0));
    // Whoever was answered 503 has queued nothing.
    let (_, list) = server.api.get("/api/v1/tasks?limit=1000");
    let large = |task: &&Value| task["input"] == body["input"];
    let large = list["items"].as_array().unwrap().iter().filter(large);
    assert_eq!(large.count(), queued);
}
