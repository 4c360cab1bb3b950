//! Any bytes as a stream of frames of version 2, and what they carry.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::v2_frames(bytes));
