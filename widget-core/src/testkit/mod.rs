//! Conformance suites for plugins: every promise of a trait is one named `#[test]`.
//!
//! A plugin passes them in a few lines. Each case gets a store, or a listener, of its own, made by
//! whatever the macro is given; a tuple keeps alive what must live as long as the store, such as its
//! directory.
//!
//! ```
//! mod tasks {
//!     use widget_core::id::StoreEpoch;
//!     use widget_core::store::MemoryStore;
//!
//!     widget_core::task_store_suite!(|| async {
//!         MemoryStore::new(StoreEpoch::from_bytes([7; 16]))
//!     });
//! }
//! ```
//!
//! Time is an argument wherever it can be: only cases of runtimes and transports, whose promises are
//! about it, wait for real, and none for long.

// A failing assertion is what a case is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[expect(clippy::disallowed_methods, reason = "cases of stores race on threads")]
pub mod access_store;
#[expect(clippy::disallowed_methods, reason = "cases of stores race on threads")]
pub mod agent_store;
#[expect(
    clippy::disallowed_methods,
    reason = "a case that hangs is noticed by the real clock"
)]
mod cases;
pub mod codec;
pub mod disk;
pub mod fixtures;
pub mod fuzz;
#[expect(clippy::disallowed_methods, reason = "cases of stores race on threads")]
pub mod report_store;
#[expect(clippy::disallowed_methods, reason = "a runtime is tried on threads")]
pub mod runtime;
pub mod samples;
pub mod sim;
pub mod spool;
#[expect(clippy::disallowed_methods, reason = "cases of stores race on threads")]
pub mod task_store;
#[expect(
    clippy::disallowed_methods,
    reason = "listeners and odd peers have threads of their own"
)]
pub mod transport;
pub mod whole_store;

pub mod wrap;

pub use cases::{LIMIT, Subject, limited, run};
