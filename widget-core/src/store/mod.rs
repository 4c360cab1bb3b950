//! Stores: where a server keeps agents, tasks and reports.
//!
//! Three traits, so that each can be replaced alone: [`TaskStore`], [`AgentStore`] and
//! [`ReportStore`]. Stores know rows and revisions; the rules of a task stand in
//! [`TaskState::apply`](crate::task::TaskState::apply), those of a lease in [`LeasePlan`]. Time is
//! always an argument: a store has no clock.

mod agent;
mod bells;
mod buckets;
mod error;
mod lease;
mod memory;
mod report;
mod task;

use std::sync::Arc;

pub use agent::{AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival};
pub use bells::{Bells, WakeUp};
pub use buckets::{Bucket, BucketQuery, Buckets, MAX_BUCKETS, Range, Summary};
pub use error::{StoreError, StoreErrorKind};
pub use lease::{Admission, Admitted, Delivery, LeasePlan, LeaseRequest, Leased, Step};
pub use memory::MemoryStore;
pub use report::{
    Appended, LatestReport, ReportBatch, ReportQuery, ReportStore, StoredReport, Watermark,
};
pub use task::{
    AppliedEvent, AppliedKind, Inserted, TaskChange, TaskPage, TaskQuery, TaskStore, TaskStoreExt,
    timeline_entry,
};

/// The three stores of a server, which may be one.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Where agents are kept.
    pub agents: Arc<dyn AgentStore>,
    /// Where tasks are kept.
    pub tasks: Arc<dyn TaskStore>,
    /// Where reports are kept.
    pub reports: Arc<dyn ReportStore>,
}

impl<S: AgentStore + TaskStore + ReportStore + 'static> From<Arc<S>> for Stores {
    fn from(store: Arc<S>) -> Self {
        Self {
            agents: store.clone(),
            tasks: store.clone(),
            reports: store,
        }
    }
}
