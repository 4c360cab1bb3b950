//! `widget-agent --join` as a whole process, over each transport and on each runtime.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../over_tls/papers.rs"]
mod papers;
mod server;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use widget_core::message::{Credential, Opening};
use widget_core::testkit::transport::{Answer, ScriptedService};
use widget_tests::{AgentProgram, until};

use crate::server::{ID, SCHEMES, Server, agent};

/// It ends at once: with this code, and one line that has these parts.
fn fails(state: &Path, args: &[&str], join: Option<&str>, code: i32, parts: &[&str]) {
    let (found, said) = agent(state, args, join).failure();
    assert_eq!(found, Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
}

/// A state directory of an agent that has joined this server.
fn joined(server: &Server) -> TempDir {
    let state = TempDir::new().unwrap();
    let agent = AgentProgram::of(agent(state.path(), &[], Some(&server.string())));
    assert_eq!(agent.id, ID.to_string());
    state
}

#[test]
fn an_agent_joins_once_and_is_known_by_its_secret_from_then_on() {
    for scheme in SCHEMES {
        for runtime in ["smol", "tokio"] {
            let (server, state) = (Server::start(scheme), TempDir::new().unwrap());
            let string = server.string();
            // With the string, with it again, and without it.
            for (starts, join) in [(1, Some(&string)), (2, Some(&string)), (3, None)] {
                let join = join.map(String::as_str);
                let agent = agent(state.path(), &["--runtime", runtime], join);
                let mut agent = AgentProgram::of(agent);
                assert_eq!(agent.id, ID.to_string());
                // Once to join, and then once at each start.
                until("its hello", || {
                    (server.service.openings().len() == 1 + starts).then_some(())
                });
                agent.program.signal("TERM");
                assert_eq!(agent.program.exit().code(), Some(0));
            }
            let openings = server.service.openings();
            let Opening::Enrol(enrol) = &openings[0] else {
                panic!("{:?}", openings[0]);
            };
            assert!(matches!(enrol.hello.credential, Credential::Secret(_)));
            for opening in &openings[1..] {
                match opening {
                    Opening::Hello(hello) => {
                        assert_eq!(hello.credential, enrol.hello.credential);
                        assert_eq!(hello.agent, ID);
                        assert_eq!(hello.extras, enrol.hello.extras);
                    }
                    Opening::Enrol(_) => panic!("it joined again"),
                }
            }
            let file = fs::metadata(state.path().join("credential")).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn a_server_that_does_not_match_the_pin_is_refused() {
    for scheme in ["tls", "https"] {
        for runtime in ["smol", "tokio"] {
            let (server, state) = (Server::start(scheme), TempDir::new().unwrap());
            let string = server.string_with(Some([9; 32]));
            let parts = ["not the one that this join string is for", &server.url];
            fails(
                state.path(),
                &["--runtime", runtime],
                Some(&string),
                1,
                &parts,
            );
            assert_eq!(server.service.openings(), []);
            // The right string has the same token.
            let agent = agent(
                state.path(),
                &["--runtime", runtime],
                Some(&server.string()),
            );
            assert_eq!(AgentProgram::of(agent).id, ID.to_string());
        }
    }
}

#[test]
fn a_token_that_is_refused_is_said_in_the_servers_words() {
    for scheme in SCHEMES {
        let (server, state) = (Server::start(scheme), TempDir::new().unwrap());
        server.service.answer_openings(Answer::Refused);
        let text = ScriptedService::refusal().text;
        let parts = [server.url.as_str(), "does not let this agent in", &text];
        fails(state.path(), &[], Some(&server.string()), 1, &parts);
        let parts = ["not finished", "join string again"];
        fails(state.path(), &[], None, 1, &parts);
    }
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let state = TempDir::new().unwrap();
    let string = Server::start("tcp").string();
    fails(
        state.path(),
        &[],
        Some(&string),
        1,
        &["no word from tcp://127.0.0.1"],
    );
}

#[test]
fn who_has_joined_is_told_of_no_other_server() {
    let server = Server::start("tls");
    let state = joined(&server);
    let parts = ["has joined", "leave out --server"];
    fails(
        state.path(),
        &["--server", "tcp://127.0.0.1:1"],
        None,
        2,
        &parts,
    );
    let both = ["--server", "tcp://127.0.0.1:1", "--join", &server.string()];
    fails(state.path(), &both, None, 2, &["leave out --server"]);
}

#[test]
fn what_is_no_join_string_is_a_flag_that_makes_no_sense() {
    let state = TempDir::new().unwrap();
    for text in ["wj1.short", "tcp://127.0.0.1:9004"] {
        fails(
            state.path(),
            &["--join", text],
            None,
            2,
            &["no join string"],
        );
    }
}

#[test]
fn a_credential_that_is_damaged_or_open_to_others_is_named_and_left_alone() {
    let server = Server::start("tcp");
    let state = joined(&server);
    let file = state.path().join("credential");
    let path = file.to_str().unwrap();
    let whole = fs::read(&file).unwrap();
    for join in [None, Some(server.string())] {
        let join = join.as_deref();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fails(state.path(), &[], join, 1, &[path, "read by others"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        fails(state.path(), &[], join, 1, &[path, "damaged"]);
        assert_eq!(fs::read(&file).unwrap(), whole[..whole.len() - 1]);
        fs::write(&file, &whole).unwrap();
    }
}

#[test]
fn a_spool_of_before_is_set_aside_and_said() {
    let (server, state) = (Server::start("tcp"), TempDir::new().unwrap());
    let mut before = AgentProgram::of(agent(state.path(), &["--server", &server.url], None));
    assert_ne!(before.id, ID.to_string());
    before.program.signal("TERM");
    assert_eq!(before.program.exit().code(), Some(0));

    let now = AgentProgram::of(agent(state.path(), &[], Some(&server.string())));
    let said = now.program.error_with("set aside");
    assert!(said.contains("spool.log.before-join-"), "{said}");
    assert_eq!(now.id, ID.to_string());
    let mut status = agent(state.path(), &["--status"], None);
    assert_eq!(status.exit().code(), Some(0));
    let lines = std::iter::from_fn(|| status.line_unless_ended());
    let aside = lines.filter(|line| line.starts_with("set aside: spool.log.before-join-"));
    assert_eq!(aside.count(), 1);
}
