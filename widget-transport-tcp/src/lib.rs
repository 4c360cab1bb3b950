//! Commands in frames over TCP, the way for agents that can keep a connection open.
//!
//! [`TcpTransport`] is the agent's side and runs on any [`Runtime`](widget_core::runtime::Runtime).
//! One driver per connection owns the socket; a call only appends its frame to what is to be sent,
//! so many calls share the connection and any of them may be dropped at any time.
//!
//! | feature | what it adds |
//! |---|---|
//! | `serve` | `serve`: what a listener does with one connection, on any runtime |
//! | `listener` | `TcpListener`: the accept loop, on tokio; implies `serve` |
//!
//! A listener speaks version 2 and, to collectors on the same host, version 1 on one port.

mod client;
#[cfg(feature = "serve")]
mod commands;
mod connection;
mod driver;
#[cfg(feature = "serve")]
mod end;
mod frames;
#[cfg(feature = "serve")]
mod limits;
#[cfg(feature = "listener")]
mod listener;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "serve")]
mod serve_v1;
mod shared;
mod wire;

pub use client::TcpTransport;
#[cfg(feature = "serve")]
pub use limits::Limits;
#[cfg(feature = "listener")]
pub use listener::TcpListener;
#[cfg(feature = "serve")]
pub use serve::serve;

/// The word for this transport in logs and pages, and the scheme of its addresses.
pub const NAME: &str = "tcp";
