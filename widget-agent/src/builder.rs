//! [`AgentBuilder`]: what an agent is put together from, and what is checked when it is.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::{Credential, Describe, Extras, HandlerInfo};
use widget_core::report::{MAX_GAUGES, is_gauge_name};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::spool::{MemorySpool, Spool};
use widget_core::task::is_kind;
use widget_core::transport::Transport;

use crate::agent::Agent;
use crate::context::TaskContext;
use crate::gate::Gate;
use crate::handle::AgentHandle;
use crate::host::Host;
use crate::probe::{Gauge, HostProbe, Probe, ProbeError};
use crate::raw::AnyHandler;
use crate::shared::{Parts, Shared};
use crate::sorted::Sorted;
use crate::task_error::TaskError;

/// The shortest and the longest time between two samples.
pub const INTERVALS: (Duration, Duration) = (
    Duration::from_millis(100),
    Duration::from_secs(24 * 60 * 60),
);
/// The most labels.
pub const MAX_LABELS: usize = 32;
/// The longest key of a label, in bytes.
pub const MAX_LABEL_KEY: usize = 64;
/// The longest value of a label, in bytes.
pub const MAX_LABEL_VALUE: usize = 256;
/// The most handlers.
pub const MAX_HANDLERS: usize = 256;

/// What an agent is put together from. [`Agent::builder`] makes one.
///
/// An id, a runtime and at least one transport are needed; all else has a default.
#[derive(Debug)]
#[must_use]
pub struct AgentBuilder {
    id: Option<AgentId>,
    credential: Credential,
    pub(crate) extras: Extras,
    runtime: Option<SharedRuntime>,
    transports: Vec<Arc<dyn Transport>>,
    labels: Vec<(String, String)>,
    interval: Duration,
    host: Option<Host>,
    host_probe: bool,
    probes: Vec<Box<dyn Probe>>,
    gauges: Vec<Gauge>,
    handlers: Vec<AnyHandler>,
    pub(crate) gate: Gate,
    spool: Option<Box<dyn Spool>>,
    tasks: usize,
}

/// Why no agent can be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nobody said who the agent is.
    #[error("an agent needs an id, such as that of an Identity")]
    NoId,
    /// Nobody said what it runs on.
    #[error("an agent needs a runtime: say which with runtime(…)")]
    NoRuntime,
    /// Nobody said how it reaches a server.
    #[error("an agent needs a transport, such as connect(…) gives")]
    NoTransport,
    /// The interval is too short or too long.
    #[error("the interval must be from 100 ms to 1 day")]
    Interval,
    /// A label has a key or value that is not allowed.
    #[error(
        "{0}: a label has a key [a-zA-Z0-9_.-]{{1,64}}, once each, and a value of at most 256 bytes"
    )]
    Label(String),
    /// Too many labels.
    #[error("{0} labels, but at most {MAX_LABELS} are allowed")]
    Labels(usize),
    /// A handler is for a kind that is not allowed.
    #[error("{0}: a kind is [a-z0-9_.-]{{1,64}}, and has one handler")]
    Kind(String),
    /// Too many handlers.
    #[error("{0} handlers, but at most {MAX_HANDLERS} are allowed")]
    Handlers(usize),
    /// A gauge has a name that is not allowed.
    #[error("{0}: a gauge has a name [a-z0-9_.]{{1,64}}, once each")]
    Gauge(String),
    /// Too many gauges.
    #[error("{0} gauges, but at most {MAX_GAUGES} are allowed")]
    Gauges(usize),
    /// The host cannot be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            id: None,
            credential: Credential::None,
            extras: Vec::new(),
            runtime: None,
            transports: Vec::new(),
            labels: Vec::new(),
            interval: Duration::from_secs(1),
            host: None,
            host_probe: true,
            probes: Vec::new(),
            gauges: Vec::new(),
            handlers: Vec::new(),
            gate: Gate::NONE,
            spool: None,
            tasks: 64,
        }
    }
}

impl AgentBuilder {
    /// Who it is. See [`Identity`](crate::Identity) for an id that outlives the process.
    pub fn id(mut self, id: AgentId) -> Self {
        self.id = Some(id);
        self
    }

    /// What proves that it is who it says, out of what `join` gives. Without, it is taken at its
    /// word, where a server does that.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Adds to what it says of itself beside, each time that it connects: numbered values, of which those in
    /// use are in [`extra`](widget_core::message::extra).
    pub fn extras(mut self, extras: Extras) -> Self {
        self.extras.extend(extras);
        self
    }

    /// What it runs on.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Adds a way to a server, from [`connect`](fn@crate::connect) or of your own. They are tried in the
    /// order in which they were added; while a later one is in use, the earlier ones are tried again now
    /// and then.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transports.push(transport);
        self
    }

    /// Adds several, in their order. See [`transport`](Self::transport).
    pub fn transports(mut self, transports: impl IntoIterator<Item = Arc<dyn Transport>>) -> Self {
        self.transports.extend(transports);
        self
    }

    /// Adds a label, by which operators tell agents apart.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// The time between two samples: 100 ms to 1 day, 1 s unless said otherwise.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// What is said of the host, instead of what the system says.
    pub fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Leaves out the [`HostProbe`]. Some other probe then has to measure memory and CPU.
    pub fn without_host_probe(mut self) -> Self {
        self.host_probe = false;
        self
    }

    /// Adds a probe. They measure in the order in which they were added, after the [`HostProbe`].
    pub fn probe(mut self, probe: impl Probe + 'static) -> Self {
        self.probes.push(Box::new(probe));
        self
    }

    /// Adds a gauge: a value that goes along with each report. The closure may block for a while.
    /// A value that is not finite is left out.
    pub fn gauge(
        mut self,
        name: impl Into<String>,
        read: impl FnMut() -> f64 + Send + 'static,
    ) -> Self {
        self.gauges.push(Gauge::new(name.into(), read));
        self
    }

    /// Adds a handler: a [`Shutdown`](crate::Shutdown), an [`AnyHandler`] or, with the feature
    /// `json`, a `Handler`.
    pub fn handler(mut self, handler: impl Into<AnyHandler>) -> Self {
        self.handlers.push(handler.into());
        self
    }

    /// Adds a closure that runs one kind of task, from JSON text to JSON text.
    pub fn on_raw<F, Fut>(self, kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, Payload) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, TaskError>> + Send + 'static,
    {
        self.handler(AnyHandler::raw(kind, run))
    }

    /// Changes each handler that was added so far.
    pub fn each_handler(mut self, change: impl FnMut(AnyHandler) -> AnyHandler) -> Self {
        self.handlers = self.handlers.into_iter().map(change).collect();
        self
    }

    /// Where it keeps what it has not yet delivered. A [`MemorySpool`] unless said otherwise.
    pub fn spool(mut self, spool: impl Spool + 'static) -> Self {
        self.spool = Some(Box::new(spool));
        self
    }

    /// How many tasks it has at a time at most: 64 unless said otherwise, 4,096 at most.
    pub const fn tasks(mut self, most: usize) -> Self {
        self.tasks = most;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// [`BuildError`] if something is missing or not allowed.
    pub fn build(self) -> Result<(Agent, AgentHandle), BuildError> {
        let id = self.id.ok_or(BuildError::NoId)?;
        let runtime = self.runtime.ok_or(BuildError::NoRuntime)?;
        if self.transports.is_empty() {
            return Err(BuildError::NoTransport);
        }
        if !(INTERVALS.0..=INTERVALS.1).contains(&self.interval) {
            return Err(BuildError::Interval);
        }
        check_labels(&self.labels)?;
        check_gauges(&self.gauges)?;
        let handlers = by_kind(self.handlers)?;

        let mut probes: Vec<Box<dyn Probe>> = Vec::new();
        if self.host_probe {
            probes.push(Box::new(HostProbe::new()?));
        }
        probes.extend(self.probes);
        probes.extend(self.gauges.into_iter().map(|gauge| Box::new(gauge) as _));

        let spool = self.spool.unwrap_or_else(|| {
            let epoch = SpoolEpoch::generate(runtime.wall(), runtime.random_pair());
            Box::new(MemorySpool::new(epoch))
        });
        let host = self.host.unwrap_or_else(Host::this);
        let describe = Describe {
            host: host.name,
            os: host.os,
            boot: host.boot,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: self.labels,
            interval_ms: u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
            handlers: handlers.values().map(info).collect(),
        };
        let shared = Arc::new(Shared::new(Parts {
            id,
            credential: self.credential,
            extras: self.extras,
            describe,
            interval: self.interval,
            handlers,
            gate: self.gate,
            transports: self.transports,
            runtime,
            spool,
            tasks: self.tasks,
        }));
        Ok((
            Agent::new(Arc::clone(&shared), probes),
            AgentHandle::new(shared),
        ))
    }
}

/// Whether this may be a label.
#[must_use]
pub fn is_label(key: &str, value: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=MAX_LABEL_KEY).contains(&key.len())
        && key.bytes().all(allowed)
        && value.len() <= MAX_LABEL_VALUE
}

fn check_labels(labels: &[(String, String)]) -> Result<(), BuildError> {
    if labels.len() > MAX_LABELS {
        return Err(BuildError::Labels(labels.len()));
    }
    for (position, (key, value)) in labels.iter().enumerate() {
        let twice = labels
            .iter()
            .take(position)
            .any(|(earlier, _)| earlier == key);
        if twice || !is_label(key, value) {
            return Err(BuildError::Label(key.clone()));
        }
    }
    Ok(())
}

fn check_gauges(gauges: &[Gauge]) -> Result<(), BuildError> {
    if gauges.len() > MAX_GAUGES {
        return Err(BuildError::Gauges(gauges.len()));
    }
    for (position, gauge) in gauges.iter().enumerate() {
        let name = gauge.name();
        let twice = gauges
            .iter()
            .take(position)
            .any(|earlier| earlier.name() == name);
        if twice || !is_gauge_name(name) {
            return Err(BuildError::Gauge(name.to_owned()));
        }
    }
    Ok(())
}

fn by_kind(handlers: Vec<AnyHandler>) -> Result<Sorted<String, AnyHandler>, BuildError> {
    if handlers.len() > MAX_HANDLERS {
        return Err(BuildError::Handlers(handlers.len()));
    }
    let mut by_kind = Sorted::default();
    for handler in handlers {
        if !is_kind(&handler.kind) {
            return Err(BuildError::Kind(handler.kind));
        }
        if let Some(twice) = by_kind.insert(handler.kind.clone(), handler) {
            return Err(BuildError::Kind(twice.kind));
        }
    }
    Ok(by_kind)
}

fn info(handler: &AnyHandler) -> HandlerInfo {
    HandlerInfo {
        kind: handler.kind.clone(),
        idempotent: handler.idempotent,
        schema: handler.schema.clone(),
    }
}
