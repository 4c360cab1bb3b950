//! [`SimStore`]: a [`MemoryStore`] that takes its time, refuses now and then, and outlives the process
//! that uses it, as a database does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_lite::future::{pending, yield_now};
use widget_core::access::Verifier;
use widget_core::id::{AgentId, TaskId};
use widget_core::message::Describe;
use widget_core::report::Report;
use widget_core::runtime::RuntimeExt;
use widget_core::store::{
    AccessStore, Admission, Admitted, AgentPage, AgentQuery, AgentRecord, AgentStore, Appended,
    Arrival, Arrived, AuditEntry, AuditPage, AuditQuery, BucketQuery, CredentialRecord, Enrolled,
    Enrolment, HostId, Inserted, LatestReport, LeaseRequest, Leased, MemoryStore, NewToken,
    OverdueQuery, ReportBatch, ReportQuery, ReportStore, SessionKey, StoreError, StoreErrorKind,
    StoredReport, Summary, TaskChange, TaskPage, TaskQuery, TaskStore, TokenPage, TokenQuery,
    TokenRecord, WakeUp,
};
use widget_core::task::{NewTask, Revision, Streamed, Task};
use widget_core::time::Timestamp;

use crate::SimRuntime;

/// What goes wrong with a store. Clones share it, so that it can be changed while servers run.
#[derive(Debug, Clone, Default)]
pub struct StoreFaults(Arc<Mutex<Faults>>);

#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    delay: Duration,
    refused: u64,
    /// After how many more uses its process ends, and whether the use has happened then.
    ends: Option<(u64, bool)>,
}

impl StoreFaults {
    /// How long a commit and its answer take at most, each. None: only others have their turn.
    pub fn set_delay(&self, most: Duration) {
        self.change(|faults| faults.delay = most);
    }

    /// How many of a thousand uses are refused as unavailable; all with a thousand.
    pub fn set_refused(&self, per_mille: u64) {
        self.change(|faults| faults.refused = per_mille);
    }

    /// Has the process that uses it end at the use that comes after so many more, just before that happens or
    /// just after; `None`: at none.
    pub fn set_end(&self, at: Option<(u64, bool)>) {
        self.change(|faults| faults.ends = at);
    }

    /// Whether the process ends at this use, and if so after it.
    fn ends_now(&self) -> Option<bool> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, after) = faults.ends?;
        faults.ends = left.checked_sub(1).map(|left| (left, after));
        (left == 0).then_some(after)
    }

    fn change(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> Faults {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A database as one process sees it.
///
/// Every use has one moment in which it happens, whole, and survives. Before it and after it others
/// have their turn, and the process may end: then it has not happened, or nobody was told that it has.
#[derive(Debug, Clone)]
pub struct SimStore {
    rows: MemoryStore,
    runtime: SimRuntime,
    faults: StoreFaults,
}

impl SimStore {
    /// These rows for this process.
    #[must_use]
    pub const fn new(rows: MemoryStore, runtime: SimRuntime, faults: StoreFaults) -> Self {
        Self {
            rows,
            runtime,
            faults,
        }
    }

    /// A use of the rows, which happens in one moment.
    async fn slow<T>(
        &self,
        happens: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.pause().await;
        if self.runtime.world().chance(self.faults.now().refused) {
            self.runtime.world().count("store refused");
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        let ends = self.faults.ends_now();
        if ends == Some(false) {
            self.end().await;
        }
        let result = happens.await;
        if ends == Some(true) {
            self.end().await;
        }
        self.pause().await;
        result
    }

    /// The process is killed here, and nothing of it goes on.
    async fn end(&self) {
        self.runtime.world().kill(self.runtime.process());
        pending::<()>().await;
    }

    async fn pause(&self) {
        let most = self.faults.now().delay;
        if most == Duration::ZERO {
            yield_now().await;
        } else {
            let time = self.runtime.world().between(Duration::ZERO, most);
            self.runtime.sleep(time).await;
        }
    }
}

#[async_trait]
impl TaskStore for SimStore {
    async fn insert(&self, task: NewTask) -> Result<Inserted, StoreError> {
        self.slow(self.rows.insert(task)).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.slow(self.rows.task(id)).await
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.slow(self.rows.tasks(query)).await
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.slow(self.rows.admit(admission)).await
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        self.slow(self.rows.lease(request)).await
    }

    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError> {
        self.slow(self.rows.replace(change)).await
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        self.slow(self.rows.overdue(query)).await
    }

    async fn prune_tasks(
        &self,
        finished_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.slow(self.rows.prune_tasks(finished_before, limit))
            .await
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        self.slow(self.rows.output(id)).await
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.rows.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.rows.ring(agent);
    }
}

#[async_trait]
impl AgentStore for SimStore {
    async fn arrive(&self, arrival: &Arrival) -> Result<Arrived, StoreError> {
        self.slow(self.rows.arrive(arrival)).await
    }

    async fn describe(&self, agent: AgentId, describe: &Describe) -> Result<(), StoreError> {
        self.slow(self.rows.describe(agent, describe)).await
    }

    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> Result<(), StoreError> {
        self.slow(self.rows.seen(heard)).await
    }

    async fn leave(&self, agent: AgentId, at: Timestamp) -> Result<(), StoreError> {
        self.slow(self.rows.leave(agent, at)).await
    }

    async fn agent(&self, agent: AgentId) -> Result<Option<AgentRecord>, StoreError> {
        self.slow(self.rows.agent(agent)).await
    }

    async fn agents(&self, query: &AgentQuery) -> Result<AgentPage, StoreError> {
        self.slow(self.rows.agents(query)).await
    }

    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError> {
        self.slow(self.rows.delete_agent(agent)).await
    }

    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.slow(self.rows.release(agent, keep, audit)).await
    }

    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError> {
        self.slow(self.rows.session_key(fresh)).await
    }
}

#[async_trait]
impl ReportStore for SimStore {
    async fn append(&self, batch: ReportBatch) -> Result<Appended, StoreError> {
        self.slow(self.rows.append(batch)).await
    }

    async fn append_v1(
        &self,
        agent: AgentId,
        report: Report,
        received: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.slow(self.rows.append_v1(agent, report, received))
            .await
    }

    async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError> {
        self.slow(self.rows.reports(query)).await
    }

    async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError> {
        self.slow(self.rows.summary(query)).await
    }

    async fn latest(&self, agents: &[AgentId]) -> Result<Vec<LatestReport>, StoreError> {
        self.slow(self.rows.latest(agents)).await
    }

    async fn prune_reports(
        &self,
        received_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.slow(self.rows.prune_reports(received_before, limit))
            .await
    }

    async fn delete_reports(&self, agent: AgentId) -> Result<(), StoreError> {
        self.slow(self.rows.delete_reports(agent)).await
    }
}

#[async_trait]
impl AccessStore for SimStore {
    async fn add_token(
        &self,
        token: NewToken,
        audit: AuditEntry,
    ) -> Result<TokenRecord, StoreError> {
        self.slow(self.rows.add_token(token, audit)).await
    }

    async fn token(&self, verifier: &Verifier) -> Result<Option<TokenRecord>, StoreError> {
        self.slow(self.rows.token(verifier)).await
    }

    async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, StoreError> {
        self.slow(self.rows.tokens(query)).await
    }

    async fn revoke(&self, token: u64, audit: AuditEntry) -> Result<bool, StoreError> {
        self.slow(self.rows.revoke(token, audit)).await
    }

    async fn tokens_used(&self, used: &[(u64, Timestamp)]) -> Result<(), StoreError> {
        self.slow(self.rows.tokens_used(used)).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        self.slow(self.rows.enrol(enrolment)).await
    }

    async fn credential(
        &self,
        verifier: &Verifier,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        self.slow(self.rows.credential(verifier)).await
    }

    async fn credential_of(&self, agent: AgentId) -> Result<Option<CredentialRecord>, StoreError> {
        self.slow(self.rows.credential_of(agent)).await
    }

    async fn end_credential(&self, agent: AgentId, audit: AuditEntry) -> Result<bool, StoreError> {
        self.slow(self.rows.end_credential(agent, audit)).await
    }

    async fn note(&self, audit: AuditEntry) -> Result<(), StoreError> {
        self.slow(self.rows.note(audit)).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.slow(self.rows.audit(query)).await
    }
}
