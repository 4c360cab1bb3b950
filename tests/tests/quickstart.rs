//! The quickstart as a newcomer starts it: it shows this host as it is, and the button's address
//! ends the agent.

#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::process::Command;

use serde_json::Value;
use widget_tests::{Program, ServerProgram, binary};

/// A line of /proc/meminfo, in bytes.
fn meminfo(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").expect("Linux has it");
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .expect("a line of that name");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    kib * 1_024
}

/// The lowest limit of memory of the control groups that this process is in, and the use of that
/// group, inactive pages of files not counted.
fn container() -> Option<(u64, u64)> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))?
        .to_owned();
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let mut lowest: Option<(u64, u64)> = None;
    let mut path = path.trim_end_matches('/').to_owned();
    loop {
        let dir = format!("/sys/fs/cgroup{path}");
        if let (Some(limit), Some(used)) = (
            number(&format!("{dir}/memory.max")),
            number(&format!("{dir}/memory.current")),
        ) {
            let stat = fs::read_to_string(format!("{dir}/memory.stat")).unwrap_or_default();
            let inactive = stat
                .lines()
                .find_map(|line| line.strip_prefix("inactive_file "));
            let inactive = inactive.and_then(|n| n.parse().ok()).unwrap_or(0);
            if lowest.is_none_or(|(least, _)| limit < least) {
                lowest = Some((limit, used.saturating_sub(inactive)));
            }
        }
        let Some((parent, _)) = path.rsplit_once('/') else {
            return lowest;
        };
        path = parent.to_owned();
    }
}

/// Total and used memory as this test reads it.
fn memory() -> (u64, u64) {
    let total = meminfo("MemTotal");
    match container() {
        Some((limit, used)) if limit < total => (limit, used),
        _ => (total, total - meminfo("MemAvailable")),
    }
}

#[test]
fn it_shows_this_host_and_ends_its_agent_when_asked() {
    let mut command = Command::new(binary("examples/quickstart"));
    command.args(["--admin", "127.0.0.1:0", "--tcp", "127.0.0.1:0"]);
    let (_, before) = memory();
    let mut server = ServerProgram::of(Program::start("quickstart", &mut command));
    let line = server.program.line();
    let id = line
        .strip_prefix("agent ")
        .expect("the agent's id")
        .to_owned();
    let shown = server.api.reporting(&id);
    let (total, after) = memory();

    let latest = &shown["latest"];
    assert_eq!(latest["total_memory"], total);
    let used = latest["used_memory"].as_u64().expect("a number");
    let margin = total / 50;
    let (least, most) = (
        before.min(after).saturating_sub(margin),
        before.max(after) + margin,
    );
    assert!(
        (least..=most).contains(&used),
        "{used} is not between {least} and {most}"
    );
    let cpu = latest["average_cpu"].as_f64().expect("a number");
    assert!((0.0..=100.0).contains(&cpu), "{cpu}");
    assert!(server.api.text("/").contains(&id), "the page shows it");

    let path = format!("/api/v1/agents/{id}/shutdown");
    let (_, task) = server.api.post(&path, &Value::Null);
    let path = format!(
        "/api/v1/tasks/{}?wait=5",
        task["id"].as_str().expect("an id")
    );
    assert_eq!(server.api.get(&path).1["state"], "succeeded");
    assert!(server.program.is_running(), "the server goes on");
    server.program.signal("INT");
    assert_eq!(server.program.exit().code(), Some(0));
}
