//! An agent that is killed while it joins, at whatever call: the same string lets it in, once.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use tempfile::TempDir;
use widget_tests::{AgentProgram, Strace};

use crate::host::Host;

/// What makes the files of a state directory, and what makes them last. Each is walked by itself: every
/// thread counts its own, and mostly it is another one that does the next.
const FILE_CALLS: [&str; 7] = [
    "openat",
    "write",
    "pwrite64",
    "fdatasync",
    "fsync",
    "rename",
    "unlink",
];
const FILES: [&str; 6] = [
    "",
    "agent-id",
    "agent-id.new",
    "credential",
    "credential.new",
    "lock",
];
/// What goes out to the server and comes from it.
const NET_CALLS: [&str; 6] = [
    "connect", "sendto", "sendmsg", "writev", "recvfrom", "recvmsg",
];

/// Kills at one call of each kind after the other, each time with a directory and a string of its own,
/// until it gets through.
fn walk(calls: &[&str], files: impl Fn(&Host, &str) -> Vec<PathBuf>) {
    let (host, logs) = (Host::start(), TempDir::new().unwrap());
    let mut agents = BTreeSet::new();
    let mut hit = 0;
    for call in calls {
        for number in 1.. {
            let (state, join) = (format!("{call}-{number}"), host.join_string("tls"));
            let log = logs.path().join(&state);
            let strace = Strace::new(call, files(&host, &state), &log).kill_at(number);
            let command = host.command(&state, &["--join", &join]);
            let mut first = Host::run(&mut strace.around(&command));
            let is_through = first.line_unless_ended().is_some();
            if !is_through {
                assert_eq!(
                    first.exit().signal(),
                    Some(9),
                    "{state}: {:?}",
                    first.errors()
                );
            }
            drop(first);
            // Now without anything in its way.
            let agent: AgentProgram = host.agent(&state, &join);
            assert!(agents.insert(agent.id.clone()), "{state}");
            if is_through {
                break;
            }
            hit += 1;
        }
    }
    println!("killed at {hit} of {calls:?}");
    assert!(hit > 0, "nothing was hit");
    // None came in twice, though some had been let in and never heard of it.
    let admin = host.token("admin");
    let (_, page) = host
        .curl()
        .with_token(&admin)
        .get("/api/v1/agents?limit=1000");
    let known = page["items"].as_array().unwrap().iter();
    let known: BTreeSet<String> = known
        .map(|agent| agent["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(known, agents);
}

#[test]
fn an_agent_that_is_killed_at_a_file_while_it_joins_joins_by_the_same_string() {
    walk(&FILE_CALLS, |host, state| {
        let state = host.state(state);
        FILES.map(|name| state.join(name)).into()
    });
}

#[test]
fn an_agent_that_is_killed_between_two_words_of_its_joining_joins_by_the_same_string() {
    walk(&NET_CALLS, |_, _| Vec::new());
}
