//! A server in memory that does what a test says: each kind of command waits in a queue of its own
//! until the test answers it. Descriptions are answered by themselves.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded, unbounded};
use async_trait::async_trait;
use futures_lite::future::or;
use widget_core::Payload;
use widget_core::id::{Attempt, StoreEpoch, TaskId};
use widget_core::message::{
    Command, Describe, Goodbye, Hello, Limits, Opening, Pacing, RequestWork, Response, Submit,
    Update, Verdict, Welcome, Work, WorkTask,
};
use widget_core::stop::{Stop, StopSignal};
use widget_core::task::AgentEvent;
use widget_core::transport::{Connection, Transport, TransportError, TransportErrorKind};

/// The server's side of a test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) hellos: Queue<Hello>,
    pub(crate) describes: Queue<Describe>,
    pub(crate) submits: Queue<Call<Submit>>,
    pub(crate) requests: Queue<Call<RequestWork>>,
    pub(crate) updates: Queue<Call<Update>>,
    pub(crate) goodbyes: Queue<Call<Goodbye>>,
    line: Mutex<Option<Stop>>,
    /// What openings come to, if not to a welcome.
    closed: Mutex<Option<TransportErrorKind>>,
    /// How long openings take.
    slow: Mutex<Duration>,
    description: Mutex<Response>,
    store: Mutex<StoreEpoch>,
    attempts: AtomicUsize,
    lines: AtomicUsize,
}

/// Commands of one kind, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue<T>(Sender<T>, Receiver<T>);

/// A command that waits for its answer. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Call<T> {
    pub(crate) command: T,
    answer: Sender<Response>,
}

impl<T: Debug> Queue<T> {
    fn new() -> Self {
        let (send, receive) = unbounded();
        Self(send, receive)
    }

    /// The next one. An hour of virtual time is as good as never.
    pub(crate) async fn next(&self) -> T {
        let limit = Duration::from_secs(3_600);
        let next = tokio::time::timeout(limit, self.1.recv()).await;
        next.expect("nothing came").expect("the queue lives")
    }

    /// Asserts that none waits and none comes for so long.
    pub(crate) async fn stays_empty(&self, time: Duration) {
        let next = tokio::time::timeout(time, self.1.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

impl<T> Call<T> {
    pub(crate) fn answer(self, response: Response) {
        // The agent may have given up waiting.
        let _ = self.answer.try_send(response);
    }
}

impl Call<Submit> {
    pub(crate) fn ack(self, through: u64) {
        let through = Some(through);
        self.answer(Response::Ack { through });
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.command
            .reports
            .iter()
            .map(|report| report.seq)
            .collect()
    }
}

impl Call<Update> {
    /// Answers every item alike, and gives what was said.
    pub(crate) fn verdict(self, verdict: Verdict) -> Vec<AgentEvent> {
        let items = self.command.items.clone();
        self.answer(Response::Verdicts(vec![verdict; items.len()]));
        items.into_iter().map(|item| item.event).collect()
    }
}

impl Server {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            hellos: Queue::new(),
            describes: Queue::new(),
            submits: Queue::new(),
            requests: Queue::new(),
            updates: Queue::new(),
            goodbyes: Queue::new(),
            line: Mutex::default(),
            closed: Mutex::default(),
            slow: Mutex::default(),
            description: Mutex::new(Response::ACK),
            store: Mutex::new(StoreEpoch::from_bytes([7; 16])),
            attempts: AtomicUsize::new(0),
            lines: AtomicUsize::new(0),
        })
    }

    pub(crate) fn transport(self: &Arc<Self>, name: &'static str) -> Arc<dyn Transport> {
        Arc::new(Memory(name, Arc::clone(self)))
    }

    /// Cuts the connection. What was not answered fails.
    pub(crate) fn cut(&self) {
        drop(self.line.lock().unwrap().take());
        while self.submits.1.try_recv().is_ok() {}
        while self.requests.1.try_recv().is_ok() {}
        while self.updates.1.try_recv().is_ok() {}
    }

    /// Whether it can be reached.
    pub(crate) fn set_down(&self, down: bool) {
        self.answer_openings(down.then_some(TransportErrorKind::Unreachable));
    }

    /// What openings come to; `None` is a welcome.
    pub(crate) fn answer_openings(&self, with: Option<TransportErrorKind>) {
        *self.closed.lock().unwrap() = with;
    }

    /// Openings take this long.
    pub(crate) fn slow_down(&self, slow: Duration) {
        *self.slow.lock().unwrap() = slow;
    }

    pub(crate) fn answer_descriptions(&self, with: Response) {
        *self.description.lock().unwrap() = with;
    }

    /// Has another memory than other servers.
    pub(crate) fn set_store(&self, store: StoreEpoch) {
        *self.store.lock().unwrap() = store;
    }

    /// How many openings there were.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub(crate) fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }

    /// Hands out tasks with the next request.
    pub(crate) async fn hand_out(&self, tasks: Vec<WorkTask>) {
        let request = self.request().await;
        assert!(usize::from(request.command.room) >= tasks.len());
        let cancel = Vec::new();
        request.answer(Response::Work(Work {
            tasks,
            cancel,
            at: widget_core::time::Timestamp::default(),
        }));
    }

    /// The next request that is not superseded once the agent has taken all earlier answers.
    pub(crate) async fn request(&self) -> Call<RequestWork> {
        loop {
            let request = self.requests.next().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            if !request.answer.is_closed() {
                return request;
            }
        }
    }

    /// The next update, whose every item is ok.
    pub(crate) async fn ok(&self) -> Vec<AgentEvent> {
        self.updates.next().await.verdict(Verdict::Ok)
    }
}

/// A task of this kind and number.
pub(crate) fn task(number: u8, kind: &str, input: &'static str) -> WorkTask {
    WorkTask {
        task: TaskId::from_bytes([number; 16]),
        attempt: Attempt(1),
        sequence: number.into(),
        kind: kind.to_owned(),
        input: Payload::from_json_text(input),
        ttl_ms: 60_000,
        timeout_ms: None,
        priority: 0,
        ordering_key: None,
        failures: 0,
        losses: 0,
    }
}

#[derive(Debug)]
struct Memory(&'static str, Arc<Server>);

#[async_trait]
impl Transport for Memory {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        self.1.attempts.fetch_add(1, Ordering::SeqCst);
        let slow = *self.1.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        if let Some(kind) = self.1.closed.lock().unwrap().clone() {
            return Err(TransportError::new(kind));
        }
        let Opening::Hello(hello) = opening else {
            return Err(TransportError::new(TransportErrorKind::Protocol));
        };
        self.1.hellos.0.try_send(hello).unwrap();
        let stop = Stop::new();
        let line = Line(stop.signal(), Arc::clone(&self.1));
        *self.1.line.lock().unwrap() = Some(stop);
        self.1.lines.fetch_add(1, Ordering::SeqCst);
        let store = *self.1.store.lock().unwrap();
        Ok((Arc::new(line), welcome(store)))
    }
}

fn welcome(store: StoreEpoch) -> Welcome {
    Welcome {
        version: 2,
        session: String::new(),
        store,
        sequence: 0,
        pacing: Pacing::default(),
        limits: Limits::default(),
        extras: Vec::new(),
        known: false,
    }
}

#[derive(Debug)]
struct Line(StopSignal, Arc<Server>);

impl Drop for Line {
    fn drop(&mut self) {
        self.1.lines.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Connection for Line {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let closed = || TransportError::new(TransportErrorKind::Closed);
        if self.0.is_asked() {
            return Err(closed());
        }
        let (answer, response) = bounded(1);
        match command {
            Command::Describe(command) => {
                self.1.describes.0.try_send(command).unwrap();
                let response = self.1.description.lock().unwrap().clone();
                answer.try_send(response).unwrap();
            }
            Command::Submit(command) => self.1.submits.put(command, answer),
            Command::RequestWork(command) => self.1.requests.put(command, answer),
            Command::Update(command) => self.1.updates.put(command, answer),
            Command::Goodbye(command) => self.1.goodbyes.put(command, answer),
        }
        let cut = async {
            self.0.asked().await;
            Err(closed())
        };
        or(async { response.recv().await.map_err(|_| closed()) }, cut).await
    }
}

impl<T> Queue<Call<T>> {
    fn put(&self, command: T, answer: Sender<Response>) {
        // Fails only when the test is over.
        let _ = self.0.try_send(Call { command, answer });
    }
}
