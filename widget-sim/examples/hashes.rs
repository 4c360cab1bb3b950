//! Prints the hash of each of a hundred seeds over every way, to be compared with those of another build:
//!
//!     diff <(cargo run -q -p widget-sim --example hashes) \
//!          <(cargo run -q --release -p widget-sim --example hashes)
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/stories/mod.rs"]
mod stories;

use widget_sim::Way;

fn main() {
    for way in [Way::Calls, Way::Tcp, Way::Http] {
        let ran = stories::fleet(way).seeds(100).run(stories::troubles);
        for (seed, hash) in ran.hashes {
            println!("{way:?} {seed} {hash:016x}");
        }
    }
}
