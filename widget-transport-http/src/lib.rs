//! Commands over HTTP/1.1, the way through proxies and for programs that have nothing but HTTP.
//!
//! Every opening and every command is a `POST` below [`ROOT`], its answer the response. An agent asks
//! for work with a request that the server answers when there is some, so nothing needs to reach the
//! agent's host from outside. The welcome says a session, which goes with each later request: any
//! server with the same store can answer it.
//!
//! # An agent's side
//!
//! [`HttpTransport`] runs on any [`Runtime`](widget_core::runtime::Runtime), here on tokio's:
//!
//! ```no_run
//! use std::sync::Arc;
//! use widget_core::message::{Command, Describe, Opening};
//! use widget_core::runtime::TokioRuntime;
//! use widget_core::transport::{Transport, TransportError};
//! use widget_transport_http::HttpTransport;
//!
//! # async fn describe(opening: Opening) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Arc::new(TokioRuntime::current().ok_or("call this on tokio")?);
//! let transport = HttpTransport::new(runtime, "http://127.0.0.1:9005".parse()?);
//! let (connection, _welcome) = transport.connect(opening).await?;
//! let answer = connection.call(Command::Describe(Describe::default())).await?;
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```
//!
//! A connection keeps two sockets as a rule: one on which a request for work waits, one for all other
//! calls, which take turns. More of them wait at once only if more calls ask for work at once.
//!
//! # A server's side
//!
//! `HttpListener` accepts connections, on tokio, and `serve` answers the requests of one, on any
//! runtime. Where other hosts reach a listener, it is behind TLS or a proxy
//! ([`Exposure`](widget_core::transport::Exposure)); the agent's side of that is
//! [`HttpTransport::wrapped_by`].
//!
//! ```
//! # #[cfg(not(feature = "listener"))]
//! # fn main() {}
//! # #[cfg(feature = "listener")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use widget_core::stop::Stop;
//! use widget_core::transport::Listener;
//! use widget_transport_http::HttpListener;
//!
//! // A service is what `widget_server::Server::service` gives.
//! # let service = Arc::new(widget_core::testkit::transport::ScriptedService::default());
//! let listener = HttpListener::bind("127.0.0.1:0".parse()?).await?;
//! println!("agents come to http://{}", listener.address());
//! let stop = Stop::new();
//! let serving = tokio::spawn(Box::new(listener).serve(service, stop.signal()));
//! // Later:
//! stop.ask();
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # When things fail
//!
//! To an agent:
//!
//! | what happens | what a call says |
//! |---|---|
//! | the server, or a proxy, closed a socket that was used before | nothing: the request is sent once more on a new one |
//! | with TLS: another server than the one that is wanted, or none that speaks it | [`Protocol`](widget_core::transport::TransportErrorKind::Protocol); nothing was said to it |
//! | a socket ends before its answer, or within it; 502, 504, 408; the session is over | [`Closed`](widget_core::transport::TransportErrorKind::Closed) |
//! | no answer in time, however it drips | [`Timeout`](widget_core::transport::TransportErrorKind::Timeout) |
//! | 503 or 429, from whomever | a busy response, with the time of `Retry-After` (1 s to 5 min) |
//! | 413, from whomever | [`TooLarge`](widget_core::transport::TransportErrorKind::TooLarge) |
//! | a redirect, a page, any other status, no HTTP at all | [`Protocol`](widget_core::transport::TransportErrorKind::Protocol), and what to do |
//!
//! After all of them but busy and too large the whole connection is over: what else is under way ends
//! as closed, and it is time to connect again. A call may be dropped at any time; its socket closes,
//! and no other call notices.
//!
//! To a server: whatever is wrong with a request is answered as a problem (RFC 9457) with a word, by
//! which the service counts it; nobody else notices. A request that is not read to its end costs its
//! connection. `Limits` has the deadlines, all of them totals: only the service's own call has none.
//! Headers may have 8 KiB, a hello 4 KiB, every other body 2 MiB. A call is dropped at the service
//! when its agent is gone. With 20,000 connections, one more is answered 503 and closed. A greeting of
//! TLS may take 2.5 s (`handshake`, `tls` if it fails); behind a proxy others than that are closed
//! (`stranger`), and what it says in `X-Forwarded-For` is whom agents' calls come from. Out of
//! files, the listener waits a moment and goes on. Asked to stop, it gives what is under way a second
//! to be answered, and ends within two.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `serve` | `serve`: what a listener does with one connection, on any runtime |
//! | `listener` | `HttpListener`: the accept loop, on tokio; implies `serve` |

// Runs in simulations, where one seed is one run: clippy.toml says what that forbids.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

mod answer;
#[cfg(feature = "serve")]
mod body;
mod client;
mod connection;
#[cfg(feature = "serve")]
mod deadline;
mod detail;
mod gate;
#[cfg(feature = "serve")]
mod head;
mod lazy;
#[cfg(feature = "serve")]
mod limits;
#[cfg(feature = "serve")]
mod line;
#[cfg(feature = "listener")]
mod listener;
mod outgoing;
#[cfg(feature = "serve")]
mod paced;
mod paths;
mod pool;
#[cfg(feature = "serve")]
mod problem;
#[cfg(feature = "serve")]
mod reply;
#[cfg(feature = "serve")]
mod request;
#[cfg(feature = "serve")]
mod serve;
mod socket;
#[cfg(feature = "serve")]
mod takes;
mod url;

pub use client::HttpTransport;
#[cfg(feature = "serve")]
pub use limits::Limits;
#[cfg(feature = "listener")]
pub use listener::HttpListener;
pub use paths::{ROOT, path_of};
#[cfg(feature = "serve")]
pub use serve::{serve, serve_stream};
pub use url::{HttpUrl, InvalidUrl};

/// The word for this transport in logs and pages, and the scheme of its addresses.
pub const NAME: &str = "http";

/// The same with something around the bytes ([`Wrap`](widget_core::runtime::Wrap)), which is TLS as
/// a rule.
pub const NAME_WRAPPED: &str = "https";

const fn name_of(is_wrapped: bool) -> &'static str {
    if is_wrapped { NAME_WRAPPED } else { NAME }
}
