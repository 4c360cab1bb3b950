//! Any bytes as the schema of a kind of task, and as an input of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_sim::fuzz::schemas(bytes));
