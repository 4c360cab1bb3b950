//! Commands in frames over TCP, the way for agents that can keep a connection open.
//!
//! [`TcpTransport`] is the agent's side and runs on any [`Runtime`](widget_core::runtime::Runtime).
//! One driver per connection owns the socket; a call only appends its frame to what is to be sent,
//! so many calls share the connection and any of them may be dropped at any time. `TcpListener` is
//! the server's side. It speaks version 2 and, to collectors on the same host, version 1 on one
//! port. Where other hosts reach it, it is behind TLS or a proxy
//! ([`Exposure`](widget_core::transport::Exposure)); the agent's side of that is
//! [`TcpTransport::wrapped_by`].
//!
//! ```
//! # #[cfg(not(feature = "listener"))]
//! # fn main() {}
//! # #[cfg(feature = "listener")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use widget_core::message::{Command, RequestWork};
//! use widget_core::runtime::TokioRuntime;
//! use widget_core::stop::Stop;
//! use widget_core::transport::{Listener, Transport};
//! use widget_transport_tcp::{TcpListener, TcpTransport};
//!
//! // The server's side. A service is what `widget_server::Server::service` gives.
//! # let service = Arc::new(widget_core::testkit::transport::ScriptedService::default());
//! let (stop, listener) = (Stop::new(), TcpListener::bind("127.0.0.1:0".parse()?).await?);
//! let address = listener.address().to_string();
//! let serving = tokio::spawn(Box::new(listener).serve(service, stop.signal()));
//!
//! // The agent's side. An agent does this by itself; an opening says who it is.
//! # let opening = widget_core::testkit::transport::hello(1);
//! let runtime = Arc::new(TokioRuntime::current().ok_or("no tokio")?);
//! let transport = TcpTransport::new(runtime, address.parse()?);
//! let (connection, _welcome) = transport.connect(opening).await?;
//! connection.call(Command::RequestWork(RequestWork::default())).await?;
//!
//! stop.ask();
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # When things fail
//!
//! To an agent ([`TransportErrorKind`](widget_core::transport::TransportErrorKind)):
//!
//! | what | comes to |
//! |---|---|
//! | nobody listens, or the name is unknown | `Unreachable` |
//! | with TLS: another server than the one that is wanted, or none that speaks it | `Protocol`; nothing was said to it |
//! | connecting takes 5 s in all, with the opening | `Timeout` |
//! | a call takes 10 s, besides the wait that it asks for | `Timeout`; the connection is closed |
//! | the connection is cut, or was closed | `Closed`, for every call that waits and every later one |
//! | the server closes and says why | `GoneAway`, for the same |
//! | a command above 2 MiB | `TooLarge`; none of it was sent, the connection goes on |
//! | a 65th call at once, or more than 1 MiB not yet sent | it waits for its turn |
//!
//! To a server: a peer that breaks a rule or is too slow is told so in a last frame, its connection
//! is closed, and the service counts it by a word. `Limits` has the deadlines, all of them totals.
//! Answers that an agent does not read keep its further commands from being read, and end its
//! connection after a while. With 20,000
//! connections, one more is refused as `full`; a greeting of TLS may take 2.5 s (`handshake`, `tls` if it
//! fails), and behind a proxy others than that are closed (`stranger`). Out of files, the listener waits a moment and goes
//! on. Asked to stop, it tells every connection so and ends within two seconds.
//!
//! | feature | what it adds |
//! |---|---|
//! | `serve` | `serve`: what a listener does with one connection, on any runtime |
//! | `listener` | `TcpListener`: the accept loop, on tokio; implies `serve` |

// Runs in simulations, where one seed is one run: clippy.toml says what that forbids.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

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

/// The same with something around the bytes ([`Wrap`](widget_core::runtime::Wrap)), which is TLS as
/// a rule.
pub const NAME_WRAPPED: &str = "tls";

const fn name_of(is_wrapped: bool) -> &'static str {
    if is_wrapped { NAME_WRAPPED } else { NAME }
}
