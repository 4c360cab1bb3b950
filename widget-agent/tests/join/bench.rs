//! [`Bench`]: a state directory, an agent's runtime, and a server with a real listener that answers by
//! script; and [`Cut`], a server that hears an opening and goes.

use std::fs;
use std::future::Future;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use smol::Executor;
use tempfile::TempDir;
use tokio::runtime::Builder;
use widget_agent::runtime::{SharedRuntime, SmolRuntime, TokioRuntime};
use widget_agent::widget_core::codec::{Bincode, ErasedCodec};
use widget_agent::widget_core::frame::{FrameBuffer, MAX_OPENING};
use widget_agent::widget_core::message::{Credential, Enrol, Opening};
use widget_agent::widget_core::stop::Stop;
use widget_agent::widget_core::testkit::transport::{Answer, ScriptedService};
use widget_agent::widget_core::transport::Listener;
use widget_agent::{JoinError, Joined, join};
use widget_transport_http::HttpListener;
use widget_transport_tcp::TcpListener;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A join string with a token of this byte, for these servers.
pub(crate) fn string(token: u8, servers: &str) -> String {
    let token = widget_agent::widget_core::access::Secret::from_bytes([token; 32]).text();
    format!("wj1.{token}.-.{servers}")
}

/// What an agent runs on.
enum Side {
    Tokio(tokio::runtime::Runtime),
    Smol(Arc<Executor<'static>>),
}

pub(crate) struct Bench {
    pub(crate) service: Arc<ScriptedService>,
    /// The address of the server.
    pub(crate) url: String,
    pub(crate) state: TempDir,
    side: Side,
    stop: Stop,
    serving: Option<JoinHandle<()>>,
}

impl Bench {
    /// One for each transport and runtime.
    pub(crate) fn each(answer: Answer) -> impl Iterator<Item = Self> {
        let schemes = ["tcp", "http"].into_iter();
        let ways = schemes.flat_map(|scheme| [(scheme, true), (scheme, false)]);
        ways.map(move |(scheme, tokio)| Self::new(scheme, tokio, answer))
    }

    fn new(scheme: &'static str, tokio: bool, answer: Answer) -> Self {
        let service = Arc::new(ScriptedService::default());
        service.answer_openings(answer);
        let (stop, (address, bound)) = (Stop::new(), channel());
        let (served, signal) = (Arc::clone(&service), stop.signal());
        let serving = std::thread::spawn(move || {
            let tokio = Builder::new_current_thread().enable_all().build().unwrap();
            tokio.block_on(async {
                let listener: Box<dyn Listener> = match scheme {
                    "tcp" => Box::new(TcpListener::bind(ANY).await.unwrap()),
                    _ => Box::new(HttpListener::bind(ANY).await.unwrap()),
                };
                address.send(listener.local_addr().unwrap()).unwrap();
                listener.serve(served, signal).await.unwrap();
            });
        });
        let side = if tokio {
            let tokio = Builder::new_current_thread().enable_all().build();
            Side::Tokio(tokio.unwrap())
        } else {
            Side::Smol(Arc::new(Executor::new()))
        };
        Self {
            service,
            url: format!("{scheme}://{}", bound.recv().unwrap()),
            state: tempfile::tempdir().unwrap(),
            side,
            stop,
            serving: Some(serving),
        }
    }

    pub(crate) fn runtime(&self) -> SharedRuntime {
        match &self.side {
            Side::Tokio(tokio) => Arc::new(TokioRuntime::new(tokio.handle().clone())),
            Side::Smol(executor) => Arc::new(SmolRuntime::new(Arc::clone(executor))),
        }
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.side {
            Side::Tokio(tokio) => tokio.block_on(work),
            Side::Smol(executor) => smol::block_on(executor.run(work)),
        }
    }

    /// Joins with this string.
    pub(crate) fn join(&self, string: &str) -> Result<Joined, JoinError> {
        self.block_on(join(self.state.path(), string, self.runtime()))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.state.path().join("credential")
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// The enrolments that came.
    pub(crate) fn enrolments(&self) -> Vec<Enrol> {
        let enrols = self.service.openings().into_iter().map(enrol);
        enrols.collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.ask();
        self.serving.take().map(JoinHandle::join);
    }
}

/// What joins says nothing else.
fn enrol(opening: Opening) -> Enrol {
    match opening {
        Opening::Enrol(enrol) => enrol,
        Opening::Hello(hello) => panic!("{hello:?}"),
    }
}

/// The text of the secret in it.
pub(crate) fn secret(enrol: &Enrol) -> String {
    match &enrol.hello.credential {
        Credential::Secret(secret) => secret.text(),
        Credential::None => panic!("no secret"),
    }
}

/// A server of frames that reads one opening, looks at the credential's file, and goes without a word.
pub(crate) struct Cut {
    pub(crate) url: String,
    heard: JoinHandle<(Enrol, String)>,
}

impl Cut {
    pub(crate) fn start(file: PathBuf) -> Self {
        let socket = std::net::TcpListener::bind(ANY).unwrap();
        let url = format!("tcp://{}", socket.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (mut stream, _) = socket.accept().unwrap();
            let (mut came, mut bytes) = (FrameBuffer::new(), [0; 4096]);
            loop {
                let count = stream.read(&mut bytes).unwrap();
                let text = fs::read_to_string(&file).unwrap();
                came.push(&bytes[..count]);
                if let Some(frame) = came.next_v2(MAX_OPENING).unwrap() {
                    let codec: &dyn ErasedCodec = &Bincode;
                    let opening = codec.decode_opening(frame.payload).unwrap();
                    return (enrol(opening), text);
                }
            }
        });
        Self { url, heard }
    }

    /// What it heard, and what was on disk by then.
    pub(crate) fn heard(self) -> (Enrol, String) {
        self.heard.join().unwrap()
    }
}
