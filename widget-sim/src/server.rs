//! [`SimServer`]: a server, its store, and what can happen to both.

use std::fmt;
use std::sync::Arc;

use widget_core::id::StoreEpoch;
use widget_core::runtime::{Runtime, RuntimeExt, SharedRuntime};
use widget_core::stop::Stop;
use widget_core::store::{MemoryStore, Stores};
use widget_server::{Server, ServerBuilder, ServerHandle};

use crate::{SimListener, SimRuntime, SimStore, StoreFaults, Switchboard, Way, World};

/// Opens the stores of each new process: something around the simulated one, or stores of one's own in
/// its place.
pub type Open = Arc<dyn Fn(SimStore, &SimRuntime) -> Stores + Send + Sync>;
/// Adds listeners and the like to the server of each new process.
pub type Serve = Arc<dyn Fn(ServerBuilder, &SimRuntime) -> ServerBuilder + Send + Sync>;

/// One server on a host of its own. It serves every [`Way`].
pub struct SimServer {
    world: World,
    host: String,
    board: Switchboard,
    rows: MemoryStore,
    faults: StoreFaults,
    open: Option<Open>,
    serve: Serve,
    /// What the last process used, if they were opened in a way of one's own.
    stores: Option<Stores>,
    running: Option<Running>,
}

struct Running {
    runtime: SimRuntime,
    handle: ServerHandle,
    stop: Stop,
}

impl fmt::Debug for SimServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimServer")
            .field("host", &self.host)
            .field("runs", &self.running.is_some())
            .finish_non_exhaustive()
    }
}

impl SimServer {
    /// A server with an empty store that has yet to be [started](Self::start).
    #[must_use]
    pub fn new(world: &World, board: &Switchboard, host: &str) -> Self {
        let bits = [world.below(u64::MAX), world.below(u64::MAX)];
        let epoch = StoreEpoch::generate(world.process(host).wall(), bits);
        Self {
            world: world.clone(),
            host: host.to_owned(),
            board: board.clone(),
            rows: MemoryStore::new(epoch),
            faults: StoreFaults::default(),
            open: None,
            serve: Arc::new(|server, _| server),
            stores: None,
            running: None,
        }
    }

    /// Has each process use the stores that this gives.
    #[must_use]
    pub fn with_stores(mut self, open: Open) -> Self {
        self.open = Some(open);
        self
    }

    /// Has each process be built like this.
    #[must_use]
    pub fn built_by(mut self, serve: Serve) -> Self {
        self.serve = serve;
        self
    }

    /// Starts a process with the rows that are there; one that runs is killed first.
    pub fn start(&mut self) -> ServerHandle {
        self.kill();
        let runtime = self.world.process(&self.host);
        self.rows = self.rows.reopened();
        let store = SimStore::new(self.rows.clone(), runtime.clone(), self.faults.clone());
        let shared: SharedRuntime = Arc::new(runtime.clone());
        self.stores = self.open.as_ref().map(|open| open(store.clone(), &runtime));
        let stores = self.stores.clone();
        let stores = stores.unwrap_or_else(|| Stores::from(Arc::new(store)));
        let mut builder = Server::builder(shared, stores);
        for way in [Way::Tcp, Way::Http] {
            let listener = SimListener::bind(&runtime, way).expect("the port is free");
            builder = builder.listener(listener.tapped_as(&self.board));
        }
        let server = (self.serve)(builder, &runtime).build();
        let (handle, stop) = (server.handle(), Stop::new());
        self.board.serve(&runtime, server.service());
        let signal = stop.signal();
        runtime.spawn(Box::pin(async move {
            server.run(signal).await.expect("the listeners go on");
        }));
        self.running = Some(Running {
            runtime,
            handle: handle.clone(),
            stop,
        });
        handle
    }

    /// Ends the process as `SIGKILL` does. What was committed stays.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            self.board.hang_up(&self.host);
            self.world.kill(running.runtime.process());
        }
    }

    /// Asks the process to end in order, and waits for that.
    pub async fn stop(&mut self) {
        if let Some(running) = &self.running {
            running.stop.ask();
            let ended = running.handle.server_ended();
            let limit = std::time::Duration::from_secs(10);
            running.runtime.timeout(limit, ended).await;
        }
        self.kill();
    }

    /// Whether there is a process that was started and has been killed in some other way than
    /// [`kill`](Self::kill), such as [at a use of its store](StoreFaults::set_end).
    #[must_use]
    pub fn has_died(&self) -> bool {
        let alive = |running: &Running| self.world.is_alive(running.runtime.process());
        self.running.as_ref().is_some_and(|running| !alive(running))
    }

    /// What the program may ask of the server, while it runs.
    #[must_use]
    pub fn handle(&self) -> Option<&ServerHandle> {
        self.running.as_ref().map(|running| &running.handle)
    }

    /// Asks for something of the process that there is, [there](Desk::ask); `None` if there is none.
    pub fn ask<T, F, Fut>(&self, what: F) -> impl Future<Output = Option<T>> + Send + use<T, F, Fut>
    where
        T: Send + 'static,
        F: FnOnce(ServerHandle) -> Fut,
        Fut: Future<Output = T> + Send + 'static,
    {
        let answer = self.desk().map(|desk| desk.ask(what));
        async move { answer?.await }
    }

    /// Where something is asked of its process, while there is one.
    #[must_use]
    pub fn desk(&self) -> Option<Desk> {
        let running = self.running.as_ref()?;
        Some(Desk {
            runtime: running.runtime.clone(),
            handle: running.handle.clone(),
        })
    }

    /// What its process uses, to look into it from outside, also while no process runs: past all delays
    /// and faults, unless [the stores](Self::with_stores) have their own.
    #[must_use]
    pub fn stores(&self) -> Stores {
        let own = self.stores.clone();
        own.unwrap_or_else(|| Stores::from(Arc::new(self.rows.clone())))
    }

    /// Its rows, past all delays and faults.
    #[must_use]
    pub const fn rows(&self) -> &MemoryStore {
        &self.rows
    }

    /// Kills the process and puts other rows in the place of its own, such as an older
    /// [backup](MemoryStore::backup).
    pub fn restore(&mut self, rows: MemoryStore) {
        self.kill();
        self.rows = rows;
    }

    /// What goes wrong with its store.
    #[must_use]
    pub const fn faults(&self) -> &StoreFaults {
        &self.faults
    }

    /// The name of its host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Where requests to the API of one process of a server come in.
#[derive(Debug, Clone)]
pub struct Desk {
    runtime: SimRuntime,
    handle: ServerHandle,
}

impl Desk {
    /// Asks for something in the server's process. If that ends before the answer, it is `None`, and
    /// nobody knows what came of it.
    pub fn ask<T, F, Fut>(&self, what: F) -> impl Future<Output = Option<T>> + Send + use<T, F, Fut>
    where
        T: Send + 'static,
        F: FnOnce(ServerHandle) -> Fut,
        Fut: Future<Output = T> + Send + 'static,
    {
        let (answer, answered) = async_channel::bounded(1);
        let work = what(self.handle.clone());
        self.runtime.spawn(Box::pin(async move {
            // Nobody may wait for it any more.
            let _ = answer.try_send(work.await);
        }));
        async move { answered.recv().await.ok() }
    }

    /// What it asks.
    #[must_use]
    pub const fn handle(&self) -> &ServerHandle {
        &self.handle
    }
}
