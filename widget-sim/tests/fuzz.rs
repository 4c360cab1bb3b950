//! The targets of fuzzing connections, addresses and schemas, without a fuzzer: what they begin with, and damaged copies of it.
#![allow(clippy::unwrap_used, reason = "what should not happen fails the test")]

use std::path::Path;

use widget_core::testkit::fuzz::replay;
use widget_sim::fuzz::TARGETS;

#[track_caller]
fn stands(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    replay(target, &corpora, Path::new(env!("CARGO_TARGET_TMPDIR")));
}

#[test]
fn any_bytes_to_a_tcp_listener_come_to_an_end() {
    stands("tcp_connection");
}

#[test]
fn any_bytes_to_an_http_listener_come_to_an_end() {
    stands("http_connection");
}

#[test]
fn any_bytes_to_an_agent_over_tcp_come_to_an_end() {
    stands("tcp_client");
}

#[test]
fn any_bytes_to_an_agent_over_http_come_to_an_end() {
    stands("http_client");
}

#[test]
fn any_text_is_the_address_of_a_server_or_refused() {
    stands("urls");
}

#[test]
fn any_text_is_a_policy_or_refused() {
    stands("policy");
}

#[test]
fn any_bytes_are_a_schema_and_an_input_or_refused() {
    stands("schemas");
}
