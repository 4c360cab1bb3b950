//! The data directory: for its owner alone if the server makes it, and else said.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::host::Host;

#[test]
fn a_data_directory_that_the_server_makes_is_its_owners_alone() {
    let host = Host::start();
    let mode = fs::metadata(host.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let said = host.said();
    assert!(!said.contains("data directory"), "{said}");
}

#[test]
fn one_that_others_may_look_into_is_left_so_and_said_in_a_line() {
    let files = TempDir::new().unwrap();
    let data = files.path().join("server");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let host = Host::start_in(files);
    let mode = fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let said = host.said();
    let lines = said.lines().filter(|line| line.contains("data directory"));
    assert_eq!(lines.count(), 1, "{said}");
}
