//! Any bytes as each sort of message in each codec.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::messages(bytes));
