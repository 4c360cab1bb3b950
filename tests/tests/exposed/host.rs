//! [`Host`]: an exposed server, and who comes to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use widget_tests::{AgentProgram, Ctl, Program, binary};

/// A second address of this host stands for the network.
const AT: &str = "127.0.0.2";

pub(crate) struct Host {
    files: TempDir,
    server: Program,
    /// `scheme://host:port` by what listens there.
    urls: Vec<(String, String)>,
}

impl Host {
    pub(crate) fn start() -> Self {
        Self::start_in(TempDir::new().unwrap())
    }

    /// On files that may be there already.
    pub(crate) fn start_in(files: TempDir) -> Self {
        let (server, urls) = start(files.path(), ["0"; 3].map(str::to_owned));
        Self {
            files,
            server,
            urls,
        }
    }

    /// Ends and starts again, on the same files and ports.
    pub(crate) fn restart(&mut self) {
        self.server.signal("TERM");
        assert!(self.server.exit().success());
        let ports = ["admin", "tls", "https"].map(|name| {
            let url = self.url(name);
            url.rsplit_once(':').unwrap().1.to_owned()
        });
        (self.server, self.urls) = start(self.files.path(), ports);
    }

    pub(crate) const fn server(&self) -> &Program {
        &self.server
    }

    /// `tls`, `https` or `admin`.
    pub(crate) fn url(&self, name: &str) -> String {
        let found = self.urls.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    }

    /// What the server said on standard error until it listened.
    pub(crate) fn said(&self) -> String {
        self.server.errors_until("token create").join("\n")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.files.path().join("server")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.data().join("tls/ca.crt")
    }

    pub(crate) fn curl(&self) -> Curl {
        Curl::new(&self.url("admin"), Some(&self.authority()))
    }

    fn ctl(&self, words: &[&str]) -> String {
        let said = Ctl::of(&self.data()).run(words);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out.trim().to_owned()
    }

    /// One of this role, which is its name too.
    pub(crate) fn token(&self, role: &str) -> String {
        self.ctl(&["token", "create", role, "--role", role])
    }

    /// One by which an agent comes in this way.
    pub(crate) fn join_string(&self, scheme: &str) -> String {
        let whole = self.ctl(&["join-token", "create"]);
        let (begin, urls) = whole.split_at(whole.find(scheme).unwrap());
        let begin = begin.split("tls://").next().unwrap();
        let url = urls.split(',').next().unwrap();
        format!("{begin}{url}")
    }

    /// An agent that joins this way.
    pub(crate) fn joins(&self, scheme: &str) -> AgentProgram {
        let join = self.join_string(scheme);
        self.agent("agent", &join)
    }

    pub(crate) fn agent(&self, state: &str, join: &str) -> AgentProgram {
        AgentProgram::of(self.program(state, &["--join", join]))
    }

    /// The exit code of one that cannot start, and what it said.
    pub(crate) fn failing_agent(&self, state: &str, join: &str) -> (Option<i32>, String) {
        self.program(state, &["--join", join]).failure()
    }

    /// One that has never joined.
    pub(crate) fn claiming_agent(&self, url: &str) -> AgentProgram {
        AgentProgram::of(self.program("claims", &["--server", url]))
    }

    fn program(&self, state: &str, flags: &[&str]) -> Program {
        Self::run(&mut self.command(state, flags))
    }

    /// What starts an agent with this state directory.
    pub(crate) fn command(&self, state: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(binary("widget-agent"));
        command.arg("--state").arg(self.state(state));
        command.args(["--interval", "1s"]).args(flags);
        command
    }

    pub(crate) fn run(command: &mut Command) -> Program {
        Program::start("widget-agent", command)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

fn start(files: &Path, [admin, tcp, http]: [String; 3]) -> (Program, Vec<(String, String)>) {
    let mut command = Command::new(binary("widget-server"));
    command.arg("--data").arg(files.join("server"));
    command.args(["--expose", AT]);
    for (flag, port) in [("--admin", admin), ("--tcp", tcp), ("--http", http)] {
        command.args([flag, &format!("{AT}:{port}")]);
    }
    let server = Program::start("widget-server", &mut command);
    let urls = (0..3).map(|_| {
        let line = server.line();
        let mut words = line.split(' ').skip(1);
        let mut word = || words.next().unwrap().to_owned();
        (word(), word())
    });
    let urls = urls.collect();
    (server, urls)
}

/// What curl is to say.
pub(crate) struct Curl {
    base: String,
    flags: Vec<String>,
}

impl Curl {
    pub(crate) fn new(base: &str, authority: Option<&Path>) -> Self {
        let mut flags = vec!["--silent".to_owned()];
        if let Some(authority) = authority {
            flags.extend(["--cacert".to_owned(), authority.display().to_string()]);
        }
        Self {
            base: base.to_owned(),
            flags,
        }
    }

    pub(crate) fn with_header(mut self, header: &str) -> Self {
        self.flags
            .extend(["--header".to_owned(), header.to_owned()]);
        self
    }

    /// From this address of the host.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.flags
            .extend(["--interface".to_owned(), address.to_owned()]);
        self
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        self.with_header(&format!("Authorization: Bearer {token}"))
    }

    fn run(&self, path: &str, more: &[&str]) -> (Option<i32>, String) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let url = format!("{}{path}", self.base);
        run("curl", &[&flags[..], more, &[&url]].concat())
    }

    /// Status and JSON.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut more = vec!["--request", method, "--write-out", "\n%{http_code}"];
        if !body.is_empty() {
            more.extend(["--header", "Content-Type: application/json", "--data", body]);
        }
        let (code, said) = self.run(path, &more);
        assert_eq!(code, Some(0), "{said}");
        let (body, status) = said.rsplit_once('\n').unwrap();
        let body = serde_json::from_str(body).unwrap_or_default();
        (status.parse().unwrap(), body)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "")
    }

    /// The same of a server that may give no answer.
    pub(crate) fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        let more = ["--max-time", "10", "--write-out", "\n%{http_code}"];
        let (code, said) = self.run(path, &more);
        let (body, status) = said.rsplit_once('\n')?;
        let body = serde_json::from_str(body).unwrap_or_default();
        (code == Some(0)).then_some((status.parse().ok()?, body))
    }

    pub(crate) fn post(&self, path: &str) -> (u16, Value) {
        self.send("POST", path, "")
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.run(path, &[]).1
    }

    /// The exit code of one that gets no answer.
    pub(crate) fn fails(&self, path: &str) -> Option<i32> {
        self.run(path, &[]).0
    }
}

/// The exit code of a program that is given no input, and what it said.
pub(crate) fn run(program: &str, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.args(flags).stdin(std::process::Stdio::null());
    let output = command.output().expect("scripts/test installs it");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
