//! Any bytes as the bodies of frames in the file of a spool.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::spool_body(bytes));
