//! A transport of one's own: commands over a Unix socket, for agents beside their server.
//!
//! [`UnixTransport`] is the agent's side, [`UnixSocketListener`] the server's; `wire` has what both
//! need. Every call is a connection of its own: a frame goes out, a frame comes back. So a call
//! that is dropped takes nothing with it, and each proves its agent by the session that the server
//! gave with the welcome. `tests/unix_socket.rs` holds it against the suite of transports.
//!
//! What it leaves out: it speaks one codec and closes without last words, and takes a command that
//! only a newer version knows for garbage. Whoever may open the socket's file may speak as any
//! agent, so the file is its owner's alone.

mod client;
mod listener;
mod wire;

pub use client::UnixTransport;
pub use listener::UnixSocketListener;

/// The word for it in logs and pages.
pub const NAME: &str = "unix";
