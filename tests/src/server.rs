//! A running `widget-server`.

use std::path::Path;
use std::process::Command;

use crate::program::{Program, binary};
use crate::{AgentProgram, Api};

/// A server on ports of its own.
#[derive(Debug)]
pub struct ServerProgram {
    /// The process.
    pub program: Program,
    /// Its API.
    pub api: Api,
    /// `host:port` for agents.
    pub tcp: String,
}

impl ServerProgram {
    /// Starts one that keeps its data here and ignores the variables of whoever runs the tests.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// The same, listening for agents at this address.
    #[must_use]
    pub fn start_at(data: &Path, tcp: &str) -> Self {
        let mut command = Command::new(binary("widget-server"));
        command
            .arg("--data")
            .arg(data)
            .args(["--admin", "127.0.0.1:0", "--tcp", tcp]);
        Self::of(Program::start("widget-server", &mut command))
    }

    /// One that was started otherwise: reads the lines that say where it listens.
    ///
    /// # Panics
    /// If it does not say so.
    #[must_use]
    pub fn of(program: Program) -> Self {
        let (admin, tcp) = (program.line(), program.line());
        let after = |line: &str, start: &str| {
            line.strip_prefix(start)
                .unwrap_or_else(|| panic!("{line}"))
                .to_owned()
        };
        Self {
            api: Api::new(&after(&admin, "listening admin ")),
            tcp: after(&tcp, "listening tcp tcp://"),
            program,
        }
    }

    /// Starts an agent of this server with this state directory.
    #[must_use]
    pub fn agent(&self, state: &Path, interval: &str) -> AgentProgram {
        AgentProgram::start(&self.tcp, state, interval, &[])
    }
}
