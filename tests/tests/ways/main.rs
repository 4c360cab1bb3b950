//! The whole loop over every way between agent and server: both transports, agents on both runtimes,
//! and a reverse proxy in between.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail"
)]

mod cases;
mod way;

use crate::way::{Runtime, Way};

/// Each case over one way.
macro_rules! over {
    ($name:ident, $way:expr) => {
        mod $name {
            use super::{Way, cases};

            const WAY: Way = $way;

            #[test]
            fn three_agents_show_up_and_one_is_shut_down() {
                cases::three_agents_show_up_and_one_is_shut_down(&WAY);
            }

            #[test]
            fn reports_have_no_hole_and_no_repeat_when_the_server_is_killed() {
                cases::reports_have_no_hole_and_no_repeat_when_the_server_is_killed(&WAY);
            }
        }
    };
}

over!(tcp_on_smol, Way::Tcp(super::Runtime::Smol));
over!(tcp_on_tokio, Way::Tcp(super::Runtime::Tokio));
over!(http_on_smol, Way::Http(super::Runtime::Smol));
over!(http_on_tokio, Way::Http(super::Runtime::Tokio));
over!(through_nginx, Way::Nginx);
