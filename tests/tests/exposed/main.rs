//! The programs as they stand where other hosts reach them, for which a second address of loopback stands:
//! who gets in, who may do what, and who is turned away.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod data;
#[allow(dead_code, reason = "widget-hostile uses some of it too")]
mod host;
mod killed;

use serde_json::json;
use widget_tests::until;

use crate::host::{Curl, Host, run};

#[test]
fn an_agent_joins_reports_and_is_shut_down_by_whoever_may() {
    for scheme in ["tls", "https"] {
        let host = Host::start();
        let mut agent = host.joins(scheme);
        let (viewer, operator) = (host.token("viewer"), host.token("operator"));
        let path = format!("/api/v1/agents/{}", agent.id);
        until("its report", || {
            let (status, shown) = host.curl().with_token(&viewer).get(&path);
            assert!(status == 200 || status == 404, "{status}");
            (!shown["latest"].is_null()).then_some(())
        });
        let shut_down = format!("{path}/shutdown");
        let (status, problem) = host.curl().post(&shut_down);
        assert_eq!((status, &problem["code"]), (401, &json!("sign_in_first")));
        let (status, problem) = host.curl().with_token(&viewer).post(&shut_down);
        assert_eq!((status, &problem["code"]), (403, &json!("role")));
        let (status, task) = host.curl().with_token(&operator).post(&shut_down);
        assert_eq!(status, 202, "{task}");
        assert!(agent.program.exit().success(), "{scheme}");
        let page = host.curl().with_token(&host.token("admin")).text("/audit");
        for part in [
            "agent.enrol",
            "task.create",
            "token:operator",
            "token.create",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }
}

#[test]
fn a_restart_keeps_authority_agents_and_tokens() {
    let mut host = Host::start();
    let viewer = host.token("viewer");
    let agent = host.joins("tls");
    let before = std::fs::read(host.authority()).unwrap();
    host.restart();
    assert_eq!(std::fs::read(host.authority()).unwrap(), before);
    let path = format!("/api/v1/agents/{}", agent.id);
    until("its return", || {
        let (status, shown) = host.curl().with_token(&viewer).get(&path);
        (status == 200 && shown["presence"] == "online").then_some(())
    });
}

#[test]
fn a_join_string_is_good_once() {
    let host = Host::start();
    let join = host.join_string("tls");
    let _agent = host.agent("first", &join);
    let (code, said) = host.failing_agent("second", &join);
    assert_eq!(code, Some(1));
    assert!(said.contains("not good, or not any more"), "{said}");
}

#[test]
fn an_agent_refuses_a_server_that_does_not_match_the_pin() {
    let (host, other) = (Host::start(), Host::start());
    // The other's pin in this one's string.
    let (own, others) = (host.join_string("tls"), other.join_string("tls"));
    let part = |text: &str, n: usize| text.splitn(4, '.').nth(n).unwrap().to_owned();
    let join = format!(
        "wj1.{}.{}.{}",
        part(&own, 1),
        part(&others, 2),
        part(&own, 3)
    );
    let (code, said) = host.failing_agent("wrong", &join);
    assert_eq!(code, Some(1));
    assert!(said.contains("not the one"), "{said}");
    // Its token was not said, so it is still good.
    let _agent = host.agent("right", &own);
}

#[test]
fn an_agent_that_proves_nothing_stays_outside() {
    let host = Host::start();
    let pin = host
        .join_string("tls")
        .split('.')
        .nth(2)
        .unwrap()
        .to_owned();
    let url = format!("{}?pin={pin}", host.url("tls"));
    let _agent = host.claiming_agent(&url);
    let admin = host.token("admin");
    until("its refusal", || {
        let (_, status) = host.curl().with_token(&admin).get("/api/v1/status");
        status["refusals"]["no_credential"]
            .is_number()
            .then_some(())
    });
    let (_, agents) = host.curl().with_token(&admin).get("/api/v1/agents");
    assert_eq!(agents["items"], json!([]));
}

#[test]
fn curl_and_openssl_refuse_another_authority() {
    let (host, other) = (Host::start(), Host::start());
    let own = Curl::new(&host.url("admin"), Some(&host.authority()));
    assert_eq!(own.get("/healthz").0, 200);
    // What curl says of a certificate that it does not trust.
    for authority in [None, Some(other.authority())] {
        let curl = Curl::new(&host.url("admin"), authority.as_deref());
        assert_eq!(curl.fails("/healthz"), Some(60));
    }
    let at = host.url("tls").replace("tls://", "");
    for (authority, is_trusted) in [(host.authority(), true), (other.authority(), false)] {
        let file = authority.to_str().unwrap();
        let asks = [
            "s_client", "-connect", &at, "-alpn", "widget/2", "-CAfile", file,
        ];
        let (code, said) = run("openssl", &[&asks[..], &["-verify_return_error"]].concat());
        assert_eq!(code == Some(0), is_trusted, "{said}");
    }
}

#[test]
fn a_forwarded_address_from_a_stranger_counts_for_nothing() {
    let host = Host::start();
    let admin = host.token("admin");
    let forwarded = host.curl().with_header("X-Forwarded-For: 192.0.2.9");
    let (status, _) =
        forwarded
            .with_token(&admin)
            .send("POST", "/api/v1/tokens", r#"{"name":"x"}"#);
    assert_eq!(status, 201);
    let (_, audit) = host.curl().with_token(&admin).get("/api/v1/audit?limit=1");
    let peer = audit["items"][0]["peer"].as_str().unwrap();
    assert!(peer.starts_with("127."), "{audit}");
}

#[test]
fn names_that_are_not_this_servers_and_other_sites_are_refused() {
    let host = Host::start();
    let admin = host.token("admin");
    let evil = host
        .curl()
        .with_header("Host: evil.example")
        .with_token(&admin);
    let (status, problem) = evil.get("/api/v1/agents");
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("host_not_allowed"))
    );
    let cross = host
        .curl()
        .with_header("Sec-Fetch-Site: cross-site")
        .with_token(&admin);
    let (status, problem) = cross.send("POST", "/api/v1/tokens", r#"{"name":"x"}"#);
    assert_eq!((status, &problem["code"]), (403, &json!("cross_origin")));
}
