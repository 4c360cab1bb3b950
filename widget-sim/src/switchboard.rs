//! [`Switchboard`]: which service answers at which host, for calls that go without bytes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use widget_core::id::{AgentId, Attempt};
use widget_core::message::{Command, RefusalReason, Response};
use widget_core::transport::Service;

use crate::SimRuntime;
use crate::tapped::Tapped;

/// Who answers where. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Switchboard {
    served: Arc<Mutex<BTreeMap<String, Served>>>,
    taps: Arc<Mutex<Taps>>,
    calls: Arc<AtomicU64>,
}

pub(crate) type Taps = Vec<Arc<dyn Tap>>;

/// Listens in on every call, at the side of the service.
pub trait Tap: Debug + Send + Sync {
    /// A command has arrived and is not yet answered. What this gives comes back with the answer.
    fn before(&self, agent: AgentId, command: &Command) -> Vec<Option<Attempt>>;

    /// It was answered so.
    fn after(
        &self,
        agent: AgentId,
        command: &Command,
        before: &[Option<Attempt>],
        answer: &Response,
    );

    /// Somebody was refused who opened a conversation, or went on with a session.
    fn refused(&self, _: RefusalReason) {}
}

/// A service and the process that it lives in.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) runtime: SimRuntime,
    pub(crate) service: Arc<dyn Service>,
}

impl Switchboard {
    /// From now on this service answers at the host of its process, as long as that lives.
    pub fn serve(&self, runtime: &SimRuntime, service: Arc<dyn Service>) {
        let served = Served {
            runtime: runtime.clone(),
            service: Tapped::around(service, self.taps()),
        };
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(runtime.host().to_string(), served);
        drop(all);
        drop(before);
    }

    /// Nobody answers there any more.
    pub fn hang_up(&self, host: &str) {
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = all.remove(host);
        drop(all);
        drop(gone);
    }

    /// Has somebody listen in on the services that are served from now on.
    pub fn tap(&self, tap: Arc<dyn Tap>) {
        self.taps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tap);
    }

    /// How many calls were made over it so far, openings left out.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn taps(&self) -> Taps {
        self.taps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Who answers at a host.
    pub(crate) fn at(&self, host: &str) -> Option<Served> {
        let all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let served = all.get(host).cloned();
        served.filter(|served| served.runtime.world().is_alive(served.runtime.process()))
    }
}
