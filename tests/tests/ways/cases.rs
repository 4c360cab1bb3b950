//! What must hold over every way.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{ServerProgram, until};

use crate::way::Way;

/// Three agents report, one is shut down, the others go on.
pub(crate) fn three_agents_show_up_and_one_is_shut_down(way: &Way) {
    let (data, dirs) = (
        TempDir::new().unwrap(),
        [(); 3].map(|()| TempDir::new().unwrap()),
    );
    let server = ServerProgram::start(data.path());
    let road = way.to(&server);
    let start = Instant::now();
    let mut agents = dirs.each_ref().map(|dir| road.agent(dir.path(), "1s"));
    for agent in &agents {
        let shown = server.api.reporting(&agent.id);
        assert_eq!(shown["presence"], "online");
        assert_eq!(shown["transport"], way.transport());
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

/// The server is killed and comes back ten seconds later.
pub(crate) fn reports_have_no_hole_and_no_repeat_when_the_server_is_killed(way: &Way) {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut server = ServerProgram::start(data.path());
    let road = way.to(&server);
    let agent = road.agent(state.path(), "100ms");
    until("some reports", || {
        (server.api.seqs(&agent.id).len() >= 10).then_some(())
    });
    let (tcp, http) = (server.tcp.clone(), server.http.clone());
    server.program.kill();
    // Longer than a connection or a first back-off lasts; the promise is about real time.
    thread::sleep(Duration::from_secs(10));
    let server = ServerProgram::start_at(data.path(), &tcp, &http);
    let seqs = until("the reports of the gap", || {
        let seqs = server.api.seqs(&agent.id);
        (seqs.len() > 110).then_some(seqs)
    });
    let expected: Vec<u64> = (1..).take(seqs.len()).collect();
    assert_eq!(seqs, expected);
}

fn states(task: &Value) -> Vec<&str> {
    let entries = task["timeline"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| entry["state"].as_str())
        .collect()
}
