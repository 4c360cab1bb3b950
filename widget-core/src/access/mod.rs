//! Who may come in: [`Secret`]s that prove it, the [`Verifier`]s that are kept of them, the
//! [`JoinString`] by which an agent enrols, and what tokens of people allow ([`Role`], [`Scope`]).
//!
//! Each text says what it is, so that a search for secrets that leaked finds it:
//!
//! | text | what it is |
//! |---|---|
//! | `wj1.TOKEN.PIN.URL[,URL]…` | a join string |
//! | `wt1.SECRET` | a token for the API ([`TOKEN_PREFIX`]) |
//! | `wa1.SECRET` | an agent's credential, in its own file ([`AGENT_PREFIX`]) |

mod join;
mod rights;
mod secret;
pub(crate) mod text;

pub use join::{InvalidJoinString, JoinString};
pub use rights::{InvalidRole, Role, Scope};
pub use secret::{InvalidSecret, Secret, Verifier};

/// What the text of a token for the API begins with.
pub const TOKEN_PREFIX: &str = "wt1.";
/// What the text of an agent's credential begins with.
pub const AGENT_PREFIX: &str = "wa1.";
