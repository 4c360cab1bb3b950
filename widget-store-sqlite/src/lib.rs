//! The embedded store of Widget's server: agents, tasks, reports, and who may come in, in one SQLite
//! database.
//!
//! [`SqliteStore`] keeps all four stores of [`widget_core::store`]. It needs no runtime: one
//! thread writes, a few read, and callers wait for their answers on channels. Whatever waits is
//! written in one transaction and answered after its commit, so that durability costs one sync for
//! a group of callers, not one for each. SQLite itself is compiled in.
//!
//! ```
//! use std::sync::Arc;
//!
//! use widget_core::Payload;
//! use widget_core::id::{AgentId, TaskId};
//! use widget_core::store::{Stores, TaskStore};
//! use widget_core::task::NewTask;
//! use widget_core::time::Timestamp;
//! use widget_store_sqlite::{SqliteOptions, SqliteStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures_lite::future::block_on(async {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let store = Arc::new(SqliteStore::open(&SqliteOptions::new(directory))?);
//! let stores = Stores::from(store);
//!
//! let (agent, now) = (AgentId::from_u128(1), Timestamp::from_secs(1_800_000_000));
//! let id = TaskId::generate(now, [2, 3]);
//! let task = NewTask::new(id, agent, "reindex", Payload::null(), now);
//! stores.tasks.insert(task).await?;
//! drop(stores);
//!
//! let again = SqliteStore::open(&SqliteOptions::new(directory))?;
//! assert!(again.task(id).await?.is_some());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # When things fail
//!
//! | what | comes to |
//! |---|---|
//! | the disk is full, or cannot be written or read | `Unavailable`; nothing of that call was done, and the next one may succeed |
//! | the database has reached [`max_bytes`](SqliteOptions::max_bytes) | the same |
//! | another process has the directory | [`open`](SqliteStore::open) says `InUse` |
//! | a newer version wrote it | `open` says `Newer` and changes nothing |
//! | it is no database, or of another program | `open` says `Corrupt` or `Config` |
//! | damage that shows later | `Corrupt`, for the call that met it |
//! | the process is killed, the power fails | what was answered is there; what was not is there whole or not at all |
//! | a caller stops waiting | what it asked for is done or not, but never half; the bell is rung if it is |
//! | more callers than can be served | they wait for a place in the queue |
//! | a bug makes one of its threads panic | `Unavailable` for what it did; when no other thread does that work, for what waits and comes later too, until the store is opened again |
//!
//! Invariants:
//! - One process has a data directory at a time; it holds the lock on `lock` in it.
//! - What was answered has been synced: it survives a killed process and the loss of power.
//! - No call blocks its thread but `open` and the drop of the store, which waits until all that was
//!   begun is written.
//! - The audit list only grows: the database itself refuses a change of it.
//! - Payloads come back byte for byte; nothing in here reads them.
//!
//! There are no features.

mod access;
mod agents;
mod audit;
mod connect;
mod counts;
mod directory;
mod error;
mod lease;
mod options;
mod output;
#[cfg(test)]
mod plans;
mod prune;
mod readers;
mod reports;
mod rows;
mod schema;
mod sightings;
mod store;
mod sync;
mod tasks;
mod transact;
mod waiting;
mod writer;

pub use options::SqliteOptions;
pub use store::SqliteStore;
