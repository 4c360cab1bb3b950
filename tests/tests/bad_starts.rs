//! Starts that cannot work: one clear line on standard error, exit code 1 (2 for flags).

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use widget_tests::{Program, ServerProgram, binary};

fn server(data: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("widget-server"));
    command
        .args(["--admin", "127.0.0.1:0", "--tcp", "127.0.0.1:0"])
        .args(["--http", "127.0.0.1:0"])
        .arg("--data")
        .arg(data);
    command.args(more);
    Program::start("widget-server", &mut command).failure()
}

fn agent(args: &[&str]) -> (Option<i32>, String) {
    Program::start(
        "widget-agent",
        Command::new(binary("widget-agent")).args(args),
    )
    .failure()
}

fn is_one_line_with(said: &str, parts: &[&str]) {
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
}

#[test]
fn a_port_that_is_taken() {
    let data = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flags = ["--admin", "--tcp", "--http"];
    for taken in flags {
        let mut command = Command::new(binary("widget-server"));
        command.arg("--data").arg(data.path());
        for flag in flags {
            let at = if flag == taken {
                &address
            } else {
                "127.0.0.1:0"
            };
            command.args([flag, at]);
        }
        let (code, said) = Program::start("widget-server", &mut command).failure();
        assert_eq!(code, Some(1), "{said}");
        is_one_line_with(&said, &[&address, "in use"]);
    }
}

#[test]
fn a_data_directory_that_is_in_use() {
    let data = TempDir::new().unwrap();
    let _first = ServerProgram::start(data.path());
    let (code, said) = server(data.path(), &[]);
    assert_eq!(code, Some(1));
    is_one_line_with(&said, &["in use", &data.path().display().to_string()]);
}

#[test]
fn a_data_directory_that_cannot_be_one() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    let (code, said) = server(&file, &[]);
    assert_eq!(code, Some(1));
    is_one_line_with(&said, &[&file.display().to_string()]);
}

#[test]
fn a_store_that_this_build_does_not_know() {
    let data = TempDir::new().unwrap();
    let (code, said) = server(data.path(), &["--store", "redis://localhost"]);
    assert_eq!(code, Some(1));
    is_one_line_with(&said, &["redis", "sqlite", "memory"]);
}

#[test]
fn an_address_that_is_not_loopback() {
    let data = TempDir::new().unwrap();
    for flag in ["--admin", "--tcp", "--http"] {
        let mut command = Command::new(binary("widget-server"));
        command
            .args([flag, "0.0.0.0:0"])
            .arg("--data")
            .arg(data.path());
        let (code, said) = Program::start("widget-server", &mut command).failure();
        assert_eq!(code, Some(2));
        assert!(said.contains("only loopback"), "{said}");
    }
}

#[test]
fn a_second_agent_with_the_same_state() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let _first = server.agent(state.path(), "1s");
    let (code, said) = agent(&["--state", state.path().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    is_one_line_with(&said, &[state.path().to_str().unwrap(), "in use"]);
}

#[test]
fn an_agents_id_that_is_damaged_is_set_aside_and_said() {
    let (data, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProgram::start(data.path());
    let before = server.agent(state.path(), "1s").id;
    let file = state.path().join("agent-id");
    fs::write(&file, "\0\0garbage").unwrap();
    let agent = server.agent(state.path(), "1s");
    assert_ne!(agent.id, before);
    let said = agent.program.error_with("agent-id");
    assert!(said.contains("damaged"), "{said}");
    let kept = fs::read_dir(state.path()).unwrap().flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().contains("damaged"));
    assert_eq!(kept.count(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), agent.id);
}

#[test]
fn flags_of_the_agent_that_make_no_sense() {
    for (args, part) in [
        (["--server", "foo://127.0.0.1:1"], "tcp"),
        (["--server", "127.0.0.1:1"], "tcp://"),
        (["--interval", "0s"], "interval"),
        (["--interval", "soon"], "interval"),
        (["--label", "novalue"], "label"),
        (["--colour", "red"], "--colour"),
    ] {
        let state = TempDir::new().unwrap();
        let (code, said) = agent(&[args[0], args[1], "--state", state.path().to_str().unwrap()]);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        is_one_line_with(&said, &[part]);
    }
}
