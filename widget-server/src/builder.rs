//! [`ServerBuilder`]: what a server is made of.

use std::time::Duration;

use widget_core::runtime::SharedRuntime;
use widget_core::stop::Stop;
use widget_core::store::Stores;
use widget_core::transport::Listener;

use crate::dispatch::{Dispatcher, Rules, Ways};
use crate::limits::Limits;
use crate::server::Server;

/// How long reports and ended tasks are kept, unless said otherwise.
pub const DEFAULT_KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a [`Server`] is made of. Begin with [`Server::builder`].
pub struct ServerBuilder {
    runtime: SharedRuntime,
    stores: Stores,
    listeners: Vec<Box<dyn Listener>>,
    keep: Duration,
    rules: Rules,
    ways: Ways,
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listeners: Vec<_> = self
            .listeners
            .iter()
            .map(|listener| listener.name())
            .collect();
        f.debug_struct("ServerBuilder")
            .field("stores", &self.stores)
            .field("listeners", &listeners)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl ServerBuilder {
    pub(crate) fn new(runtime: SharedRuntime, stores: Stores) -> Self {
        Self {
            runtime,
            stores,
            listeners: Vec::new(),
            keep: DEFAULT_KEEP,
            rules: Rules::default(),
            ways: Ways::default(),
        }
    }

    /// One more way for agents to come in.
    #[must_use]
    pub fn listener(self, listener: impl Listener + 'static) -> Self {
        self.boxed_listener(Box::new(listener))
    }

    /// The same for one that was opened by its URL.
    #[must_use]
    pub fn boxed_listener(mut self, listener: Box<dyn Listener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// How long reports and ended tasks are kept; [`DEFAULT_KEEP`] if it is not said.
    #[must_use]
    pub const fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// For a server that other hosts reach: agents have to join it by a token, version 1 is off, and
    /// whoever asks over HTTP needs a token too. The listeners have to protect what is said
    /// ([`open::Door`](crate::open::Door)).
    #[must_use]
    pub const fn expose(mut self) -> Self {
        self.rules.exposed = true;
        self
    }

    /// How much it takes of those who come; [`Limits::default`] if it is not said. What they say of
    /// connections is for [`open::listener_within`](crate::open::listener_within) and `AdminLimits`.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.rules.limits = limits;
        self
    }

    /// By which URLs agents reach its listeners, and the pin of their authority (SHA-256 of its
    /// certificate) where they have one: what join strings say.
    #[must_use]
    pub fn reached_by(mut self, servers: Vec<String>, pin: Option<[u8; 32]>) -> Self {
        self.ways = Ways { pin, servers };
        self
    }

    /// The server. It does nothing until it is [`run`](Server::run).
    #[must_use]
    pub fn build(self) -> Server {
        let stop = Stop::new();
        let dispatcher = Dispatcher::new(
            self.runtime,
            self.stores,
            (self.rules, self.ways),
            stop.signal(),
        );
        Server::new(dispatcher, self.listeners, self.keep, stop)
    }
}
