//! `widgetctl` beside real servers and agents: what operators get, and what they are told when they get
//! nothing.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agents;
mod audit;
mod exposed;
mod from_afar;
mod hostile;
mod near;
mod tokens;

use std::path::Path;

use tempfile::TempDir;
use widget_tests::{Ctl, ServerProgram};

/// A server, its data, and whoever asks it by its socket.
struct Near {
    data: TempDir,
    server: ServerProgram,
    ctl: Ctl,
}

impl Near {
    fn start() -> Self {
        let data = TempDir::new().unwrap();
        let server = ServerProgram::start(data.path());
        let ctl = Ctl::of(data.path());
        Self { data, server, ctl }
    }

    fn data(&self) -> &Path {
        self.data.path()
    }
}
