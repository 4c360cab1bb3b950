//! The embedded store of Widget's server: agents, tasks and reports in one SQLite database.
//!
//! [`SqliteStore`] keeps all three stores of [`widget_core::store`]. It needs no runtime: one
//! thread writes, a few read, and callers wait for their answers on channels. Whatever waits is
//! written in one transaction and answered after its commit, so that durability costs one sync for
//! a group of callers, not one for each.
//!
//! ```
//! use widget_core::store::Stores;
//! use widget_store_sqlite::{SqliteOptions, SqliteStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let store = SqliteStore::open(&SqliteOptions::new(directory.path()))?;
//! let stores = Stores::from(std::sync::Arc::new(store));
//! # drop(stores);
//! # Ok(())
//! # }
//! ```
//!
//! Invariants:
//! - One process has a data directory at a time; it holds the lock on `lock` in it.
//! - What was answered has been synced: it survives a killed process and the loss of power.
//! - No call blocks its thread. A full queue makes callers wait.
//! - Payloads come back byte for byte; nothing in here reads them.

mod agents;
mod connect;
mod directory;
mod error;
mod lease;
mod options;
#[cfg(test)]
mod plans;
mod prune;
mod readers;
mod reports;
mod rows;
mod schema;
mod store;
mod tasks;
mod writer;

pub use options::SqliteOptions;
pub use store::SqliteStore;
