//! The targets of fuzzing, without a fuzzer: what they begin with, and damaged copies of it.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)] // that is how a test fails

use std::path::Path;

use widget_core::testkit::fuzz::{TARGETS, replay};

#[track_caller]
fn stands(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    replay(target, &corpora, Path::new(env!("CARGO_TARGET_TMPDIR")));
}

#[test]
fn any_bytes_are_frames_of_version_1_or_refused() {
    stands("v1_frames");
}

#[test]
fn any_bytes_are_frames_of_version_2_or_refused() {
    stands("v2_frames");
}

#[test]
fn any_bytes_are_a_go_away_or_refused() {
    stands("go_away");
}

#[test]
fn any_bytes_are_a_message_or_refused() {
    stands("messages");
}

#[test]
fn any_bytes_can_be_the_file_of_a_spool() {
    stands("spool_log");
}

#[test]
fn any_bytes_can_be_the_records_of_a_spool() {
    stands("spool_body");
}

#[test]
fn any_text_is_read_as_it_is_written_or_refused() {
    stands("texts");
}

#[test]
fn any_text_is_networks_of_proxies_or_refused() {
    stands("proxies");
}

#[cfg(feature = "tls")]
#[test]
fn any_bytes_are_certificates_or_refused() {
    stands("certificates");
}
