//! What an agent calls itself is text wherever it is shown, and of a length that can be shown.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use common::api::Api;
use common::{Agent, reported};
use tower::ServiceExt;
use widget_core::message::{Command, Describe, RefusalReason, Response};

/// Markup, an attribute that ends, a formula, a terminal's escape, a mark that turns the direction
/// of writing, and a NUL.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "x\" onmouseover='alert(1)' & y",
    "=cmd|' /C calc'!A0",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{202e}moc.elpmaxe\u{200f}",
    "a\0b",
];

/// Whether it acts on what stands beside it.
fn acts(c: char) -> bool {
    c != '\n' && c.is_control() || "\u{202e}\u{200f}".contains(c)
}

/// As the page writes it.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if acts(c) => "\u{fffd}".to_owned(),
            '&' | '<' | '>' | '"' | '\'' => format!("&#{};", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

async fn page(api: &Api, path: &str) -> String {
    let request = Request::get(path).header("host", "localhost");
    let request = request.body(Body::empty()).unwrap();
    let response = api.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn described(host: &str, os: &str, label: (&str, &str)) -> Describe {
    Describe {
        host: host.into(),
        os: os.into(),
        version: host.into(),
        labels: vec![(label.0.into(), label.1.into())],
        ..Describe::default()
    }
}

async fn say(agent: &Agent, describe: Describe) -> Response {
    agent.call(Command::Describe(describe)).await
}

#[tokio::test]
async fn whatever_an_agent_calls_itself_is_text_on_page_and_in_json() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    for text in HOSTILE {
        let describe = described(text, text, (text, text));
        assert_eq!(say(&agent, describe).await, Response::ACK, "{text:?}");
        let (_, shape) = api.get(&format!("/api/v1/agents/{}", agent.id())).await;
        assert_eq!(shape["host"], text);
        assert_eq!(shape["labels"][text], text, "{shape}");
        let raw = page(&api, &format!("/api/v1/agents/{}", agent.id())).await;
        assert!(!raw.contains(char::is_control), "{raw:?}");
        for path in [
            "/".to_owned(),
            format!("/agents/{}", agent.id()),
            format!("/agents/{}/shutdown", agent.id()),
            format!("/agents/{}/purge", agent.id()),
        ] {
            let html = page(&api, &path).await;
            assert!(html.contains(&escaped(text)), "{text:?} at {path}");
            assert!(!html.contains(acts), "{text:?} at {path}");
            if escaped(text) != text {
                assert!(!html.contains(text), "{text:?} at {path}");
            }
        }
    }
}

#[tokio::test]
async fn names_and_labels_that_are_too_long_are_refused_and_counted() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let x = |bytes| "x".repeat(bytes);
    let longest = described(&x(256), &x(256), (&x(64), &x(256)));
    assert_eq!(say(&agent, longest).await, Response::ACK);
    let mut count = 0;
    for (describe, said) in [
        (described(&x(257), "", ("k", "v")), "host has 257 bytes"),
        (described("", &x(257), ("k", "v")), "os has 257 bytes"),
        (described("", "", (&x(65), "v")), "key of a label has 65"),
        (
            described("", "", ("k", &x(257))),
            "value of a label has 257",
        ),
    ] {
        count += 1;
        let Response::Refused(refusal) = say(&agent, describe).await else {
            panic!("{said} was taken");
        };
        assert_eq!(refusal.reason, RefusalReason::Invalid);
        assert!(refusal.text.contains(said), "{refusal:?}");
        assert!(refusal.text.contains("at most"), "{refusal:?}");
        assert_eq!(api.server.handle().refusals().get("invalid"), Some(&count));
    }
    let (_, shape) = api.get(&format!("/api/v1/agents/{}", agent.id())).await;
    assert_eq!(shape["host"], x(256), "the last that was taken stays");
}

#[cfg(feature = "bin")]
mod log {
    //! The log as the program writes it.
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use widget_core::message::Goodbye;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn why_an_agent_leaves_is_text_in_the_log() {
        let lines = Lines::default();
        let sink = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || sink.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(log);
        let api = Api::new();
        for (id, reason) in (1..).zip(HOSTILE) {
            let agent = reported(&api.server.service(), id).await;
            let goodbye = Goodbye {
                reason: format!("{reason}\nforged line"),
                task: None,
                spool_gone: true,
            };
            assert_eq!(agent.call(Command::Goodbye(goodbye)).await, Response::ACK);
        }
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("forged line").count(), HOSTILE.len(), "{text}");
        assert!(
            !text.lines().any(|line| line.starts_with("forged")),
            "{text}"
        );
        assert!(!text.contains(acts), "{text:?}");
    }
}
