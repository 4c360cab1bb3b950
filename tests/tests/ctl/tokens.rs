//! Tokens: made, shown once, listed, revoked.

use serde_json::{Value, json};
use widget_core::access::{JoinString, Secret};

use crate::Near;

/// Says enrol over HTTP as an agent does that was given this join string, and gives the status.
fn enrol(http: &str, join: &JoinString, secret: u8) -> u16 {
    let hello = json!({
        "versions": [2, 2], "codecs": [3], "agent": "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d",
        "epoch": "0191e7a4-7c1d-7bb3-9f2e-000000000001", "seen": null, "extras": [],
        "credential": {"secret": Secret::from_bytes([secret; 32]).text()},
    });
    let enrol = json!({"enrol": {"token": join.token().text(), "extras": [], "hello": hello}});
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let answer = agent
        .post(format!("http://{http}/agent/v2/enrol"))
        .send_json(enrol);
    answer.unwrap().status().as_u16()
}

#[test]
fn a_join_string_is_printed_alone() {
    let near = Near::start();
    let printed = near.ctl.prints(&["join-token", "create"]);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let join: JoinString = printed.parse().unwrap();
    let servers = [
        format!("tcp://{}", near.server.tcp),
        format!("http://{}", near.server.http),
    ];
    assert_eq!((join.servers(), join.pin()), (&servers[..], None));
}

#[test]
fn a_join_string_lets_in_as_many_agents_as_it_is_for() {
    let near = Near::start();
    let more = [
        "--uses", "2", "--ttl", "1h", "--label", "zone=a", "--name", "rack 7",
    ];
    let printed = near
        .ctl
        .prints(&[&["join-token", "create"], &more[..]].concat());
    let join = printed.parse().unwrap();
    let http = &near.server.http;
    let came = [1, 2, 3].map(|secret| enrol(http, &join, secret));
    assert_eq!(came, [200, 200, 401]);
    let tokens = near.ctl.json(&["join-token", "list"]);
    let token = &tokens["items"][0];
    assert_eq!(
        (&token["name"], &token["uses_left"]),
        (&json!("rack 7"), &json!(0))
    );
    assert_eq!(token["labels"], json!({"zone": "a"}));
    let shown = near.ctl.prints(&["join-token", "list"]);
    for part in ["rack 7", "used up", "zone=a"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn a_join_token_that_is_revoked_lets_nobody_in() {
    let near = Near::start();
    let join = near.ctl.prints(&["join-token", "create"]).parse().unwrap();
    assert_eq!(
        near.ctl.prints(&["join-token", "revoke", "1"]),
        "join token 1 is revoked"
    );
    assert_eq!(enrol(&near.server.http, &join, 1), 401);
    assert!(near.ctl.prints(&["join-token", "list"]).contains("revoked"));
    let again = near.ctl.fails(1, &["join-token", "revoke", "1"]);
    assert!(again.contains("revoked before"), "{again}");
}

#[test]
fn a_token_is_revoked_as_what_it_is() {
    let near = Near::start();
    let _ = near.ctl.prints(&["join-token", "create"]);
    let _ = near.ctl.prints(&["token", "create", "deploy"]);
    let said = near.ctl.fails(1, &["token", "revoke", "1"]);
    assert!(said.contains("widgetctl join-token revoke 1"), "{said}");
    let said = near.ctl.fails(1, &["join-token", "revoke", "2"]);
    assert!(said.contains("widgetctl token revoke 2"), "{said}");
    let said = near.ctl.fails(1, &["token", "revoke", "3"]);
    assert!(said.contains("no token 3"), "{said}");
    let tokens = near.ctl.json(&["token", "list"]);
    let mut all = tokens["items"].as_array().unwrap().iter();
    assert!(all.all(|token| token["revoked"] == Value::Null), "{tokens}");
}

#[test]
fn a_list_has_its_own_sort_of_token_alone() {
    let near = Near::start();
    let _ = near
        .ctl
        .prints(&["join-token", "create", "--name", "for-agents"]);
    let _ = near
        .ctl
        .prints(&["token", "create", "for-people", "--ttl", "ever"]);
    let join = near.ctl.prints(&["join-token", "list"]);
    let api = near.ctl.prints(&["token", "list"]);
    assert!(
        join.contains("for-agents") && !join.contains("for-people"),
        "{join}"
    );
    assert!(
        api.contains("for-people") && !api.contains("for-agents"),
        "{api}"
    );
}
