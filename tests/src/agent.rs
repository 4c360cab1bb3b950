//! A running `widget-agent`.

use std::path::Path;
use std::process::Command;

use crate::program::{Program, binary};

/// An agent.
#[derive(Debug)]
pub struct AgentProgram {
    /// The process.
    pub program: Program,
    /// Its id, as it printed it.
    pub id: String,
}

impl AgentProgram {
    /// Starts one that reports to this address, such as `tcp://host:port`.
    ///
    /// # Panics
    /// If it does not print its id first.
    #[must_use]
    pub fn start(server: &str, state: &Path, interval: &str, more: &[&str]) -> Self {
        let mut command = Command::new(binary("widget-agent"));
        command.args(["--server", server, "--interval", interval]);
        command.arg("--state").arg(state).args(more);
        Self::of(Program::start("widget-agent", &mut command))
    }

    /// One that was started otherwise.
    ///
    /// # Panics
    /// If it does not print its id first.
    #[must_use]
    pub fn of(program: Program) -> Self {
        let line = program.line();
        let id = line
            .strip_prefix("agent ")
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned();
        Self { program, id }
    }
}
