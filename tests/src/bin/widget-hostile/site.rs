//! [`Site`]: the server, where it is reached, and the honest agent beside the others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "what cannot go on has to fail, and the tests use more of a host"
)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::runtime::{Stream, Wrap};
use widget_core::tls::{Application, TlsClient, Trust};
use widget_tests::{AgentProgram, ServerProgram};

#[path = "../../../tests/exposed/host.rs"]
mod host;

use host::Host;

pub(crate) struct Site {
    /// Ends with it.
    _files: TempDir,
    server: Server,
    _agent: AgentProgram,
    /// What an operator asks for.
    pub(crate) agent: String,
    /// `host:port` for frames, agents' HTTP, and API with page.
    pub(crate) targets: [String; 3],
}

/// Asks for a path: status and JSON, or none if there is no answer.
pub(crate) type Ask = Box<dyn Fn(&str) -> Option<(u16, Value)> + Send>;

enum Server {
    Near(ServerProgram),
    /// With the token of somebody who may look.
    Exposed(Host, String),
}

impl Site {
    /// On loopback, where everybody may come in.
    pub(crate) fn near() -> Self {
        let files = TempDir::new().unwrap();
        let server = ServerProgram::start(&files.path().join("server"));
        let agent = server.agent(&files.path().join("agent"), "1s");
        let admin = server.api.base().trim_start_matches("http://").to_owned();
        let targets = [server.tcp.clone(), server.http.clone(), admin];
        Self::of(files, Server::Near(server), agent, targets)
    }

    /// As other hosts reach it: with TLS, tokens and an agent that has joined.
    pub(crate) fn exposed() -> Self {
        let (files, host) = (TempDir::new().unwrap(), Host::start());
        let agent = host.joins("tls");
        let targets = ["tls", "https", "admin"].map(|name| {
            let url = host.url(name);
            url.rsplit('/').next().unwrap_or_default().to_owned()
        });
        let token = host.token("viewer");
        Self::of(files, Server::Exposed(host, token), agent, targets)
    }

    fn of(files: TempDir, server: Server, agent: AgentProgram, targets: [String; 3]) -> Self {
        let site = Self {
            _files: files,
            server,
            agent: format!("/api/v1/agents/{}", agent.id),
            _agent: agent,
            targets,
        };
        let ask = site.operator();
        while ask(&site.agent).is_none_or(|(status, _)| status != 200) {
            thread::sleep(Duration::from_millis(20));
        }
        site
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.server {
            Server::Near(server) => server.program.id(),
            Server::Exposed(host, _) => host.server().id(),
        }
    }

    /// Asks as an operator does.
    pub(crate) fn operator(&self) -> Ask {
        match &self.server {
            Server::Near(server) => {
                let api = server.api.clone();
                Box::new(move |path| api.try_get(path))
            }
            Server::Exposed(host, token) => {
                // From elsewhere than the others: each request is a connection of its own.
                let curl = host.curl().with_token(token).from("127.0.0.3");
                Box::new(move |path| curl.try_get(path))
            }
        }
    }

    /// What a peer needs to come as far as a word: TLS, if the server has it.
    pub(crate) fn way(&self) -> Way {
        Way(match &self.server {
            Server::Near(_) => None,
            Server::Exposed(host, _) => Some(pem(&host.authority())),
        })
    }
}

fn pem(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// What a server's ports are behind.
#[derive(Debug, Clone)]
pub(crate) struct Way(Option<Vec<u8>>);

impl Way {
    /// Nothing: bytes go as they are.
    pub(crate) const fn plain() -> Self {
        Self(None)
    }

    /// The stream in which a request would be read; none if the server has no time for it.
    pub(crate) async fn through(
        &self,
        stream: TcpStream,
        target: usize,
    ) -> Option<Box<dyn Stream>> {
        let stream = Box::new(stream.compat());
        let Some(pem) = &self.0 else {
            return Some(stream);
        };
        let application = match target {
            0 => Application::Frames,
            _ => Application::Http,
        };
        let trust = Trust::from_pem(pem).ok()?;
        let client = TlsClient::new(&trust, "127.0.0.2", application).ok()?;
        client.wrap(stream).await.ok()
    }
}
