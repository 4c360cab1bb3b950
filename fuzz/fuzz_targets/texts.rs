//! Any text as whatever has a form as text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::texts(bytes));
