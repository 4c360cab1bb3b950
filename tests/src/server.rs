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
    /// `host:port` for agents over TCP.
    pub tcp: String,
    /// `host:port` for agents over HTTP; empty if it was started otherwise.
    pub http: String,
}

impl ServerProgram {
    /// Starts one that keeps its data here and ignores the variables of whoever runs the tests.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0", "127.0.0.1:0")
    }

    /// The same, listening for agents at these addresses.
    #[must_use]
    pub fn start_at(data: &Path, tcp: &str, http: &str) -> Self {
        let mut command = Command::new(binary("widget-server"));
        command.arg("--data").arg(data);
        command.args(["--admin", "127.0.0.1:0", "--tcp", tcp, "--http", http]);
        let mut server = Self::of(Program::start("widget-server", &mut command));
        server.http = server.listening("http http://");
        server
    }

    /// One that was started otherwise: reads the lines that say where it listens for people and for
    /// agents over TCP.
    ///
    /// # Panics
    /// If it does not say so.
    #[must_use]
    pub fn of(program: Program) -> Self {
        let mut server = Self {
            api: Api::new(""),
            tcp: String::new(),
            http: String::new(),
            program,
        };
        server.api = Api::new(&server.listening("admin "));
        server.tcp = server.listening("tcp tcp://");
        server
    }

    fn listening(&self, how: &str) -> String {
        let line = self.program.line();
        let address = line.strip_prefix("listening ");
        let address = address.and_then(|rest| rest.strip_prefix(how));
        address.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Starts an agent of this server with this state directory.
    #[must_use]
    pub fn agent(&self, state: &Path, interval: &str) -> AgentProgram {
        AgentProgram::start(&format!("tcp://{}", self.tcp), state, interval, &[])
    }
}
