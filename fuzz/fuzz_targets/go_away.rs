//! Any bytes as the payload of a go-away.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::go_away(bytes));
