//! [`Server`]: listeners, dispatcher and sweeper, driven by the program's own runtime.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use futures_util::future::join_all;
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::stop::{Stop, StopSignal};
use widget_core::store::Stores;
use widget_core::transport::{Listener, Service, TransportError};

use crate::builder::ServerBuilder;
use crate::dispatch::Dispatcher;
use crate::handle::ServerHandle;
use crate::sweep::Sweeper;

/// How long listeners may take to end after they were asked.
const STOP_TIME: Duration = Duration::from_secs(3);

/// A server that has yet to be [`run`](Self::run).
///
/// ```
/// use std::sync::Arc;
/// use widget_core::id::StoreEpoch;
/// use widget_core::runtime::TokioRuntime;
/// use widget_core::stop::Stop;
/// use widget_core::store::MemoryStore;
/// use widget_server::Server;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let runtime = Arc::new(TokioRuntime::current().unwrap());
/// let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([7; 16])));
/// let server = Server::builder(runtime, store.into()).build();
/// let (handle, stop) = (server.handle(), Stop::new());
/// stop.ask();
/// server.run(stop.signal()).await.unwrap();
/// assert!(handle.refusals().is_empty());
/// # });
/// ```
pub struct Server {
    dispatcher: Arc<Dispatcher>,
    listeners: Vec<Box<dyn Listener>>,
    keep: Duration,
    /// Tells those who wait in the dispatcher.
    stop: Stop,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listeners: Vec<_> = self
            .listeners
            .iter()
            .map(|listener| listener.name())
            .collect();
        f.debug_struct("Server")
            .field("listeners", &listeners)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Begins a server on this runtime with these stores.
    #[must_use]
    pub fn builder(runtime: SharedRuntime, stores: Stores) -> ServerBuilder {
        ServerBuilder::new(runtime, stores)
    }

    pub(crate) const fn new(
        dispatcher: Arc<Dispatcher>,
        listeners: Vec<Box<dyn Listener>>,
        keep: Duration,
        stop: Stop,
    ) -> Self {
        Self {
            dispatcher,
            listeners,
            keep,
            stop,
        }
    }

    /// What the program may ask of it, before, while and after it runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(self.dispatcher.clone())
    }

    /// What listeners hand their calls to: for a listener that the program runs by itself, and
    /// for tests that speak to the server without any.
    #[must_use]
    pub fn service(&self) -> Arc<dyn Service> {
        self.dispatcher.clone()
    }

    /// Serves agents until `stop` is asked, then ends in order: who waits is answered, what was
    /// heard is written down.
    ///
    /// # Errors
    /// The first error of a listener that cannot go on; the others are ended too.
    pub async fn run(self, stop: StopSignal) -> Result<(), TransportError> {
        let Self {
            dispatcher,
            listeners,
            keep,
            stop: inner,
        } = self;
        let signal = inner.signal();
        let sweeper = Sweeper::new(dispatcher.clone(), keep);
        let serve = join_all(listeners.into_iter().map(|listener| {
            let served = listener.serve(dispatcher.clone(), signal.clone());
            let inner = &inner;
            async move {
                let result = served.await;
                // One that cannot go on ends them all.
                if result.is_err() {
                    inner.ask();
                }
                result
            }
        }));
        let ask = async {
            or(stop.asked(), signal.asked()).await;
            inner.ask();
            dispatcher.end_waits();
            dispatcher.runtime.sleep(STOP_TIME).await;
            Vec::new()
        };
        let sweep = async {
            sweeper.run().await;
            Vec::new()
        };
        // With no listener at all the server still serves its handle until it is stopped.
        let serve = async {
            let results = serve.await;
            or(stop.asked(), signal.asked()).await;
            results
        };
        let results = or(serve, or(sweep, ask)).await;
        sweeper.write_last().await;
        dispatcher.events.close();
        results.into_iter().collect()
    }
}
