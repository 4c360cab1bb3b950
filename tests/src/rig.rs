//! A server and a `widget-test-agent` that are killed and started again on the same files and ports.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, id};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use crate::program::{Program, binary};
use crate::{Api, Journal};

/// How the agent reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Framed, over TCP.
    Tcp,
    /// Over HTTP.
    Http,
}

/// A server and an agent. Both end with it, and so do their files.
#[derive(Debug)]
pub struct Rig {
    /// The API, at an address that stays.
    pub api: Api,
    /// The server, unless it was killed.
    pub server: Option<Program>,
    /// The agent, unless it was killed.
    pub agent: Option<Program>,
    way: Way,
    ports: [u16; 3],
    interval: u32,
    threads: u32,
    files: TempDir,
}

impl Rig {
    /// One of which nothing runs yet; the agent reports every so many milliseconds.
    ///
    /// # Panics
    /// If there is no room for its files.
    #[must_use]
    pub fn new(way: Way, interval: u32) -> Self {
        let ports = [(); 3].map(|()| quiet_port());
        Self {
            api: Api::new(&format!("http://127.0.0.1:{}", ports[0])),
            server: None,
            agent: None,
            way,
            ports,
            interval,
            threads: 4,
            files: TempDir::new().expect("a directory"),
        }
    }

    /// The same, with both running.
    #[must_use]
    pub fn running(way: Way, interval: u32) -> Self {
        let mut rig = Self::new(way, interval);
        rig.start_server();
        rig.start_agent();
        rig
    }

    /// All blocking work of the agent is done by one thread, whose calls can then be counted.
    #[must_use]
    pub const fn one_thread(mut self) -> Self {
        self.threads = 1;
        self
    }

    /// Where the server keeps its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// Where the agent keeps its state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.files.path().join("state")
    }

    /// What the handlers of the agent have written down.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Journal::read(&self.files.path().join("journal"))
    }

    /// `host:port` for agents over HTTP.
    #[must_use]
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.ports[2])
    }

    /// What starts the server.
    #[must_use]
    pub fn server_command(&self) -> Command {
        let mut command = Command::new(binary("widget-server"));
        command.arg("--data").arg(self.data());
        for (flag, port) in ["--admin", "--tcp", "--http"].iter().zip(self.ports) {
            command.arg(flag).arg(format!("127.0.0.1:{port}"));
        }
        command
    }

    /// What starts the agent.
    #[must_use]
    pub fn agent_command(&self) -> Command {
        let mut command = Command::new(binary("widget-test-agent"));
        let [_, tcp, http] = self.ports;
        let server = match self.way {
            Way::Tcp => format!("tcp://127.0.0.1:{tcp}"),
            Way::Http => format!("http://127.0.0.1:{http}"),
        };
        command.args(["--server", &server, "--state"]);
        command.arg(self.state()).arg("--journal");
        command.arg(self.files.path().join("journal"));
        command.args(["--interval", &self.interval.to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        command
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Panics
    /// If it ends instead.
    pub fn start_server(&mut self) {
        let command = self.server_command();
        assert!(self.start_server_as(command), "{}", self.said());
    }

    /// The same by another command. Whether it came so far, or ended before.
    pub fn start_server_as(&mut self, mut command: Command) -> bool {
        let program = Program::start("widget-server", &mut command);
        let lines: Option<Vec<String>> = self
            .ports
            .iter()
            .map(|_| program.line_unless_ended())
            .collect();
        self.server = Some(program);
        lines.is_some()
    }

    /// Starts the agent and waits until it says who it is.
    ///
    /// # Panics
    /// If it ends instead.
    pub fn start_agent(&mut self) {
        let command = self.agent_command();
        assert!(self.start_agent_as(command), "{}", self.said());
    }

    /// The same by another command. Whether it came so far, or ended before.
    pub fn start_agent_as(&mut self, mut command: Command) -> bool {
        let program = Program::start("widget-test-agent", &mut command);
        let line = program.line_unless_ended();
        self.agent = Some(program);
        line.is_some()
    }

    /// What both have said on standard error since the last time this was asked.
    #[must_use]
    pub fn said(&self) -> String {
        let programs = self.server.iter().chain(&self.agent);
        let lines: Vec<String> = programs.flat_map(Program::errors).collect();
        lines.join("\n")
    }

    /// Kills the server, if it runs.
    pub fn kill_server(&mut self) {
        self.server = None;
    }

    /// Kills the agent, if it runs.
    pub fn kill_agent(&mut self) {
        self.agent = None;
    }

    /// The id of the agent, which it keeps.
    ///
    /// # Panics
    /// If it never ran.
    #[must_use]
    pub fn agent_id(&self) -> String {
        let id = fs::read_to_string(self.state().join("agent-id"));
        id.expect("the agent has an id").trim().to_owned()
    }
}

/// A free port that no connection is given as its own by chance while a server is away: such ports
/// are above 32,767.
fn quiet_port() -> u16 {
    const FIRST: u32 = 16_000;
    const COUNT: u32 = 16_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let place = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) + id().wrapping_mul(61);
        let port = u16::try_from(FIRST + place % COUNT).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
