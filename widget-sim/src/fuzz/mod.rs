//! What is fuzzed of connections, addresses, policies and schemas: any bytes to the real code, in a world of their own.
//!
//! The same as [`widget_core::testkit::fuzz`], for what that crate does not have.

mod client_inputs;
mod clients;
mod connections;
mod inputs;
mod policy;
mod schemas;
mod urls;

pub use clients::{http_client, tcp_client};
pub use connections::{http_connection, tcp_connection};
pub use policy::policy;
pub use schemas::schemas;
pub use urls::urls;
use widget_core::testkit::fuzz::Target;

/// Every target of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "tcp_connection",
        run: tcp_connection,
        seeds: inputs::tcp_seeds,
    },
    Target {
        name: "http_connection",
        run: http_connection,
        seeds: inputs::http_seeds,
    },
    Target {
        name: "tcp_client",
        run: tcp_client,
        seeds: client_inputs::tcp_seeds,
    },
    Target {
        name: "http_client",
        run: http_client,
        seeds: client_inputs::http_seeds,
    },
    Target {
        name: "urls",
        run: urls,
        seeds: urls::seeds,
    },
    Target {
        name: "policy",
        run: policy,
        seeds: policy::seeds,
    },
    Target {
        name: "schemas",
        run: schemas,
        seeds: schemas::seeds,
    },
];
