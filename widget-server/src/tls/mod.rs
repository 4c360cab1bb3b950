//! TLS for a server whose agents are on other hosts: [`Authority`], which has the certificate that all
//! of its listeners show, and the one by which agents know it.
//!
//! | file in the data directory | what it is | who may read it |
//! |---|---|---|
//! | `tls/ca.crt` | the certificate of the authority, in PEM: agents know the server by it, browsers can be told to trust it | everybody, by a copy: the directory is the owner's |
//! | `tls/ca.key` | its key: who has it can be this server to every agent | its owner |
//!
//! Both are made at once at the first start and never again. What listeners show is made anew at each
//! start and kept in memory only, so it has the names that the server has now and more than a year to
//! live.

mod authority;
mod files;

pub use authority::{Authority, AuthorityError};
