//! A store of one's own: tasks in one file of a directory, which survive a crash of the server.
//!
//! All tasks are in memory; what changes is written to a journal before it is answered. The
//! rules are the core's: `TaskState::apply`, `LeasePlan`, `Delivery`. So what is left to write is
//! which rows there are, and that they are kept. `tests/file_store.rs` holds it against the suite
//! of task stores.
//!
//! What it leaves out: indexes, so that a lease looks at every task, which is fine for some
//! thousands; and to write the file anew without what is over, so that it only grows.

mod journal;
mod rows;
mod store;

pub use store::FileStore;
