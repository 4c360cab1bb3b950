//! Any text as networks of proxies, and what they say of a client.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::proxies(bytes));
