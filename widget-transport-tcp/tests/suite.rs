//! The suite of transports, with clients on tokio and on smol.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

mod on_tokio {
    //! Clients on tokio.
    widget_core::transport_suite!(crate::common::OnTokio::new());
}

mod on_smol {
    //! Clients on smol.
    widget_core::transport_suite!(crate::common::OnSmol::new());
}
