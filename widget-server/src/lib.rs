//! The server of Widget: keeps what agents report, hands them tasks, and shows both on a page and
//! over an API. The program `widget-server` is a thin shell around it; any other program can have it
//! inside.
//!
//! # Ten lines that work
//!
//! A [`Server`] is made of a runtime, stores and listeners, all of which the program brings. It is
//! driven by [`Server::run`], a future of the program's own. A [`ServerHandle`] asks it things from
//! anywhere, and [`router`] gives API and page to mount wherever the program serves HTTP.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::Router;
//! use widget_core::runtime::TokioRuntime;
//! use widget_core::stop::Stop;
//! use widget_server::{HostRules, Server, open, router};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Arc::new(TokioRuntime::current().ok_or("no tokio")?);
//! let stores = open::store("memory", "unused".as_ref(), &(runtime.clone() as _))?;
//! let mut server = Server::builder(runtime, stores);
//! for kind in open::LISTENERS {
//!     // 9004 and 9005 in life; port 0 takes any that is free.
//!     let url = format!("{}://127.0.0.1:0", kind.scheme);
//!     server = server.boxed_listener(open::listener(&url).await?);
//! }
//! let server = server.build();
//! let (handle, stop) = (server.handle(), Stop::new());
//! let running = tokio::spawn(server.run(stop.signal()));
//! // Among the program's own routes, under whatever prefix.
//! let app: Router = Router::new().nest("/widget", router(handle.clone(), HostRules::default()));
//! # drop(app);
//! // Later: agents that wait are answered, and what was heard is written down.
//! stop.ask();
//! running.await??;
//! # Ok(())
//! # }
//! ```
//!
//! Tasks are given by [`ServerHandle::send`] and [`ServerHandle::submit`]; [`ServerHandle::ended`]
//! waits for what becomes of one. [`ServerHandle::events`] says what happens. A store or listener of
//! the program's own goes in as `Stores` and [`ServerBuilder::listener`]; [`Server::service`] is what
//! such a listener calls, and a test of an agent can call it without any socket.
//!
//! # Mounting API and page
//!
//! The router may stand at the root or be nested: every address on the page begins with the prefix
//! that a request came by. A proxy in front has to leave that prefix in the path. [`HostRules`] say
//! under which names the server may be asked: loopback's always, others once they are named.
//! `AdminListener` serves it where there is no other HTTP server, with a limit on everything. There
//! is no sign-in; a program that serves more than loopback puts its own layer around the router.
//!
//! # When things fail
//!
//! - **The store cannot be written**: agents are answered *busy* and keep what they have, the API
//!   says 503, the page shows why ([`ServerHandle::store_trouble`]). It is over with the first write
//!   that succeeds.
//! - **The process ends**: what was acknowledged is in the store; agents connect again, send the rest
//!   and name the tasks that they hold. A store in memory begins anew, and agents notice.
//! - **A listener cannot go on**: the others are ended too, and [`Server::run`] says why.
//! - **The system has no randomness to give**: sessions over HTTP cannot be sealed, and agents are
//!   answered *busy* until it has.
//! - **An agent does what it must not**: it is answered why, counted ([`ServerHandle::refusals`]) and
//!   logged; nobody else notices.
//! - **More comes than it takes** ([`Limits`]): agents are told to wait and keep what they have, the API
//!   says 429 or 503, and each word is counted. Who is in stays in.
//! - **Input does not fit**: a task whose input is not what the agent's schema of its kind asks for is
//!   not queued; [`SendError::InputDoesNotFit`] names the places. Agents say schemas of their own
//!   accord; a kind without one takes any JSON. `format` in a schema is a remark, references stay
//!   inside of it, and nothing is fetched. A schema may have 20,000 values and 128 levels with its
//!   references written out, all schemas of an agent together 256 patterns; an agent that says more
//!   is refused its description, and served all the same.
//! - **Two servers have one store**: a session of one is good at the other, and a task that is given
//!   at one reaches an agent that waits at the other, if the store rings for both. After a newer start
//!   of an agent the older one is refused, at the other server within a second.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tcp` | yes | agents over TCP, in [`open`] |
//! | `http` | yes | agents over HTTP, in [`open`] |
//! | `sqlite` | yes | the embedded store, in [`open`] |
//! | `admin` | yes | [`AdminListener`]: a port of its own for API and page; [`AdminSocket`], the same for their owner alone |
//! | `bin` | yes | the program `widget-server`, which has a flag for each listener that is there |
//! | `ctl` | yes | the program `widgetctl`, by which operators ask a server |
//! | `tls` | yes | [`tls`]: an authority and certificates of the server's own, and [`open::Door::Tls`] |
//! | `postcard` | no | the codec postcard beside bincode and JSON |
//! | `json` | no | nothing: the codec JSON is always there, since API and schemas need JSON |
//!
//! Without any of them the library knows traits, the store in memory, API and page.

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
#[cfg(feature = "admin")]
mod admin;
pub mod api;
mod builder;
#[cfg(any(feature = "tls", all(unix, feature = "admin")))]
mod data;
mod dispatch;
mod events;
mod explain;
mod handle;
mod limits;
mod noted;
pub mod open;
mod page;
mod presence;
mod rates;
mod refusals;
mod schema;
mod seal;
mod server;
mod streams;
mod sweep;
#[cfg(feature = "tls")]
pub mod tls;
mod tries;
mod uses;

#[cfg(all(feature = "admin", unix))]
pub use admin::AdminSocket;
#[cfg(feature = "admin")]
pub use admin::{AdminLimits, AdminListener};
pub use api::{HostRules, router};
pub use builder::{DEFAULT_KEEP, ServerBuilder};
pub use events::{Events, ServerEvent};
pub use explain::{Explanation, Reason};
pub use handle::{
    AgentList, AgentStatus, AskError, Purged, SendError, ServerHandle, TaskRequest, TokenError,
    TokenRequest,
};
pub use limits::{Limit, Limits, UnknownLimit};
pub use presence::{ONLINE, Presence, STALE};
pub use schema::Misfit;
pub use server::Server;
