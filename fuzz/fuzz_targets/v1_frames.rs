//! Any bytes as a stream of frames of version 1.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::v1_frames(bytes));
