//! Any text as the address of a server.

use std::sync::Arc;

use widget_agent::{connect, is_label};
use widget_core::testkit::fuzz::Seed;
use widget_transport_http::HttpUrl;

use crate::World;

/// What is said of a part with an @.
const UNSAID: &str = "what has an @";

/// Any text as the address of a server, and as one over HTTP: it reads as it is written, and an error does
/// not repeat a password.
pub fn urls(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let runtime = World::new(0).process("agent");
    let opened = connect(text, Arc::new(runtime));
    if let Err(error) = opened {
        let said = error.to_string().replace(UNSAID, "");
        assert!(!said.contains('@'), "{said:?} may have a password");
    }
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if is_label(key, value) {
        assert!(!key.is_empty() && key.is_ascii());
    }
    let Ok(url) = text.parse::<HttpUrl>() else {
        return;
    };
    let written = url.to_string();
    assert_eq!(written.parse(), Ok(url), "{text:?} is {written:?}");
    // It goes into the head of each request as it is.
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
}

pub(super) fn seeds() -> Vec<Seed> {
    let texts = [
        "http://127.0.0.1:9005",
        "http://[::1]/",
        "HTTP://fleet.example:8080/widget/",
        "http://a:80",
        "http://user@a",
        "http://a/%20?x#y",
        "tcp://127.0.0.1:9004",
        "tcp://fleet.example:9004?codec=postcard",
        "http://a?codec=json",
        "me:password@127.0.0.1:9004",
        "zone=a",
    ];
    let named = texts.iter().enumerate();
    named
        .map(|(at, text)| (format!("url-{at}"), text.as_bytes().to_vec()))
        .collect()
}
