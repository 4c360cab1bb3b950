//! The core of Widget, a remote control for programs: the types that travel, the states of a
//! task, codecs, frames, and the traits that transports, stores, spools and runtimes implement.
//!
//! There is no I/O, no clock and no background work in here, but in the runtime adapters behind
//! the features `tokio` and `smol`. Whoever embeds an agent or a server wants `widget-agent` or
//! `widget-server`; this crate is for those who write a plugin.
//!
//! | module | what it has |
//! |---|---|
//! | [`id`], [`time`], [`payload`] | identifiers, points in time, JSON that is passed on unread |
//! | [`report`], [`task`] | a telemetry sample; a piece of work and the rules of its life |
//! | [`message`], [`v1`] | what travels, in version 2 and in version 1 |
//! | [`codec`], [`frame`] | how messages become bytes, and bytes frames |
//! | [`runtime`], [`stop`] | what is asked of an async runtime; how parts are told to end |
//! | [`transport`] | the traits of a way to carry commands |
//! | [`store`], [`spool`] | the traits of a server's and an agent's memory |
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio`, `smol` | the adapter for that runtime |
//! | `json` | payloads in human-readable formats |
//! | `testkit` | conformance suites for plugins |

pub mod codec;
pub mod frame;
pub mod id;
pub mod message;
pub mod payload;
pub mod report;
pub mod runtime;
pub mod spool;
pub mod stop;
pub mod store;
pub mod task;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod transport;
pub mod v1;

pub use payload::Payload;
