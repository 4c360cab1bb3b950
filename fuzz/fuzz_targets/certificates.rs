//! Any bytes as certificates and keys in PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::certificates(bytes));
