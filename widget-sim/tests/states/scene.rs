//! A server and those that it knows, in a world of their own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use widget_core::access::Secret;
use widget_core::id::AgentId;
use widget_core::message::{
    Command, Credential, Enrol, Hello, Opening, Response, VERSION, Welcome,
};
use widget_core::runtime::{Runtime, RuntimeExt, SharedRuntime, Stream};
use widget_core::stop::Stop;
use widget_core::store::{MemoryStore, Purpose};
use widget_core::testkit::fixtures::{agent, epoch, secret, store_epoch};
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};
use widget_core::v1;
use widget_server::{Server, ServerHandle, TokenRequest};
use widget_sim::{HTTP_PORT, SimRuntime, TCP_PORT, Way, World};

/// How long a call takes that is held.
const HELD: Duration = Duration::from_secs(10);
/// The secret of the agent that has joined.
pub(crate) const JOINED: u8 = 1;

/// A server with one agent that has joined, and a connection to it.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) handle: ServerHandle,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) held: Arc<AtomicUsize>,
    pub(crate) stop: Stop,
    /// Lets agents join.
    pub(crate) token: Secret,
    pub(crate) agent: AgentId,
    pub(crate) peer: SimRuntime,
    /// It stops when it is dropped.
    _running: Mutex<Server>,
    server: SimRuntime,
}

impl Scene {
    /// A server for other hosts, or one for its own only, with this epoch of its store.
    pub(crate) async fn new(world: &World, host: &str, (exposed, store): (bool, u8)) -> Self {
        let server = world.process(host);
        let runtime: SharedRuntime = Arc::new(server.clone());
        let rows = Arc::new(MemoryStore::new(store_epoch(store)));
        let builder = Server::builder(runtime.clone(), rows.into());
        let built = if exposed {
            builder.expose().build()
        } else {
            builder.build()
        };
        let held = Arc::new(AtomicUsize::new(0));
        let slow = Slow {
            inner: built.service(),
            runtime,
            held: Arc::clone(&held),
        };
        let mut scene = Self {
            world: world.clone(),
            handle: built.handle(),
            service: Arc::new(slow),
            held,
            stop: Stop::new(),
            token: secret(0),
            agent: agent(0),
            peer: world.process("peer"),
            _running: Mutex::new(built),
            server,
        };
        let purpose = Purpose::Join {
            uses: 9,
            labels: Vec::new(),
        };
        let request = TokenRequest {
            purpose,
            name: "nine".to_owned(),
            ttl: Some(Duration::from_secs(2 * 24 * 60 * 60)),
        };
        scene.token = scene.handle.create_token(request).await.unwrap().0;
        scene.agent = scene.open(&scene.enrol(JOINED)).await.0.agent;
        scene
    }

    /// A Hello with this secret.
    pub(crate) fn hello(credential: Credential) -> Hello {
        Hello {
            versions: (VERSION, VERSION),
            codecs: vec![1],
            agent: agent(77),
            epoch: epoch(1),
            seen: None,
            credential,
            extras: Vec::new(),
        }
    }

    /// The Hello of the agent that has joined.
    pub(crate) fn good_hello() -> Opening {
        Opening::Hello(Self::hello(Credential::Secret(secret(JOINED))))
    }

    /// An Enrol with a good token, and this secret.
    pub(crate) fn enrol(&self, n: u8) -> Opening {
        Opening::Enrol(Enrol {
            token: self.token.clone(),
            hello: Self::hello(Credential::Secret(secret(n))),
            extras: Vec::new(),
        })
    }

    /// Says it to the service, without a connection.
    pub(crate) async fn open(&self, opening: &Opening) -> (Peer, Welcome) {
        let opened = self.service.open(&origin(), opening.clone()).await;
        opened.unwrap()
    }

    /// A connection that is served, as a listener for other hosts serves it or, if it is `near`, one for
    /// its own.
    pub(crate) async fn connect(&self, way: Way, near: bool) -> Box<dyn Stream> {
        let port = match way {
            Way::Http => HTTP_PORT,
            _ => TCP_PORT,
        };
        let incoming = self.world.listen(&self.server, port).unwrap();
        let to = widget_core::runtime::Address {
            host: self.server.host().to_string(),
            port,
        };
        let stream = self.peer.connect(&to).await.unwrap();
        let accepted = incoming.next().await.unwrap();
        let runtime: SharedRuntime = Arc::new(self.server.clone());
        let (service, stop) = (Arc::clone(&self.service), self.stop.signal());
        if way == Way::Http {
            let mut limits = widget_transport_http::Limits::default();
            limits.date = false;
            let limits = Arc::new(limits);
            let stream = accepted.stream;
            self.world.spawn(widget_transport_http::serve_stream(
                stream,
                runtime,
                service,
                origin(),
                stop,
                limits,
            ));
        } else {
            let mut limits = widget_transport_tcp::Limits::default();
            limits.allow_v1 = near;
            let limits = Arc::new(limits);
            let stream = accepted.stream;
            self.world.spawn(widget_transport_tcp::serve(
                stream,
                runtime,
                service,
                origin(),
                stop,
                limits,
            ));
        }
        stream
    }

    /// What was counted since then, word by word.
    pub(crate) fn counted_since(&self, before: &BTreeMap<&'static str, u64>) -> String {
        let now = self.handle.refusals();
        let new = now.into_iter().filter(|(word, n)| {
            let was = before.get(word).copied().unwrap_or(0);
            *n > was
        });
        let words: Vec<&str> = new.map(|(word, _)| word).collect();
        match &*words {
            [] => String::new(),
            words => format!(" ({})", words.join(", ")),
        }
    }
}

pub(crate) fn origin() -> Origin {
    Origin {
        transport: "sim",
        address: "peer".into(),
        ip: None,
    }
}

/// The real service, of whose next calls some take their time.
#[derive(Debug)]
struct Slow {
    inner: Arc<dyn Service>,
    runtime: SharedRuntime,
    held: Arc<AtomicUsize>,
}

#[async_trait]
impl Service for Slow {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        self.inner.open(from, opening).await
    }

    async fn session(&self, peer: &Peer) -> Result<String, Rejection> {
        self.inner.session(peer).await
    }

    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection> {
        self.inner.resume(from, session).await
    }

    async fn call(&self, peer: &Peer, command: Command) -> Response {
        let one_less = |held: usize| held.checked_sub(1);
        let order = Ordering::Relaxed;
        if self.held.fetch_update(order, order, one_less).is_ok() {
            self.runtime.sleep(HELD).await;
        }
        self.inner.call(peer, command).await
    }

    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: v1::Command,
    ) -> Option<v1::Response> {
        self.inner.call_v1(from, at, command).await
    }

    fn refused(&self, from: &Origin, reason: &'static str) {
        self.inner.refused(from, reason);
    }
}
