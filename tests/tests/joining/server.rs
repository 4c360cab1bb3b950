//! [`Server`]: a listener of each scheme before a service that answers by script.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use widget_core::access::{JoinString, Secret};
use widget_core::id::AgentId;
use widget_core::stop::Stop;
use widget_core::testkit::transport::{Answer, ScriptedService};
use widget_core::tls::Application;
use widget_core::transport::{Exposure, Listener};
use widget_tests::{Program, binary};
use widget_transport_http::HttpListener;
use widget_transport_tcp::TcpListener;

use crate::papers::Papers;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The id that the server gives.
pub(crate) const ID: AgentId = AgentId::from_bytes([5; 16]);
pub(crate) const SCHEMES: [&str; 4] = ["tcp", "http", "tls", "https"];
const TOKEN: [u8; 32] = [1; 32];

pub(crate) struct Server {
    pub(crate) service: Arc<ScriptedService>,
    pub(crate) url: String,
    pin: Option<[u8; 32]>,
    stop: Stop,
    serving: Option<JoinHandle<()>>,
}

impl Server {
    /// One that lets agents in.
    pub(crate) fn start(scheme: &'static str) -> Self {
        let service = Arc::new(ScriptedService::default());
        service.answer_openings(Answer::Joined(ID));
        let (stop, (address, bound)) = (Stop::new(), channel());
        let (served, signal) = (Arc::clone(&service), stop.signal());
        let papers = Papers::new();
        let pin = papers.pin();
        let serving = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            tokio.unwrap().block_on(async {
                let wrapped = |with| Exposure::Wrapped(Arc::new(papers.server(with)));
                let listener: Box<dyn Listener> = match scheme {
                    "tcp" => Box::new(TcpListener::bind(ANY).await.unwrap()),
                    "http" => Box::new(HttpListener::bind(ANY).await.unwrap()),
                    "tls" => {
                        let at = TcpListener::bind_exposed(ANY, wrapped(Application::Frames));
                        Box::new(at.await.unwrap())
                    }
                    _ => {
                        let at = HttpListener::bind_exposed(ANY, wrapped(Application::Http));
                        Box::new(at.await.unwrap())
                    }
                };
                address.send(listener.local_addr().unwrap()).unwrap();
                listener.serve(served, signal).await.unwrap();
            });
        });
        let is_secure = ["tls", "https"].contains(&scheme);
        Self {
            service,
            url: format!("{scheme}://{}", bound.recv().unwrap()),
            pin: is_secure.then_some(pin),
            stop,
            serving: Some(serving),
        }
    }

    /// What an agent is told to join it.
    pub(crate) fn string(&self) -> String {
        self.string_with(self.pin)
    }

    /// The same with another pin.
    pub(crate) fn string_with(&self, pin: Option<[u8; 32]>) -> String {
        let servers = vec![self.url.clone()];
        let string = JoinString::new(Secret::from_bytes(TOKEN), pin, servers);
        string.unwrap().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.ask();
        self.serving.take().map(JoinHandle::join);
    }
}

/// The program in this state directory.
pub(crate) fn agent(state: &Path, args: &[&str], join: Option<&str>) -> Program {
    let mut command = Command::new(binary("widget-agent"));
    command.arg("--state").arg(state).args(args);
    if let Some(join) = join {
        command.env("WIDGET_JOIN", join);
    }
    Program::start("widget-agent", &mut command)
}
