//! What every message comes to in every state of a connection, with the real server behind the real
//! connection code: two tables, which stand in `docs/states.md` too, and the time before the welcome.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what should not happen fails the test"
)]

mod http;
mod messages;
mod page;
mod scene;
mod slow;
mod tcp;

use std::collections::BTreeSet;

use widget_core::message::{Command, Opening, Response};

#[test]
fn every_message_in_every_state_of_a_tcp_connection() {
    page::stands("tcp-before", &tcp::table(&tcp::BEFORE));
    page::stands("tcp-after", &tcp::table(&tcp::AFTER));
}

#[test]
fn every_message_in_every_kind_of_http_request() {
    page::stands("http-none", &http::table(&http::NONE));
    page::stands("http-some", &http::table(&http::SOME));
}

/// Rows are made of the names that the core has, by matches that do not compile without a new variant;
/// this is for those that are made by hand.
#[test]
fn the_table_names_every_message_there_is() {
    let tcp: BTreeSet<String> = tcp::rows().into_iter().map(|row| row.name).collect();
    let http: BTreeSet<String> = http::rows().into_iter().map(|row| row.name).collect();
    let names = |kind: &str, names: &[&str]| -> Vec<String> {
        let name = |name: &&str| format!("{kind} {}", name.replace('_', "-"));
        names.iter().map(name).collect()
    };
    let openings = names("opening", Opening::NAMES);
    let commands = names("command", Command::NAMES);
    let answers = names("response", Response::NAMES);
    for name in openings.iter().chain(&commands).chain(&answers) {
        let has = |rows: &BTreeSet<String>| rows.iter().any(|row| row.starts_with(name.as_str()));
        assert!(has(&tcp), "the table of TCP lacks {name}");
        assert!(has(&http), "the table of HTTP lacks {name}");
    }
    for other in messages::VERSION_1.iter().chain(&["go-away"]) {
        assert!(tcp.contains(*other), "the table of TCP lacks {other}");
        assert!(http.contains(*other), "the table of HTTP lacks {other}");
    }
}

#[test]
fn before_the_welcome_nothing_takes_longer_than_five_seconds() {
    let (tcp, http) = slow::limits();
    // TLS, then all that a peer says, then what it is told last.
    slow::are_at_most_five_seconds([tcp.handshake, tcp.opening, tcp.farewell]);
    slow::are_at_most_five_seconds([http.handshake, http.opening, http.farewell]);
    for (what, peer) in slow::peers() {
        let took = slow::time_of(&peer);
        let most = match peer.way {
            widget_sim::Way::Http => http.opening + http.farewell,
            _ => tcp.opening + tcp.farewell,
        };
        assert!(took <= most, "{what} takes {took:?} of {most:?}");
    }
}
