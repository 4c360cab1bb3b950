//! A server with its agents.

use std::process::Command;

use tempfile::TempDir;

use crate::program::{Program, binary};

/// A running `widget-server` with a store of its own.
#[derive(Debug)]
pub struct Site {
    /// Where the page is, such as `http://127.0.0.1:PORT`.
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
        Self::start_at("127.0.0.1", &[], "listening tcp ")
    }

    /// Starts one as other hosts would reach it, for which a second address of this host stands.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn exposed() -> Self {
        Self::start_at("127.0.0.2", &["--expose", "127.0.0.2"], "listening tls ")
    }

    fn start_at(host: &str, flags: &[&str], agents: &str) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let mut command = Command::new(binary("widget-server"));
        command.arg("--data").arg(directory.path().join("data"));
        let any = format!("{host}:0");
        command.args(["--admin", &any, "--tcp", &any, "--http", "off"]);
        let server = Program::start(command.args(flags));
        Self {
            address: server.line_after("listening admin "),
            tcp: server.line_after(agents),
            directory,
            _server: server,
        }
    }

    /// Makes a token for the API by `widgetctl`.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn token(&self, name: &str, role: &str) -> String {
        let mut command = Command::new(binary("widgetctl"));
        command
            .arg("--data")
            .arg(self.directory.path().join("data"));
        command.args(["token", "create", name, "--role", role]);
        format!("wt1.{}", Program::start(&mut command).line_after("wt1."))
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
