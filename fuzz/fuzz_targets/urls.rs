//! Any text as the address of a server.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_sim::fuzz::urls(bytes));
