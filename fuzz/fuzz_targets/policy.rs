//! Any text as the policy of an agent.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| widget_sim::fuzz::policy(bytes));
