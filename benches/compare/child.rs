//! [`Child`]: this program once more, in another role, as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// A running role. Ended when dropped.
pub(crate) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(role: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("role")
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            lines: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(
            self.lines.read_line(&mut line).unwrap() > 0,
            "a role ended early"
        );
        line.trim_end().to_owned()
    }

    /// Its next line, which is a number.
    pub(crate) fn number(&mut self) -> f64 {
        self.line().parse().unwrap()
    }

    /// Lets it go on.
    pub(crate) fn go(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a role: says something.
pub(crate) fn say(what: impl std::fmt::Display) {
    println!("{what}");
}

/// In a role: waits until the parent lets it go on; ends the process if the parent has gone.
pub(crate) fn wait_to_go() {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap_or(0) == 0 {
        std::process::exit(0);
    }
}
