//! A version 1 collector, made from the golden bytes, against the real server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use widget_tests::ServerProgram;

const GOLDEN: &str = include_str!("../../widget-core/golden/v1.txt");
const ID: &str = "0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90";

/// The bytes of a line of the golden file.
fn golden(name: &str) -> Vec<u8> {
    let line = GOLDEN
        .lines()
        .find(|line| line.starts_with(&format!("{name} |")))
        .unwrap();
    let hex = line.rsplit(" | ").next().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn connect(server: &ServerProgram) -> TcpStream {
    let stream = TcpStream::connect(&server.tcp).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// Sends a frame and expects a reply.
fn exchange(stream: &mut TcpStream, frame: &str, reply: &str) {
    stream.write_all(&golden(frame)).unwrap();
    let expected = golden(reply);
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, expected, "{frame} is answered {reply}");
}

#[test]
fn a_collector_submits_asks_and_is_shut_down_once() {
    let data = TempDir::new().unwrap();
    let server = ServerProgram::start(data.path());
    let mut stream = connect(&server);
    exchange(&mut stream, "request-work", "reply-no-work");
    exchange(&mut stream, "submit-typical", "reply-ack");
    exchange(&mut stream, "request-work", "reply-no-work");
    let (_, shown) = server.api.get(&format!("/api/v1/agents/{ID}"));
    assert_eq!(
        (&shown["protocol"], &shown["presence"]),
        (&1.into(), &"online".into())
    );
    assert_eq!(shown["latest"]["total_memory"], 17_179_869_184_u64);
    assert_eq!(shown["latest"]["average_cpu"], 12.5);

    let (status, task) = server
        .api
        .post(&format!("/api/collector/{ID}/shutdown"), &Value::Null);
    assert_eq!(status, 202);
    // As the tutorial's collector does: a connection for each command.
    exchange(&mut connect(&server), "request-work", "reply-task-shutdown");
    exchange(&mut connect(&server), "request-work", "reply-no-work");
    let (_, task) = server
        .api
        .get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()));
    assert_eq!(task["state"], "interrupted");
}

#[test]
fn only_a_shutdown_can_be_asked_of_a_collector() {
    let data = TempDir::new().unwrap();
    let server = ServerProgram::start(data.path());
    exchange(&mut connect(&server), "submit-typical", "reply-ack");
    let body = serde_json::json!({"kind": "echo"});
    let (status, problem) = server
        .api
        .post(&format!("/api/v1/agents/{ID}/tasks"), &body);
    assert_eq!((status, &problem["code"]), (409, &"agent_is_v1".into()));
}

#[test]
fn numbers_that_cannot_be_stored_are_acknowledged_dropped_and_counted() {
    let data = TempDir::new().unwrap();
    let server = ServerProgram::start(data.path());
    exchange(&mut connect(&server), "submit-max", "reply-ack");
    let (_, status) = server.api.get("/api/v1/status");
    assert_eq!(status["refusals"]["v1_invalid"], 1);
    assert_eq!(
        server.api.get("/api/collectors").1,
        Value::Array(Vec::new())
    );
}
