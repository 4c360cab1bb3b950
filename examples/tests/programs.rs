//! Every example as a newcomer starts it: it ends by itself, and has shown what it is to show.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The longest that an example may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Where cargo has put an example of this package, which it builds with the tests.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let target = test.ancestors().nth(2);
    let target = target.expect("the test lies in target/PROFILE/deps");
    target.join("examples").join(name)
}

/// Runs an example to its end and gives what it printed, line by line.
fn lines(name: &str) -> Vec<String> {
    let mut child = Command::new(program(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}; build it with cargo build --examples"));
    let output = child.stdout.take().expect("piped");
    let errors = child.stderr.take().expect("piped");
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        // Ends when the program does.
        let read = (
            std::io::read_to_string(output),
            std::io::read_to_string(errors),
        );
        let _ = send.send(read);
    });
    let Ok((Ok(output), Ok(errors))) = ended.recv_timeout(LIMIT) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{name} does not end");
    };
    let status = child.wait().expect("a child");
    assert!(status.success(), "{name}: {status}: {errors}");
    output.lines().map(str::to_owned).collect()
}

#[test]
fn axum_app_shows_an_agent_inside() {
    assert_eq!(
        lines("axum_app"),
        [
            "the shop says 200 ordered",
            "the shop says 200 ordered",
            "the shop says 200 ordered",
            "the server sees 3 orders",
            "the task to close has succeeded",
            "the shop says 503 closed",
            "the agent has ended: Stopped",
        ]
    );
}

#[test]
fn smol_main_reports() {
    let lines = lines("smol_main");
    let (memory, rest) = lines.split_first().expect("a line");
    let bytes = memory
        .strip_prefix("the server sees ")
        .and_then(|rest| rest.strip_suffix(" bytes of memory"));
    let bytes: u64 = bytes.and_then(|n| n.parse().ok()).expect("a number");
    assert!(bytes > 0);
    assert_eq!(
        rest,
        [
            "the agent is connected by tcp",
            "the agent has ended: Stopped"
        ]
    );
}

#[test]
fn current_thread_runs_handlers_on_its_thread() {
    assert_eq!(
        lines("current_thread"),
        [
            "the agent has ended: Stopped",
            "2 handlers ran on the program's only thread",
        ]
    );
}

#[test]
fn gauges_are_seen_by_the_server() {
    let mut lines = lines("gauges");
    // Not every host has that sensor.
    lines.retain(|line| !line.starts_with("temperature = "));
    assert_eq!(
        lines,
        [
            "jobs.count = 4",
            "jobs.mean_seconds = 0.25",
            "queue.length = 3",
            "then queue.length = 2",
        ]
    );
}

#[test]
fn typed_handlers_say_progress_are_tried_again_block_and_stop() {
    assert_eq!(
        lines("typed_handlers"),
        [
            r#"greet "ann": succeeded: "hello ann""#,
            r#"greet "": failed: somebody must be named (no_name)"#,
            r#"print {"title":"letter","pages":2}: succeeded: {"title":"letter"}"#,
            r#"fetch "flaky": succeeded: 2"#,
            r#"fetch "nobody": failed: there is no such name (no_such_name)"#,
            "sum [1,2,3]: succeeded: 6",
            "  with 1 it is 1",
            "  with 2 it is 3",
            "  with 3 it is 6",
            "refused before it was queued: /pages",
            "the novel says its page: true",
            "the novel: stopped: stopped before the end of 100000 (stopped)",
        ]
    );
}

#[test]
fn reboot_is_told_by_the_next_start() {
    assert_eq!(
        lines("reboot"),
        [
            "while the host is down: running",
            "after its next boot: succeeded",
            "rebooted once: true",
        ]
    );
}

#[test]
fn unix_socket_carries_a_task() {
    assert_eq!(
        lines("unix_socket"),
        [
            "connected by unix",
            r#"echo succeeded: ["over","a","socket"]"#,
            "the socket is gone: true",
        ]
    );
}

#[test]
fn file_store_keeps_a_task_over_a_restart() {
    assert_eq!(
        lines("file_store"),
        [
            "while the agent is away: queued",
            "after a restart: queued",
            "with the agent back: succeeded",
        ]
    );
}

#[test]
fn mounted_server_is_behind_the_applications_key() {
    assert_eq!(
        lines("mounted_server"),
        [
            "the application's page: 200 the shop has 1 till",
            "the API without a key: 401 no key, no entry",
            "the API with the key: 200, lists the till: true",
            "the page with the key: 200, links to the till: true",
            "application and server have ended",
        ]
    );
}
