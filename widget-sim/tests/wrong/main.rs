//! A transport and stores that are wrong on purpose: the suites, or a simulated life with faults, catch
//! each of them and say which promise it breaks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what should not happen fails the test"
)]

#[expect(
    dead_code,
    reason = "only the other test that uses it asks for hashes and counts"
)]
#[path = "../check/mod.rs"]
mod check;
mod lives;
mod store;
mod stores;
mod transports;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a case of a suite says of something wrong, behind its own name.
///
/// # Panics
/// If the case finds nothing wrong.
fn caught(name: &str, case: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(case)).expect_err("the case found nothing wrong");
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("{name}: {}", text.expect("a text"))
}

/// # Panics
/// If the text does not name the promise.
fn assert_names(text: &str, promise: &str) {
    assert!(text.contains(promise), "{text:?} does not name {promise:?}");
}
