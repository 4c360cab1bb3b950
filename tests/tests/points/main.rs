//! Agent and server are killed at each write and sync of the task path, and each of these calls
//! fails, one after the other: nothing that was accepted is lost, nothing runs twice, nothing panics.
//!
//! strace(1) injects it, so the programs are those that everybody runs. `WIDGET_POINTS=all` walks
//! every call over both transports and every error, which takes minutes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail"
)]

mod audit;
mod first_start;
mod walk;

use std::thread;

use widget_tests::Way;

use crate::walk::{Fault, Victim, Walk};

/// What makes a change last.
const SYNCS: &str = "fdatasync,fsync";
/// What makes a file, or opens it.
const OPENS: &str = "openat";
/// What changes a file or its name.
const WRITES: &str = "write,pwrite64,rename,ftruncate,unlink";

fn all() -> bool {
    std::env::var("WIDGET_POINTS").is_ok_and(|said| said == "all")
}

/// Both ways, or the one that is walked by default.
fn ways(default: Way) -> Vec<Way> {
    if all() {
        vec![Way::Tcp, Way::Http]
    } else {
        vec![default]
    }
}

fn walk_all(victim: Victim, way: Way, calls: &str, faults: &[Fault], step: u32) {
    let step = if all() { 1 } else { step };
    let walk = |way| {
        for fault in faults {
            let walk = Walk::new(victim, way, calls, *fault).step(step);
            let table = walk.run();
            println!("{table}");
            table.counts.assert_kept();
            assert!(table.hit > 0, "nothing was hit: {table}");
        }
    };
    thread::scope(|scope| {
        for way in ways(way) {
            scope.spawn(move || walk(way));
        }
    });
}

/// The errors that a disk gives, once and for a while.
fn errors(default: &[Fault]) -> Vec<Fault> {
    if !all() {
        return default.to_vec();
    }
    let errors = ["ENOSPC", "EROFS", "EIO"];
    let both = errors.map(|error| [Fault::Once(error), Fault::Often(error)]);
    both.concat()
}

#[test]
fn the_agent_is_killed_at_each_sync() {
    walk_all(Victim::Agent, Way::Tcp, SYNCS, &[Fault::Kill], 1);
}

#[test]
fn the_agent_is_killed_at_each_write() {
    walk_all(Victim::Agent, Way::Http, WRITES, &[Fault::Kill], 1);
}

#[test]
fn the_server_is_killed_at_each_sync() {
    walk_all(Victim::Server, Way::Http, SYNCS, &[Fault::Kill], 1);
}

#[test]
fn the_server_is_killed_at_writes() {
    walk_all(Victim::Server, Way::Tcp, WRITES, &[Fault::Kill], 9);
}

#[test]
fn the_agent_has_syncs_that_fail() {
    let faults = errors(&[Fault::Once("EIO"), Fault::Often("EIO")]);
    walk_all(Victim::Agent, Way::Http, SYNCS, &faults, 1);
}

#[test]
fn the_agent_has_writes_that_fail() {
    let faults = errors(&[Fault::Once("ENOSPC"), Fault::Often("EROFS")]);
    walk_all(Victim::Agent, Way::Tcp, WRITES, &faults, 1);
}

#[test]
fn the_server_has_syncs_that_fail() {
    let faults = errors(&[Fault::Once("EIO")]);
    walk_all(Victim::Server, Way::Tcp, SYNCS, &faults, 1);
}

#[test]
fn the_server_has_writes_that_fail() {
    let faults = errors(&[Fault::Once("ENOSPC"), Fault::Often("EROFS")]);
    walk_all(Victim::Server, Way::Http, WRITES, &faults, 13);
}

#[test]
fn the_agent_cannot_open_its_files() {
    let faults = errors(&[Fault::Once("EIO"), Fault::Once("EROFS")]);
    walk_all(Victim::Agent, Way::Tcp, OPENS, &faults, 1);
}

#[test]
fn the_server_cannot_open_its_files() {
    let faults = errors(&[Fault::Once("EIO"), Fault::Once("EROFS")]);
    walk_all(Victim::Server, Way::Tcp, OPENS, &faults, 1);
}
