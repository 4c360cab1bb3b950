//! Any bytes to a TCP listener in a simulated world.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_sim::fuzz::tcp_connection(bytes));
