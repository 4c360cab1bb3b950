//! The socket in the data directory.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use widget_tests::{Ctl, Program, ServerProgram, binary};

use crate::Near;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_is_for_its_owner_only() {
    let data = TempDir::new().unwrap();
    // Whatever the directory was.
    let directory = data.path().join("ctl");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    let _server = ServerProgram::start(data.path());
    let socket = directory.join("widget.sock");
    assert!(
        fs::symlink_metadata(&socket)
            .unwrap()
            .file_type()
            .is_socket()
    );
    assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
    let _ = Ctl::of(data.path()).prints(&["agent", "list"]);
}

#[test]
fn without_a_server_it_says_where_it_looked() {
    let data = TempDir::new().unwrap();
    let socket = data.path().join("ctl/widget.sock");
    let is_told = || {
        let said = Ctl::of(data.path()).fails(1, &["agent", "list"]);
        let start = format!("widget-server --data {}", data.path().display());
        for part in [socket.to_str().unwrap(), &start, "--server URL"] {
            assert!(said.contains(part), "{said}");
        }
    };
    is_told();
    // The same after a server that was killed, whose socket is still there.
    let mut server = ServerProgram::start(data.path());
    server.program.kill();
    assert!(fs::symlink_metadata(&socket).is_ok());
    is_told();
}

#[test]
fn a_server_takes_the_place_of_one_that_was_killed() {
    let data = TempDir::new().unwrap();
    let mut first = ServerProgram::start(data.path());
    let _ = Ctl::of(data.path()).prints(&["token", "create", "deploy"]);
    first.program.kill();
    let _second = ServerProgram::start(data.path());
    let tokens = Ctl::of(data.path()).prints(&["token", "list"]);
    assert!(tokens.contains("deploy"), "{tokens}");
}

/// A server that says nothing of itself on standard output but where agents come in.
fn without_page(data: &Path, more: &[&str]) -> Program {
    let mut command = Command::new(binary("widget-server"));
    command.arg("--data").arg(data);
    command.args(["--admin", "off", "--http", "off", "--tcp", "127.0.0.1:0"]);
    Program::start("widget-server", command.args(more))
}

#[test]
fn the_socket_is_there_without_page_and_api() {
    let data = TempDir::new().unwrap();
    let mut server = without_page(data.path(), &[]);
    assert!(server.line().starts_with("listening tcp"));
    let join = Ctl::of(data.path()).prints(&["join-token", "create"]);
    assert!(join.starts_with("wj1."), "{join}");
    server.signal("TERM");
    assert_eq!(server.exit().code(), Some(0));
}

#[test]
fn two_servers_with_one_directory_do_not_take_it_from_each_other() {
    // Stores in memory have no lock.
    let data = TempDir::new().unwrap();
    let memory = ["--store", "memory"];
    let first = without_page(data.path(), &memory);
    let _ = first.line();
    let _ = Ctl::of(data.path()).prints(&["token", "create", "of-the-first"]);
    let second = without_page(data.path(), &memory);
    let _ = second.line();
    let said = second.error_with("--server");
    assert!(said.contains("another server"), "{said}");
    let tokens = Ctl::of(data.path()).prints(&["token", "list"]);
    assert!(tokens.contains("of-the-first"), "{tokens}");
}

#[test]
fn what_is_no_socket_is_left_as_it_is_and_the_server_goes_on() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("ctl/widget.sock");
    fs::create_dir(data.path().join("ctl")).unwrap();
    fs::write(&file, "mine").unwrap();
    let server = ServerProgram::start(data.path());
    let said = server.program.error_with("--server");
    assert!(said.contains("widget.sock"), "{said}");
    assert_eq!(server.api.get("/api/v1/agents").0, 200);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_said_and_the_server_goes_on() {
    let above = TempDir::new().unwrap();
    let data = above.path().join("d".repeat(100));
    let server = ServerProgram::start(&data);
    let said = server.program.error_with("--server");
    assert!(said.contains("too long"), "{said}");
    assert_eq!(server.api.get("/api/v1/agents").0, 200);
    // Its own address does as well, on a server for its host alone.
    let address = server.api.base().to_owned();
    assert!(
        address
            .strip_prefix("http://")
            .unwrap()
            .parse::<SocketAddr>()
            .is_ok()
    );
    let _ = Ctl::with(&["--server", &address]).prints(&["token", "list"]);
}

#[test]
fn a_pipe_that_nobody_reads_is_a_failure_without_words() {
    let near = Near::start();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(binary("widgetctl"));
    command
        .arg("--data")
        .arg(near.data())
        .args(["agent", "list"]);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "{output:?}");
}
