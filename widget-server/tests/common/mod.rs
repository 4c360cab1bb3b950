//! A server in memory, and agents that speak to it without a network.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

pub(crate) mod api;
pub(crate) mod clock;
pub(crate) mod slow_rows;

use std::sync::Arc;

use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch, TaskId};
use widget_core::message::{
    Command, Credential, Describe, HandlerInfo, Held, Hello, KindRoom, Opening, RequestWork,
    Response, Submit, Update, UpdateItem, Verdict, Work,
};
use widget_core::report::Report;
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::MemoryStore;
use widget_core::task::AgentEvent;
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};
use widget_server::{Server, ServerHandle};

pub(crate) fn server() -> Server {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    Server::builder(runtime, store.into()).build()
}

/// How often the server has refused something by this word.
pub(crate) fn counted(server: &Server, word: &str) -> u64 {
    server.handle().refusals().get(word).copied().unwrap_or(0)
}

/// A Hello with nothing special.
pub(crate) fn hello(agent: u128, credential: Credential) -> Hello {
    Hello {
        versions: (2, 2),
        codecs: vec![1],
        agent: AgentId::from_u128(agent),
        epoch: SpoolEpoch::from_bytes([1; 16]),
        seen: None,
        credential,
        extras: Vec::new(),
    }
}

pub(crate) fn origin() -> Origin {
    Origin {
        transport: "test",
        address: "nowhere".into(),
        ip: None,
    }
}

/// An agent's side of a conversation.
pub(crate) struct Agent {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) peer: Peer,
}

impl Agent {
    pub(crate) async fn hello(service: &Arc<dyn Service>, id: u128, epoch: u8) -> Self {
        Self::try_hello(service, id, epoch, (2, 2)).await.unwrap()
    }

    pub(crate) async fn try_hello(
        service: &Arc<dyn Service>,
        id: u128,
        epoch: u8,
        versions: (u16, u16),
    ) -> Result<Self, Rejection> {
        let hello = Hello {
            versions,
            epoch: SpoolEpoch::from_bytes([epoch; 16]),
            ..hello(id, Credential::None)
        };
        let (peer, _) = service.open(&origin(), Opening::Hello(hello)).await?;
        Ok(Self {
            service: service.clone(),
            peer,
        })
    }

    pub(crate) fn id(&self) -> AgentId {
        self.peer.agent
    }

    pub(crate) async fn call(&self, command: Command) -> Response {
        self.service.call(&self.peer, command).await
    }

    pub(crate) async fn describe(&self, host: &str) {
        let describe = Describe {
            host: host.into(),
            interval_ms: 1_000,
            ..Describe::default()
        };
        assert_eq!(self.call(Command::Describe(describe)).await, Response::ACK);
    }

    /// Says which kinds it takes.
    pub(crate) async fn handlers(&self, kinds: &[&str]) {
        let handler = |kind: &&str| HandlerInfo {
            kind: (*kind).to_owned(),
            idempotent: false,
            schema: None,
        };
        let describe = Describe {
            host: "host".into(),
            handlers: kinds.iter().map(handler).collect(),
            ..Describe::default()
        };
        assert_eq!(self.call(Command::Describe(describe)).await, Response::ACK);
    }

    /// Asks for tasks with so much room, in all and of these kinds, and does not wait.
    pub(crate) async fn room(&self, room: u16, kinds: &[(&str, u16)]) -> Work {
        let kind = |(kind, room): &(&str, u16)| KindRoom {
            kind: (*kind).to_owned(),
            room: *room,
        };
        let request = RequestWork {
            room,
            kinds: kinds.iter().map(kind).collect(),
            ..RequestWork::default()
        };
        match self.call(Command::RequestWork(request)).await {
            Response::Work(work) => work,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn submit(&self, after: u64, reports: Vec<Report>) -> Response {
        let epoch = self.peer.epoch;
        self.call(Command::Submit(Submit {
            epoch,
            after,
            reports,
            dropped: 0,
        }))
        .await
    }

    pub(crate) async fn request(&self, wait_ms: u32, holding: Vec<Held>) -> Response {
        self.call(Command::RequestWork(RequestWork {
            room: 8,
            wait_ms,
            holding,
            kinds: Vec::new(),
        }))
        .await
    }

    pub(crate) async fn work(&self) -> Work {
        match self.request(0, Vec::new()).await {
            Response::Work(work) => work,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn say(
        &self,
        task: TaskId,
        attempt: u32,
        events: Vec<AgentEvent>,
    ) -> Vec<Verdict> {
        let attempt = widget_core::id::Attempt(attempt);
        let items = events
            .into_iter()
            .map(|event| UpdateItem {
                task,
                attempt,
                event,
            })
            .collect();
        match self.call(Command::Update(Update { items })).await {
            Response::Verdicts(verdicts) => verdicts,
            other => panic!("{other:?}"),
        }
    }
}

/// Whether there was nothing to do; when that was said is no part of it.
pub(crate) fn is_nothing(response: &Response) -> bool {
    matches!(response, Response::Work(work) if work.is_empty())
}

pub(crate) fn report(seq: u64) -> Report {
    Report {
        seq,
        at: now(),
        total_memory: 16 << 30,
        used_memory: 6 << 30,
        average_cpu: 12.5,
        gauges: vec![("queue.depth".into(), 3.0)],
        thinned: None,
    }
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) async fn reported(service: &Arc<dyn Service>, id: u128) -> Agent {
    let agent = Agent::hello(service, id, 1).await;
    agent.describe("host").await;
    assert_eq!(
        agent.submit(0, vec![report(1)]).await,
        Response::Ack { through: Some(1) }
    );
    agent
}

pub(crate) async fn state(handle: &ServerHandle, task: TaskId) -> String {
    handle
        .task(task)
        .await
        .unwrap()
        .unwrap()
        .state
        .name()
        .to_string()
}
