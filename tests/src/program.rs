//! A program of this workspace as a child process, which does not outlive its test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a test waits for anything.
const LIMIT: Duration = Duration::from_secs(10);

/// A running child process, killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

/// Where cargo has put a program of this workspace.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the program has a path");
    // A test lies in target/PROFILE/deps, a program one above.
    let mut above = own.ancestors().skip(1);
    let target = above.find(|path| !path.ends_with("deps"));
    let path = target.expect("it lies in target/PROFILE").join(name);
    assert!(
        path.exists(),
        "{} is not built: run scripts/test, or first cargo build --workspace --bins --examples",
        path.display()
    );
    path
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within ten seconds.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < LIMIT, "waited too long: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

impl Program {
    /// Starts a command.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = read(child.stdout.take().expect("piped"));
        let errors = read(child.stderr.take().expect("piped"));
        Self {
            name: name.to_owned(),
            child,
            lines,
            errors,
        }
    }

    /// The next line of standard output.
    ///
    /// # Panics
    /// If none comes within ten seconds; it then shows what the program said on standard error.
    #[must_use]
    pub fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| {
            panic!(
                "{} printed no line: {}",
                self.name,
                self.errors().join("\n")
            )
        })
    }

    /// The same, or nothing if it has ended without a further line.
    ///
    /// # Panics
    /// If it prints none within ten seconds and goes on.
    #[must_use]
    pub fn line_unless_ended(&self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{} printed no line", self.name),
        }
    }

    /// What it has said on standard error since the last time this was asked.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }

    /// Waits for a line on standard error that has this in it.
    ///
    /// # Panics
    /// If none comes within ten seconds.
    #[must_use]
    pub fn error_with(&self, part: &str) -> String {
        self.errors_until(part).pop().unwrap_or_default()
    }

    /// All that it says on standard error up to a line that has this in it.
    ///
    /// # Panics
    /// If none comes within ten seconds.
    #[must_use]
    pub fn errors_until(&self, part: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.errors.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("{} never said {part:?}", self.name));
            let is_it = line.contains(part);
            lines.push(line);
            if is_it {
                return lines;
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    ///
    /// # Panics
    /// If that fails.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "kill -{name} {}",
            self.name
        );
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it has not ended within ten seconds.
    #[must_use]
    pub fn exit(&mut self) -> ExitStatus {
        let name = self.name.clone();
        until(&format!("the end of {name}"), || {
            self.child.try_wait().expect("a child")
        })
    }

    /// The same for its exit code and all that it said on standard error.
    ///
    /// # Panics
    /// If it has not ended within ten seconds.
    #[must_use]
    pub fn failure(self) -> (Option<i32>, String) {
        let (code, _, said) = self.ended();
        (code, said)
    }

    /// The same with all that it printed in between.
    ///
    /// # Panics
    /// If it has not ended within ten seconds.
    #[must_use]
    pub fn ended(mut self) -> (Option<i32>, String, String) {
        let code = self.exit().code();
        let all = |lines: &Receiver<String>| lines.iter().collect::<Vec<_>>().join("\n");
        (code, all(&self.lines), all(&self.errors))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}
