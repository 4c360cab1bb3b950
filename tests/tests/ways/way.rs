//! The ways, and the road that one of them makes to a server.

use std::path::Path;

use widget_tests::{AgentProgram, Nginx, ServerProgram};

/// What an agent runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Runtime {
    Smol,
    Tokio,
}

/// How an agent reaches a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Tcp(Runtime),
    Http(Runtime),
    /// HTTP through a proxy that cuts at 30 s and sends a request again, as it thinks best.
    Nginx,
}

/// A way to one server. What stands on it goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Road {
    url: String,
    runtime: Runtime,
    _proxy: Option<Nginx>,
}

impl Way {
    /// What the server calls the transport.
    pub(crate) const fn transport(self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Http(_) | Self::Nginx => "http",
        }
    }

    pub(crate) fn to(self, server: &ServerProgram) -> Road {
        let (url, runtime, proxy) = match self {
            Self::Tcp(runtime) => (format!("tcp://{}", server.tcp), runtime, None),
            Self::Http(runtime) => (format!("http://{}", server.http), runtime, None),
            Self::Nginx => {
                let more =
                    "proxy_read_timeout 30s; proxy_next_upstream error timeout non_idempotent;";
                let proxy = Nginx::start(&server.http, more);
                let url = format!("http://{}/fleet", proxy.address);
                (url, Runtime::Smol, Some(proxy))
            }
        };
        Road {
            url,
            runtime,
            _proxy: proxy,
        }
    }
}

impl Road {
    pub(crate) fn agent(&self, state: &Path, interval: &str) -> AgentProgram {
        let runtime = match self.runtime {
            Runtime::Smol => "smol",
            Runtime::Tokio => "tokio",
        };
        AgentProgram::start(&self.url, state, interval, &["--runtime", runtime])
    }
}
