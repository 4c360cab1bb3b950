//! Any bytes as a request to API and page.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../widget-server/tests/fuzzed/mod.rs"]
mod fuzzed;

fuzz_target!(|bytes: &[u8]| fuzzed::api(bytes));
