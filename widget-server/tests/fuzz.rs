//! The target of fuzzing API and page, without a fuzzer: what it begins with, and damaged copies of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what should not happen fails the test"
)]

mod fuzzed;

use std::path::Path;

use widget_core::testkit::fuzz::{Target, replay};

#[test]
fn any_bytes_as_a_request_to_api_and_page_change_nothing_without_a_token() {
    let target = Target {
        name: "api",
        run: fuzzed::api,
        seeds: fuzzed::seeds,
    };
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    replay(&target, &corpora, Path::new(env!("CARGO_TARGET_TMPDIR")));
}
