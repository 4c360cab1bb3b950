//! What the examples beside this folder share. The programs are there, one file each; here are the
//! two plugins that some of them use, [`unix_socket`] and [`file_store`], and a [`LocalServer`] for
//! those that show an agent.

pub mod file_store;
mod http;
mod local_server;
pub mod unix_socket;

pub use http::ask;
pub use local_server::LocalServer;

/// What a program of the examples ends with when it cannot go on.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
