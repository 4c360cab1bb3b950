//! What the system says about a process.

use std::fs;

/// A value of `/proc/ID/status`, in kibibytes.
pub(crate) fn kib(process: u32, field: &str) -> f64 {
    value(
        &fs::read_to_string(format!("/proc/{process}/status")).unwrap(),
        field,
    )
}

/// How often the threads of a process went to sleep by themselves, which is how often they were
/// woken.
pub(crate) fn sleeps(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let statuses =
        threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok());
    statuses
        .map(|status| value(&status, "voluntary_ctxt_switches"))
        .sum()
}

fn value(status: &str, field: &str) -> f64 {
    let line = status
        .lines()
        .find(|line| line.split(':').next() == Some(field))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Nanoseconds on the clock that all processes share.
pub(crate) fn nanos() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}
