//! The first start of all, killed at each call that makes the files: the second one finds a way.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use widget_tests::{Rig, Strace, Way};

const CALLS: &str = "fdatasync,fsync,write,pwrite64,rename,ftruncate,unlink";

/// Kills at one call after the other, each time in an empty directory, until it gets through.
fn walk(
    files: impl Fn(&Rig) -> Vec<PathBuf>,
    start: impl Fn(&mut Rig, Option<&Strace>) -> bool,
    step: usize,
) -> u32 {
    let logs = TempDir::new().unwrap();
    let step = if super::all() { 1 } else { step };
    let mut hit = 0;
    for number in (1..).step_by(step) {
        let mut rig = Rig::new(Way::Tcp, 100);
        let strace = Strace::new(CALLS, files(&rig), &logs.path().join("strace")).kill_at(number);
        let through = start(&mut rig, Some(&strace));
        rig.kill_server();
        rig.kill_agent();
        if through {
            break;
        }
        hit += 1;
        assert!(start(&mut rig, None), "call {number}: {}", rig.said());
        if rig.server.is_none() {
            rig.start_server();
        }
        if rig.agent.is_none() {
            rig.start_agent();
        }
        let agent = rig.agent_id();
        let _ = rig.api.reporting(&agent);
        let task = rig.api.queue(&agent, &json!({"kind": "quick"}));
        assert_eq!(rig.api.ended(&task)["state"], "succeeded");
    }
    hit
}

#[test]
fn the_server_starts_after_a_first_start_that_was_killed_anywhere() {
    let names = ["widget.db", "widget.db-wal", "widget.db-journal", "lock"];
    let files = |rig: &Rig| names.map(|name| rig.data().join(name)).into();
    let hit = walk(
        files,
        |rig, strace| {
            let command = rig.server_command();
            rig.start_server_as(
                strace.map_or(command, |strace| strace.around(&rig.server_command())),
            )
        },
        11,
    );
    println!("server, first start: killed at {hit} calls");
    assert!(hit > 0);
}

#[test]
fn the_agent_starts_after_a_first_start_that_was_killed_anywhere() {
    let names = [
        "agent-id.new",
        "agent-id",
        "spool.log",
        "spool.log.new",
        "lock",
    ];
    let files = |rig: &Rig| names.map(|name| rig.state().join(name)).into();
    let hit = walk(
        files,
        |rig, strace| {
            let command = rig.agent_command();
            rig.start_agent_as(strace.map_or(command, |strace| strace.around(&rig.agent_command())))
        },
        1,
    );
    println!("agent, first start: killed at {hit} calls");
    assert!(hit > 0);
}
