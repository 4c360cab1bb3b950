//! Who may come in, and what they may do: what is kept of a secret ([`verifier`]), and who asks for
//! something ([`Caller`]).

mod caller;
mod pass;
mod proves;

pub use caller::{Caller, Denied};
pub(crate) use pass::Pass;
pub use proves::{Proves, verifier};
