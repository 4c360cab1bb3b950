//! A server for other hosts, from its first token to the end of an agent that joined it.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use widget_core::access::JoinString;
use widget_core::tls::Pin;
use widget_tests::{AgentProgram, Ctl, Program, binary, until};

#[test]
fn an_agent_joins_by_what_widgetctl_prints_and_is_shut_down_from_afar() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut command = Command::new(binary("widget-server"));
    command.arg("--data").arg(data.path());
    command.args(["--expose", "127.0.0.1", "--admin", "127.0.0.1:0"]);
    command.args(["--tcp", "127.0.0.1:0", "--http", "off"]);
    let server = Program::start("widget-server", &mut command);
    let line = server.line();
    let url = line.strip_prefix("listening admin ").unwrap();
    assert!(url.starts_with("https://"), "{line}");
    let line = server.line();
    let tls = line.strip_prefix("listening tls ").unwrap();

    let near = Ctl::of(data.path());
    let printed = near.prints(&["join-token", "create", "--label", "zone=a"]);
    let join: JoinString = printed.parse().unwrap();
    assert_eq!(join.servers(), [tls]);
    let mut command = Command::new(binary("widget-agent"));
    command
        .arg("--state")
        .arg(state.path())
        .args(["--interval", "1s"]);
    let command = command.env("WIDGET_JOIN", &printed);
    let mut agent = AgentProgram::of(Program::start("widget-agent", command));

    // Whoever asks from elsewhere has the pin of the join string, and a token for these agents.
    let pin = Pin::from_bytes(*join.pin().unwrap()).to_string();
    let token = near.prints(&[
        "token", "create", "ops", "--role", "operator", "--label", "zone=a",
    ]);
    let file = data.path().join("token");
    fs::write(&file, &token).unwrap();
    let known = ["--server", url, "--pin", &pin];
    let said = Ctl::with(&known).fails(3, &["agent", "list"]);
    assert!(said.contains("sign_in_first"), "{said}");
    let far = Ctl::with(&[&known[..], &["--token-file", file.to_str().unwrap()]].concat());
    until("the agent in the list", || {
        let list = far.prints(&["agent", "list"]);
        (list.contains(&agent.id) && list.contains("online")).then_some(())
    });
    let _ = far.prints(&["shutdown", &agent.id, "--wait"]);
    assert_eq!(agent.program.exit().code(), Some(0));
    let list = near.prints(&["audit", "--limit", "1"]);
    assert!(list.contains("  token:ops  task.create  "), "{list}");
}
