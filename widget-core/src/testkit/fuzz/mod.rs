//! What is fuzzed of the core: a function for each target, which takes any bytes, and the inputs that it
//! begins with.
//!
//! The programs in `fuzz/` of the sources call these functions, and so do the tests, with
//! [`replay`]: what fuzzing begins with, what it once found, and some thousand damaged copies of both. A
//! target fails by a panic.

#[cfg(feature = "tls")]
mod certificates;
mod frames;
mod messages;
mod proxies;
mod replay;
mod spool;
mod texts;

#[cfg(feature = "tls")]
pub use certificates::certificates;
pub use frames::{go_away, seal, v1_frames, v2_frames};
pub use messages::messages;
pub use proxies::proxies;
pub use replay::{Target, replay};
pub use spool::{spool_body, spool_log};
pub use texts::texts;

/// An input by its name.
pub type Seed = (String, Vec<u8>);

/// Every target of the core.
pub const TARGETS: &[Target] = &[
    Target {
        name: "v1_frames",
        run: v1_frames,
        seeds: frames::v1_seeds,
    },
    Target {
        name: "v2_frames",
        run: v2_frames,
        seeds: frames::v2_seeds,
    },
    Target {
        name: "go_away",
        run: go_away,
        seeds: frames::go_away_seeds,
    },
    Target {
        name: "messages",
        run: messages,
        seeds: messages::seeds,
    },
    Target {
        name: "spool_log",
        run: spool_log,
        seeds: spool::log_seeds,
    },
    Target {
        name: "spool_body",
        run: spool_body,
        seeds: spool::body_seeds,
    },
    Target {
        name: "texts",
        run: texts,
        seeds: texts::seeds,
    },
    Target {
        name: "proxies",
        run: proxies,
        seeds: proxies::seeds,
    },
    #[cfg(feature = "tls")]
    Target {
        name: "certificates",
        run: certificates,
        seeds: certificates::seeds,
    },
];
