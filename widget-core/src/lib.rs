//! The core of Widget, a remote control for programs: the types that travel, the states of a
//! task, codecs, frames, and the traits that transports, stores, spools and runtimes implement.
//!
//! This crate is for those who write a plugin; begin with [`transport`] or [`store`], each of which
//! carries a whole one in its docs. Whoever embeds an agent or a server wants `widget-agent` or
//! `widget-server`. There is no I/O, no clock and no background work in here, but in the adapters
//! behind the features `tokio`, `smol` and `tls`, and in `testkit`: whatever needs the time is given
//! it.
//!
//! # A task in the memory store
//!
//! ```
//! use widget_core::Payload;
//! use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch, TaskId};
//! use widget_core::store::{Admission, LeaseRequest, MemoryStore, TaskStore};
//! use widget_core::task::{NewTask, StateName};
//! use widget_core::time::Timestamp;
//!
//! # fn main() -> Result<(), widget_core::store::StoreError> {
//! # futures_lite::future::block_on(async {
//! let store = MemoryStore::new(StoreEpoch::from_bytes([1; 16]));
//! let now = Timestamp::from_secs(1_800_000_000);
//! let (agent, epoch) = (AgentId::from_u128(2), SpoolEpoch::from_bytes([3; 16]));
//!
//! // Somebody asks for work to be done.
//! let (id, input) = (TaskId::generate(now, [4, 5]), Payload::from_json_text("[1, 2]"));
//! store.insert(NewTask::new(id, agent, "reindex", input, now)).await?;
//!
//! // Its agent comes and is given it.
//! store.admit(&Admission { agent, epoch, seen: None, now }).await?;
//! let (room, bytes, holding, kinds) = (8, 1_000_000, Vec::new(), Vec::new());
//! let request = LeaseRequest { agent, epoch, room, bytes, holding, kinds, now };
//! let leased = store.lease(&request).await?;
//! assert_eq!((leased.tasks[0].id, leased.tasks[0].state.name()), (id, StateName::Leased));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # When things fail
//!
//! - An error says what the caller can do: [`TransportErrorKind`](transport::TransportErrorKind),
//!   [`StoreErrorKind`](store::StoreErrorKind). Its source has the cause.
//! - An event that does not fit a task's state changes nothing: [`task::Fault`] tells one that
//!   comes too late from one that never fitted.
//! - Bytes from outside are refused and never make anything panic: [`codec::CodecError`],
//!   [`frame::FrameError`]. Memory follows what came, not what was claimed.
//! - A lock that was held by a thread that panicked is taken over.
//!
//! # Modules and features
//!
//! | module | what it has |
//! |---|---|
//! | [`access`] | secrets, what is kept of them, and join strings |
//! | [`id`], [`time`], [`payload`] | identifiers, points in time, JSON that is passed on unread |
//! | [`report`], [`task`] | a telemetry sample; a piece of work and the rules of its life |
//! | [`message`], [`v1`] | what travels, in version 2 and in version 1 |
//! | [`codec`], [`frame`] | how messages become bytes, and bytes frames |
//! | [`runtime`], [`stop`] | what is asked of an async runtime; routes of connections; how parts are told to end |
//! | [`transport`] | the traits of a way to carry commands |
//! | [`store`], [`spool`] | the traits of a server's and an agent's memory |
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio`, `smol` | the adapter for that runtime |
//! | `tls` | TLS for connections, by rustls and ring (module `tls`) |
//! | `serve` | what listeners need of codecs |
//! | `assigned` | reading who asked for tasks: `message::Response::Assigned` |
//! | `json` | the codec JSON; payloads in human-readable formats |
//! | `postcard` | the codec postcard |
//! | `fast-checksum` | checksums by the processor's own instructions, where it has them |
//! | `testkit` | conformance suites for plugins |

// Runs in simulations, where one seed is one run: clippy.toml says what that forbids.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

pub mod access;
pub mod codec;
mod fixed;
pub mod frame;
pub mod id;
pub mod message;
pub mod payload;
pub mod report;
pub mod runtime;
pub mod spool;
pub mod stop;
pub mod store;
mod sync;
pub mod task;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transport;
pub mod v1;

pub use payload::Payload;
