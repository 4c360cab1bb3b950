//! [`Strace`]: a program whose system calls fail, or kill it, at a place that is counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The fault injection of strace(1), for a program that it starts. The process that is then seen is
/// the program itself: the tracer stands beside it and ends with it.
#[derive(Debug)]
pub struct Strace {
    calls: String,
    what: String,
    paths: Vec<PathBuf>,
    log: PathBuf,
}

impl Strace {
    /// Counts these calls, such as `fdatasync,fsync`, on these files. Each thread counts for itself.
    /// The log must lie somewhere else.
    #[must_use]
    pub fn new(calls: &str, paths: impl IntoIterator<Item = PathBuf>, log: &Path) -> Self {
        Self {
            calls: calls.to_owned(),
            what: String::new(),
            paths: paths.into_iter().collect(),
            log: log.to_owned(),
        }
    }

    /// Kills the program when it begins the call with this number.
    #[must_use]
    pub fn kill_at(mut self, number: u32) -> Self {
        self.what = format!("signal=KILL:when={number}");
        self
    }

    /// Has so many calls from this number on fail, such as with `EIO`: they then do nothing.
    #[must_use]
    pub fn fail_at(mut self, error: &str, number: u32, count: u32) -> Self {
        self.what = format!("error={error}:when={number}..{}", number + count - 1);
        self
    }

    /// The command that starts this one so.
    #[must_use]
    pub fn around(&self, command: &Command) -> Command {
        let _ = fs::remove_file(&self.log);
        let mut traced = Command::new("strace");
        traced.args(["-D", "-f", "-qq", "-o"]).arg(&self.log);
        traced.arg(format!("--trace={}", self.calls));
        if !self.what.is_empty() {
            traced.arg(format!("--inject={}:{}", self.calls, self.what));
        }
        for path in &self.paths {
            traced.arg("-P").arg(path);
        }
        traced.arg("--").arg(command.get_program());
        traced.args(command.get_args());
        traced
    }

    /// The calls as strace wrote them down, one a line.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// How many of them were made to fail.
    #[must_use]
    pub fn injected(&self) -> usize {
        let calls = self.calls();
        calls
            .iter()
            .filter(|call| call.contains("INJECTED"))
            .count()
    }
}
