//! [`LocalServer`]: a server for the examples that show an agent. Yours would be another program,
//! on another host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use widget_core::id::{AgentId, StoreEpoch, TaskId};
use widget_core::report::Report;
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::{Stop, StopSignal};
use widget_core::store::MemoryStore;
use widget_core::task::Task;
use widget_server::{Events, Server, ServerHandle, open};

use crate::Error;

/// A server with a store in memory, on a thread and runtime of its own. Dropping it ends it.
#[derive(Debug)]
pub struct LocalServer {
    url: String,
    handle: ServerHandle,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Starts it on a free port of this host.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start() -> Result<Self, Error> {
        let stop = Stop::new();
        let (signal, (ready, started)) = (stop.signal(), mpsc::channel());
        let thread = std::thread::spawn(move || {
            if let Err(error) = serve(signal, &ready) {
                // The other side waits for one or the other.
                let _ = ready.send(Err(error));
            }
        });
        let (address, handle) = started.recv()??;
        Ok(Self {
            url: format!("tcp://{address}"),
            handle,
            stop,
            thread: Some(thread),
        })
    }

    /// Its address for agents.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a program may ask of it.
    #[must_use]
    pub const fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// The agent's first report that is like this; waits for it.
    ///
    /// # Errors
    /// If the server ends before.
    pub async fn report(
        &self,
        agent: AgentId,
        is_wanted: impl Fn(&Report) -> bool,
    ) -> Result<Report, Error> {
        let mut events = self.handle.events();
        loop {
            let status = self.handle.agent(agent).await?;
            let latest = status.and_then(|status| status.latest);
            if let Some(row) = latest.filter(|row| is_wanted(&row.report)) {
                return Ok(row.report);
            }
            next(&mut events).await?;
        }
    }

    /// The task as soon as it is like this; waits for it.
    ///
    /// # Errors
    /// If there is no such task, or the server ends before.
    pub async fn task(&self, id: TaskId, is_wanted: impl Fn(&Task) -> bool) -> Result<Task, Error> {
        let mut events = self.handle.events();
        loop {
            let task = self.handle.task(id).await?.ok_or("there is no such task")?;
            if is_wanted(&task) {
                return Ok(task);
            }
            next(&mut events).await?;
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Ready = mpsc::Sender<Result<(SocketAddr, ServerHandle), Error>>;

fn serve(stop: StopSignal, ready: &Ready) -> Result<(), Error> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
    tokio.block_on(async {
        let listener = open::listener("tcp://127.0.0.1:0").await?;
        let address = listener.local_addr().ok_or("no address")?;
        let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
        let store = Arc::new(MemoryStore::new(epoch));
        let server = Server::builder(runtime, store.into())
            .boxed_listener(listener)
            .build();
        ready.send(Ok((address, server.handle())))?;
        server.run(stop).await?;
        Ok(())
    })
}

async fn next(events: &mut Events) -> Result<(), Error> {
    let event = events.next().await;
    event
        .map(|_| ())
        .ok_or_else(|| "the server has ended".into())
}
