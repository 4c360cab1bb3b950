//! A port of its own for API and page: [`AdminListener`] serves [`router`](crate::router) where a
//! program has no HTTP server to mount it in. `AdminSocket`, on UNIX, is the same in a file that is its
//! owner's alone.
//!
//! Whoever connects is bounded in all that it can do: how many may come, and how long a greeting, the
//! headers, a body and the reading of an answer may take. Each of these is a total, and a refusal
//! that is counted by its word ([`ServerHandle::refusals`](crate::ServerHandle::refusals)).
//!
//! | word | what happened |
//! |---|---|
//! | `admin_full`, `admin_full_address` | one connection too many, in all or of its address: it was told 503, where there is no TLS, and closed |
//! | `admin_put_out` | a connection on which nobody had shown a good token for a second was closed for another |
//! | `admin_stranger` | a connection past the proxies, or by no user that the system knows: it was closed |
//! | `admin_tls`, `admin_handshake` | TLS failed, or took too long |
//! | `admin_header` | headers that are none, are too long or took too long |
//! | `admin_body` | a body that took too long |
//! | `admin_unread` | an answer that was not read in time |

mod accept;
mod body;
mod limits;
mod listener;
mod paced;
mod serve;
#[cfg(unix)]
mod socket;

pub use limits::AdminLimits;
pub use listener::AdminListener;
#[cfg(unix)]
pub use socket::AdminSocket;
