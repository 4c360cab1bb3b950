//! The messages of version 2: an agent's [`Opening`], its [`Command`]s and the server's
//! [`Response`]s.
//!
//! Wire types have plain derives only. Enums grow at their end, structs not at all; what may have
//! to grow carries [`Extras`].

mod command;
pub mod extra;
mod opening;
mod response;

pub use command::{
    Command, Describe, Goodbye, HandlerInfo, Held, KindRoom, RequestWork, Submit, Update,
    UpdateItem,
};
pub use opening::{Credential, Enrol, Extras, Hello, Limits, Opening, Pacing, Seen, Welcome};
pub use response::{Assigned, Cancel, Refusal, RefusalReason, Response, Verdict, Work, WorkTask};

/// The version of the protocol that these messages are.
pub const VERSION: u16 = 2;
