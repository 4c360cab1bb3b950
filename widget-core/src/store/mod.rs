//! Stores: where a server keeps agents, tasks and reports.
//!
//! Four traits, so that each can be replaced alone: [`TaskStore`], [`AgentStore`], [`ReportStore`] and
//! [`AccessStore`]. Stores know rows and revisions; the rules are pure functions in here, the same
//! for all stores. Time is always an argument: a store has no clock.
//!
//! - [`TaskState::apply`](crate::task::TaskState::apply) says what an event makes of a task, and
//!   [`timeline_entry`] what its timeline gains. The store writes both in one transaction.
//! - [`LeasePlan`] decides which tasks an agent is given. The store shows it the agent's tasks in
//!   order, applies what it answers, and commits.
//! - [`Delivery`] is what a task store keeps of each agent: whose leases count, how many tasks were
//!   given, whether the store turned out to be older than the agent's memory.
//! - [`Watermark`] is what a report store keeps of each agent and epoch. It tells what is new of a
//!   batch, so that a repeat stores nothing twice, and counts what was dropped. [`Buckets`] makes a
//!   summary of reports for a store that has no better way.
//! - [`TokenRecord::admits`] says whether a token is good, [`Enrolment::decide`] what becomes of an agent
//!   that shows one, and [`Sighting`] what it means that an agent is on another host.
//! - [`AuditEntry`] comes along with what it tells of, and is written in the same transaction. The list
//!   that is shown is the access store's: entries of a store that keeps none are not shown.
//! - [`Bells`] are the wake-ups of agents that wait. Ring after the commit. A ring is a hint: who
//!   is woken looks, and who waits looks again by itself now and then.
//!
//! When a store cannot do what it was asked, none of it was done, and [`StoreErrorKind`] says what
//! the caller can do. The usual one is [`Unavailable`](StoreErrorKind::Unavailable): agents are
//! then answered `Busy` and keep what they have. Return it rather than wait for long.
//!
//! # A whole task store
//!
//! It passes [`task_store_suite!`](crate::task_store_suite) (`tests/toy_store` in this package).
//! `docs/writing-a-store.md` in the repository tells what a store on a disk or in a database has
//! to mind.
//!
#![doc = "```"]
#![doc = include_str!("../../tests/toy_store/toy.rs")]
#![doc = "```"]
//!
//! # Four stores for a server
//!
//! A store that implements all four traits becomes [`Stores`] by itself. Otherwise they are put
//! together: here the tasks are somebody's own, the rest is in memory.
//!
//! ```
//! use std::sync::Arc;
//!
//! use widget_core::store::{MemoryStore, Stores, TaskStore};
//!
//! fn stores(tasks: Arc<dyn TaskStore>, memory: &MemoryStore) -> Stores {
//!     Stores {
//!         agents: Arc::new(memory.clone()),
//!         tasks,
//!         reports: Arc::new(memory.clone()),
//!         access: Arc::new(memory.clone()),
//!     }
//! }
//! # use widget_core::id::StoreEpoch;
//! # let memory = MemoryStore::new(StoreEpoch::from_bytes([7; 16]));
//! # stores(Arc::new(memory.clone()), &memory);
//! ```

mod access;
mod agent;
mod audit;
mod bells;
mod buckets;
mod delivery;
mod error;
mod lease;
mod memory;
mod page;
mod report;
mod sighting;
mod task;
mod timeline;
mod token;

use std::sync::Arc;

pub use access::{AccessStore, CredentialRecord, Enrolled, Enrolment};
pub use agent::{AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival, Arrived, SessionKey};
pub use audit::{Action, AuditEntry, AuditOrder, AuditPage, AuditQuery, AuditRecord};
pub use bells::{Bells, WakeUp};
pub use buckets::{Bucket, BucketQuery, Buckets, MAX_BUCKETS, Range, Summary};
pub use delivery::{Admission, Admitted, Delivery, StoreEpochs};
pub use error::{StoreError, StoreErrorKind};
pub use lease::{LeasePlan, LeaseRequest, Leased, Step};
pub use memory::MemoryStore;
pub use page::{PAGE_BYTES, fill_page};
pub use report::{
    Appended, LatestReport, ReportBatch, ReportQuery, ReportStore, StoredReport, Watermark,
};
pub use sighting::{CloneMark, HostId, Sighting};
pub use task::{
    AppliedEvent, AppliedKind, Inserted, OverdueQuery, TaskChange, TaskPage, TaskQuery, TaskStore,
    TaskStoreExt,
};
pub use timeline::timeline_entry;
pub use token::{NewToken, Purpose, TokenFault, TokenKind, TokenPage, TokenQuery, TokenRecord};

/// The four stores of a server, which may be one.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Where agents are kept.
    pub agents: Arc<dyn AgentStore>,
    /// Where tasks are kept.
    pub tasks: Arc<dyn TaskStore>,
    /// Where reports are kept.
    pub reports: Arc<dyn ReportStore>,
    /// Where it is kept who may come in.
    pub access: Arc<dyn AccessStore>,
}

/// A store that is all four, and writes what it is given in any of its roles in one transaction.
pub trait WholeStore: AgentStore + TaskStore + ReportStore + AccessStore {}

impl<S: AgentStore + TaskStore + ReportStore + AccessStore + ?Sized> WholeStore for S {}

impl<S: WholeStore + 'static> From<Arc<S>> for Stores {
    fn from(store: Arc<S>) -> Self {
        Self {
            agents: store.clone(),
            tasks: store.clone(),
            reports: store.clone(),
            access: store,
        }
    }
}
