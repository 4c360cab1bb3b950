//! A child process that does not outlive its test, and the lines that it prints.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Against hanging only: nothing here takes long.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A running process, killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

/// A program of this workspace, where cargo has put it.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    // target/PROFILE/deps/TEST
    let path = test
        .ancestors()
        .nth(2)
        .expect("the test lies in a target folder")
        .join(name);
    assert!(
        path.exists(),
        "{} is not built; scripts/test builds it before the tests",
        path.display()
    );
    path
}

impl Program {
    /// Starts a command and reads what it prints.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let piped = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = piped
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let stdout = child.stdout.take().expect("it is piped");
        let (send, lines) = channel();
        // Reads to the end, so that the process never waits for room in its pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { name, child, lines }
    }

    /// What follows `start` in the next line that has it.
    ///
    /// # Panics
    /// If no such line comes.
    pub fn line_after(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("{} printed no {start:?}", self.name));
            if let Some((_, rest)) = line.split_once(start) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Ends it at once.
    ///
    /// # Panics
    /// If the system does not let go of it.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("it is our child");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn exit(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
