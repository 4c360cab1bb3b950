//! [`WrongStore`]: whatever another store is, but for one mistake.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use widget_core::access::Verifier;
use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::Describe;
use widget_core::report::Report;
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::store::{
    AccessStore, Admission, Admitted, AgentPage, AgentQuery, AgentRecord, AgentStore, Appended,
    Arrival, Arrived, AuditEntry, AuditPage, AuditQuery, Bells, BucketQuery, CredentialRecord,
    Enrolled, Enrolment, HostId, Inserted, LatestReport, LeaseRequest, Leased, NewToken,
    OverdueQuery, ReportBatch, ReportQuery, ReportStore, SessionKey, StoreError, StoredReport,
    Summary, TaskChange, TaskPage, TaskQuery, TaskStore, TokenPage, TokenQuery, TokenRecord,
    WakeUp, WholeStore,
};
use widget_core::task::{NewTask, Once, Revision, Streamed, Task};
use widget_core::time::Timestamp;

/// A mistake that somebody could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// A lease hands a task out with the attempt that it had.
    SameAttempt,
    /// Any epoch may lease, also one that was replaced.
    AnyEpoch,
    /// A change is written over whatever is there.
    AnyRevision,
    /// A key makes nothing the only one.
    NoKeys,
    /// Nobody is woken by what is inserted or changed.
    NoBell,
    /// Whoever waits is woken before the task is there, and not again.
    BellBeforeCommit,
    /// Tasks are answered before they are there.
    TasksBeforeCommit,
    /// Reports are acknowledged before they are there.
    ReportsBeforeCommit,
    /// A batch is new whatever came before.
    NoWatermark,
    /// A batch that begins above the watermark is taken.
    TakesGaps,
}

/// How late a commit is that nobody waits for.
const LATE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct WrongStore<S> {
    right: S,
    mistake: Mistake,
    /// None where nothing is late.
    runtime: Option<SharedRuntime>,
    bells: Bells,
    admitted: Arc<Mutex<BTreeMap<AgentId, SpoolEpoch>>>,
    batches: Arc<Mutex<u128>>,
}

pub(crate) trait Store: WholeStore + Clone + 'static {}

impl<S: WholeStore + Clone + 'static> Store for S {}

impl<S: Store> WrongStore<S> {
    pub(crate) fn new(right: S, mistake: Mistake, runtime: Option<SharedRuntime>) -> Self {
        Self {
            right,
            mistake,
            runtime,
            bells: Bells::default(),
            admitted: Arc::default(),
            batches: Arc::default(),
        }
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn has_bells_of_its_own(&self) -> bool {
        self.has(Mistake::NoBell) || self.has(Mistake::BellBeforeCommit)
    }

    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.runtime.as_ref().expect("a runtime");
        let wait = runtime.sleep(LATE);
        runtime.spawn(Box::pin(async move {
            wait.await;
            work.await;
        }));
    }
}

#[async_trait]
impl<S: Store> TaskStore for WrongStore<S> {
    async fn insert(&self, mut task: NewTask) -> Result<Inserted, StoreError> {
        match self.mistake {
            Mistake::NoKeys => task.once = Once::No,
            Mistake::BellBeforeCommit => {
                self.bells.ring(task.agent);
                self.runtime.as_ref().expect("a runtime").sleep(LATE).await;
            }
            Mistake::TasksBeforeCommit => {
                let (right, new, task) = (self.right.clone(), true, task);
                let inserted = Inserted {
                    task: task.clone().into_task(),
                    new,
                };
                self.later(async move {
                    let _ = right.insert(task).await;
                });
                return Ok(inserted);
            }
            _ => {}
        }
        self.right.insert(task).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.right.task(id).await
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.right.tasks(query).await
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let admitted = self.right.admit(admission).await?;
        let mut all = self.admitted.lock().unwrap();
        all.insert(admission.agent, admission.epoch);
        Ok(admitted)
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        let mut request = request.clone();
        if self.has(Mistake::AnyEpoch)
            && let Some(epoch) = self.admitted.lock().unwrap().get(&request.agent)
        {
            request.epoch = *epoch;
        }
        let mut leased = self.right.lease(&request).await?;
        if self.has(Mistake::SameAttempt) {
            for task in &mut leased.tasks {
                task.state.attempt = Attempt(task.state.attempt.0.saturating_sub(1));
                let change = TaskChange {
                    id: task.id,
                    expected: task.revision,
                    state: task.state.clone(),
                    evidence: None,
                    entry: None,
                    chunk: None,
                    audit: None,
                };
                task.revision = self.right.replace(change).await?;
            }
        }
        Ok(leased)
    }

    async fn replace(&self, mut change: TaskChange) -> Result<Revision, StoreError> {
        let Some(task) = self.right.task(change.id).await? else {
            return self.right.replace(change).await;
        };
        if self.has(Mistake::AnyRevision) {
            change.expected = task.revision;
        }
        let revision = self.right.replace(change).await?;
        if self.has(Mistake::BellBeforeCommit) {
            self.bells.ring(task.agent);
        }
        Ok(revision)
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        self.right.overdue(query).await
    }

    async fn prune_tasks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.right.prune_tasks(before, limit).await
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        self.right.output(id).await
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        if self.has_bells_of_its_own() {
            self.bells.watch(agent)
        } else {
            self.right.watch(agent)
        }
    }

    fn ring(&self, agent: AgentId) {
        self.bells.ring(agent);
        self.right.ring(agent);
    }
}

#[async_trait]
impl<S: Store> ReportStore for WrongStore<S> {
    async fn append(&self, mut batch: ReportBatch) -> Result<Appended, StoreError> {
        match self.mistake {
            Mistake::NoWatermark => {
                let mut batches = self.batches.lock().unwrap();
                *batches += 1;
                batch.epoch = SpoolEpoch::from_bytes(batches.to_be_bytes());
            }
            Mistake::TakesGaps => {
                let skip = ReportBatch {
                    after: 0,
                    through: batch.after,
                    reports: Vec::new(),
                    ..batch.clone()
                };
                self.right.append(skip).await?;
            }
            Mistake::ReportsBeforeCommit => {
                let (through, stored) = (batch.through, batch.reports.len() as u64);
                let right = self.right.clone();
                self.later(async move {
                    let _ = right.append(batch).await;
                });
                return Ok(Appended { through, stored });
            }
            _ => {}
        }
        self.right.append(batch).await
    }

    async fn append_v1(
        &self,
        agent: AgentId,
        report: Report,
        received: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.right.append_v1(agent, report, received).await
    }

    async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError> {
        self.right.reports(query).await
    }

    async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError> {
        self.right.summary(query).await
    }

    async fn latest(&self, agents: &[AgentId]) -> Result<Vec<LatestReport>, StoreError> {
        self.right.latest(agents).await
    }

    async fn prune_reports(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.right.prune_reports(before, limit).await
    }

    async fn delete_reports(&self, agent: AgentId) -> Result<(), StoreError> {
        self.right.delete_reports(agent).await
    }
}

#[async_trait]
impl<S: Store> AgentStore for WrongStore<S> {
    async fn arrive(&self, arrival: &Arrival) -> Result<Arrived, StoreError> {
        self.right.arrive(arrival).await
    }

    async fn describe(&self, agent: AgentId, describe: &Describe) -> Result<(), StoreError> {
        self.right.describe(agent, describe).await
    }

    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> Result<(), StoreError> {
        self.right.seen(heard).await
    }

    async fn leave(&self, agent: AgentId, at: Timestamp) -> Result<(), StoreError> {
        self.right.leave(agent, at).await
    }

    async fn agent(&self, agent: AgentId) -> Result<Option<AgentRecord>, StoreError> {
        self.right.agent(agent).await
    }

    async fn agents(&self, query: &AgentQuery) -> Result<AgentPage, StoreError> {
        self.right.agents(query).await
    }

    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError> {
        self.right.delete_agent(agent).await
    }

    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.right.release(agent, keep, audit).await
    }

    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError> {
        self.right.session_key(fresh).await
    }
}

#[async_trait]
impl<S: Store> AccessStore for WrongStore<S> {
    async fn add_token(
        &self,
        token: NewToken,
        audit: AuditEntry,
    ) -> Result<TokenRecord, StoreError> {
        self.right.add_token(token, audit).await
    }

    async fn token(&self, verifier: &Verifier) -> Result<Option<TokenRecord>, StoreError> {
        self.right.token(verifier).await
    }

    async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, StoreError> {
        self.right.tokens(query).await
    }

    async fn revoke(&self, token: u64, audit: AuditEntry) -> Result<bool, StoreError> {
        self.right.revoke(token, audit).await
    }

    async fn tokens_used(&self, used: &[(u64, Timestamp)]) -> Result<(), StoreError> {
        self.right.tokens_used(used).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        self.right.enrol(enrolment).await
    }

    async fn credential(
        &self,
        verifier: &Verifier,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        self.right.credential(verifier).await
    }

    async fn credential_of(&self, agent: AgentId) -> Result<Option<CredentialRecord>, StoreError> {
        self.right.credential_of(agent).await
    }

    async fn end_credential(&self, agent: AgentId, audit: AuditEntry) -> Result<bool, StoreError> {
        self.right.end_credential(agent, audit).await
    }

    async fn note(&self, audit: AuditEntry) -> Result<(), StoreError> {
        self.right.note(audit).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.right.audit(query).await
    }
}
