//! Any bytes as the file of a spool: it opens, what was there is kept or set aside, and it goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_core::testkit::fuzz::spool_log(bytes));
