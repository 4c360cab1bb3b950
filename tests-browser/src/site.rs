//! A server with its agents.

use std::process::Command;

use tempfile::TempDir;

use crate::program::{Program, binary};

/// A running `widget-server` with a store of its own.
#[derive(Debug)]
pub struct Site {
    /// `http://127.0.0.1:PORT`, where the page is.
    pub address: String,
    tcp: String,
    directory: TempDir,
    _server: Program,
}

/// A running `widget-agent`.
#[derive(Debug)]
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Its process.
    pub program: Program,
}

impl Site {
    /// Starts a server that knows no agent.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let mut command = Command::new(binary("widget-server"));
        command.arg("--data").arg(directory.path().join("data"));
        let server = Program::start(command.args([
            "--admin",
            "127.0.0.1:0",
            "--tcp",
            "127.0.0.1:0",
            "--http",
            "off",
        ]));
        Self {
            address: server.line_after("listening admin "),
            tcp: server.line_after("listening tcp "),
            directory,
            _server: server,
        }
    }

    /// Starts an agent that reports often and carries this label.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn agent(&self, name: &str, label: &str) -> Agent {
        let mut command = Command::new(binary("widget-agent"));
        command.args([
            "--server",
            &self.tcp,
            "--interval",
            "300ms",
            "--label",
            label,
        ]);
        let program = Program::start(command.arg("--state").arg(self.directory.path().join(name)));
        Agent {
            id: program.line_after("agent "),
            program,
        }
    }

    /// The address of a path of the page.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}
