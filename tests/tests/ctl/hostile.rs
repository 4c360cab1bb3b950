//! What agents call themselves goes to a terminal as text.

use serde_json::{Value, json};

use crate::Near;

/// Clears the screen, in seven bits and in eight; goes back over the line; turns what follows; hides.
const HOSTILE: &str = "web\u{1b}[2J\u{9b}1A\rroot\u{202e}\u{200b}\n# ";
const SHOWN: &str = r"web\u{1b}[2J\u{9b}1A\u{d}root\u{202e}\u{200b}\u{a}# ";
const AGENT: &str = "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d";

/// Says hello and describes itself over HTTP, as docs/http.md has it.
fn described(http: &str) {
    let post = |path: &str, session: &str, body: Value| -> Value {
        let asked = ureq::post(format!("http://{http}/agent/v2/{path}"))
            .header("Authorization", format!("Widget {session}"))
            .send_json(body);
        asked.unwrap().body_mut().read_json().unwrap()
    };
    let hello = json!({"hello": {
        "versions": [2, 2], "codecs": [3], "agent": AGENT, "seen": null, "credential": "none",
        "epoch": "0191e7a4-7c1d-7bb3-9f2e-000000000001", "extras": [],
    }});
    let welcome = post("hello", "", hello);
    let session = welcome["welcome"]["session"].as_str().unwrap();
    let describe = json!({"describe": {
        "host": HOSTILE, "os": HOSTILE, "boot": "1", "version": HOSTILE,
        "labels": [[HOSTILE, HOSTILE]], "interval_ms": 60_000, "handlers": [],
    }});
    let _ = post("describe", session, describe);
}

#[test]
fn an_agents_name_cannot_move_the_cursor() {
    let near = Near::start();
    described(&near.server.http);
    for words in [&["agent", "list"][..], &["agent", "show", AGENT]] {
        let printed = near.ctl.prints(words);
        assert!(printed.contains(SHOWN), "{printed:?}");
        let acts = |c: char| c != '\n' && c.is_control() || "\u{202e}\u{200b}".contains(c);
        assert!(!printed.contains(acts), "{printed:?}");
        let lines = printed.lines().filter(|line| line.contains("# "));
        assert!(
            lines.into_iter().all(|line| !line.starts_with("# ")),
            "{printed:?}"
        );
    }
    // In JSON it is the same name, in other letters.
    let printed = near.ctl.prints(&["agent", "show", AGENT, "--json"]);
    assert!(!printed.contains(char::is_control), "{printed:?}");
    assert!(!printed.contains(['\u{202e}', '\u{200b}']), "{printed:?}");
    let agent: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(agent["host"], HOSTILE);
}
