//! The server of Widget: keeps what agents report, hands them tasks, and shows both on a page and
//! over an API.
//!
//! A [`Server`] is made of stores, listeners and a runtime, all of which the program brings. It
//! is driven by [`Server::run`]; a [`ServerHandle`] asks it things from anywhere, and [`router`]
//! gives its API and page to mount wherever the program serves HTTP.
//!
//! | feature | what it adds |
//! |---|---|
//! | `tcp` | agents over TCP, in [`open`] |
//! | `sqlite` | the embedded store, in [`open`] |
//! | `bin` | the program `widget-server` |

pub mod api;
mod builder;
mod dispatch;
mod events;
mod handle;
pub mod open;
mod page;
mod presence;
mod refusals;
mod server;
mod sweep;

pub use api::{HostRules, router};
pub use builder::{DEFAULT_KEEP, ServerBuilder};
pub use events::{Events, ServerEvent};
pub use handle::{AgentList, AgentStatus, SendError, ServerHandle, TaskRequest};
pub use presence::{ONLINE, Presence, STALE};
pub use server::Server;
