//! The audit list.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::Near;

#[test]
fn the_audit_list_names_who_did_it() {
    let near = Near::start();
    let _ = near
        .ctl
        .prints(&["token", "create", "deploy", "--role", "operator"]);
    let _ = near.ctl.prints(&["token", "revoke", "1"]);
    // This test runs as the user that has made the directory.
    let user = fs::metadata(near.data()).unwrap().uid();
    let who = format!("local:{user}");
    let list = near.ctl.prints(&["audit"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    for (line, action) in lines.iter().zip(["token.create", "token.revoke"]) {
        assert!(
            line.contains(&format!("  {who}  {action}  token:1")),
            "{list}"
        );
    }
    assert!(lines[0].contains(r#""role":"operator""#), "{list}");
    let newest = near.ctl.prints(&["audit", "--limit", "1"]);
    assert_eq!(newest, lines[1]);
    let tokens = near.ctl.json(&["token", "list"]);
    assert_eq!(tokens["items"][0]["by"], who.as_str());
}

#[test]
fn whoever_follows_the_list_sees_what_is_done_from_then_on_once() {
    let near = Near::start();
    let create = |name: &str| {
        let (status, _) = near
            .server
            .api
            .post("/api/v1/join-tokens", &json!({"name": name}));
        assert_eq!(status, 201);
    };
    create("before");
    let following = near.ctl.start(&["audit", "--follow"]);
    let json = near.ctl.start(&["audit", "--follow", "--json"]);
    assert!(following.line().contains("before"));
    assert!(json.line().contains("before"));
    // More than are asked for at a time.
    let names: Vec<String> = (0..60).map(|number| format!("name-{number}-")).collect();
    for name in &names {
        create(name);
    }
    for name in &names {
        let line = following.line();
        assert!(line.contains(name.as_str()), "{name}: {line}");
        let entry: Value = serde_json::from_str(&json.line()).unwrap();
        assert!(
            entry["after"].as_str().unwrap().contains(name.as_str()),
            "{entry}"
        );
    }
}

#[test]
fn what_was_done_since_some_time_is_shown_alone() {
    let near = Near::start();
    let _ = near.ctl.prints(&["token", "create", "deploy"]);
    let _ = near.ctl.prints(&["token", "revoke", "1"]);
    let all = near.ctl.prints(&["audit"]);
    assert_eq!(near.ctl.prints(&["audit", "--since", "1h"]), all);
    assert_eq!(near.ctl.prints(&["audit", "--since", "1000y"]), all);
    assert_eq!(near.ctl.prints(&["audit", "--since", "0s"]), "");
}

#[test]
fn the_export_is_the_whole_list_as_lines_of_json_and_goes_on_after_a_number() {
    let near = Near::start();
    for number in 0..130 {
        let name = format!("name-{number}");
        let (status, _) = near
            .server
            .api
            .post("/api/v1/join-tokens", &json!({"name": name}));
        assert_eq!(status, 201);
    }
    let export = near.ctl.prints(&["audit", "export"]);
    let numbers = |lines: &str| -> Vec<u64> {
        let number = |line| serde_json::from_str::<Value>(line).unwrap()["number"].as_u64();
        lines.lines().map(|line| number(line).unwrap()).collect()
    };
    assert_eq!(numbers(&export), (1..=130).collect::<Vec<_>>());
    let rest = near.ctl.prints(&["audit", "export", "--after", "128"]);
    assert_eq!(numbers(&rest), [129, 130]);
    let recent = near.ctl.prints(&["audit", "export", "--since", "1h"]);
    assert_eq!(recent, export);
}

#[test]
fn flags_of_the_list_are_not_those_of_the_export() {
    let near = Near::start();
    for flag in ["--follow", "--limit=5", "--since=1h"] {
        let said = near.ctl.fails(2, &["audit", flag, "export"]);
        assert!(said.contains("behind the word export"), "{said}");
    }
}
