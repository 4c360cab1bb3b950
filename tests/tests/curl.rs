//! The agent made of curl, as docs/http.md gives it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use widget_tests::ServerProgram;

const DOCS: &str = include_str!("../../docs/http.md");
const AGENT: &str = "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d";

/// Everything between ```sh and ```, in one script that ends at the first command that fails.
fn script() -> String {
    let mut script = "set -eu\n".to_owned();
    let mut within = false;
    for line in DOCS.lines() {
        match line {
            "```sh" => within = true,
            "```" => within = false,
            _ if within => script.extend([line, "\n"]),
            _ => {}
        }
    }
    script
}

#[test]
fn curl_alone_acts_as_an_agent() {
    let data = TempDir::new().unwrap();
    let server = ServerProgram::start(data.path());
    let output = Command::new("bash")
        .args(["-c", &script()])
        .env("HTTP", format!("http://{}", server.http))
        .env("API", server.api.base())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains(r#"{"ack":{"through":1}}"#), "{said}");
    assert!(said.contains(r#"{"verdicts":["ok"]}"#), "{said}");
    assert!(said.contains(r#"{"verdicts":["ok","ok","ok"]}"#), "{said}");

    let (_, agent) = server.api.get(&format!("/api/v1/agents/{AGENT}"));
    assert_eq!(agent["presence"], "left");
    assert_eq!(agent["transport"], "http");
    assert_eq!(agent["labels"], json!({"made-of": "curl"}));
    assert_eq!(agent["latest"]["total_memory"], 8_000_000_000_u64);
    let (_, tasks) = server.api.get(&format!("/api/v1/tasks?agent={AGENT}"));
    let task = &tasks["items"][0];
    assert_eq!(task["state"], "succeeded");
    assert_eq!(task["outcome"]["output"], json!({"text": "hello"}));
}
