//! Any bytes as what a server says to an agent over HTTP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_sim::fuzz::http_client(bytes));
