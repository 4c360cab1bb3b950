//! A store of agents that counts how often a row is read, and can be made to take its time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use widget_core::id::AgentId;
use widget_core::message::Describe;
use widget_core::store::{
    AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival, Arrived, AuditEntry, HostId,
    MemoryStore, SessionKey, StoreError, StoreErrorKind,
};
use widget_core::time::Timestamp;

#[derive(Debug)]
pub(crate) struct SlowRows {
    inner: MemoryStore,
    reads: AtomicUsize,
    /// Between a look at a row and the answer.
    pub(crate) delay: Mutex<Duration>,
    /// No row can be read.
    pub(crate) fails: AtomicBool,
}

impl SlowRows {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            reads: AtomicUsize::new(0),
            delay: Mutex::new(Duration::ZERO),
            fails: AtomicBool::new(false),
        }
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl AgentStore for SlowRows {
    async fn arrive(&self, arrival: &Arrival) -> Result<Arrived, StoreError> {
        self.inner.arrive(arrival).await
    }

    async fn describe(&self, agent: AgentId, describe: &Describe) -> Result<(), StoreError> {
        AgentStore::describe(&self.inner, agent, describe).await
    }

    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> Result<(), StoreError> {
        self.inner.seen(heard).await
    }

    async fn leave(&self, agent: AgentId, at: Timestamp) -> Result<(), StoreError> {
        self.inner.leave(agent, at).await
    }

    async fn agent(&self, agent: AgentId) -> Result<Option<AgentRecord>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreErrorKind::Unavailable.into());
        }
        let row = self.inner.agent(agent).await;
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        row
    }

    async fn agents(&self, query: &AgentQuery) -> Result<AgentPage, StoreError> {
        self.inner.agents(query).await
    }

    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError> {
        self.inner.delete_agent(agent).await
    }

    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.inner.release(agent, keep, audit).await
    }

    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError> {
        self.inner.session_key(fresh).await
    }
}
