//! The router inside somebody else's: under a prefix, every address on the page still leads
//! somewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use common::{Agent, reported, server};
use tower::ServiceExt;
use widget_core::Payload;
use widget_server::{HostRules, Server, router};

struct Answer {
    status: StatusCode,
    location: Option<String>,
    text: String,
}

async fn ask(app: &Router, method: Method, address: &str) -> Answer {
    let path = address.split('#').next().unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let location = response.headers().get("location");
    let location = location.map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    // What hints at changes has no end.
    let is_stream = path.split('?').next().unwrap().ends_with("/events");
    let body = if is_stream {
        Body::empty()
    } else {
        response.into_body()
    };
    let bytes = to_bytes(body, 1 << 24).await.unwrap();
    Answer {
        status,
        location,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

async fn in_an_app(prefix: &str) -> (Server, Agent, Router) {
    let server = server();
    let agent = reported(&server.service(), 1).await;
    let handle = server.handle();
    for _ in 0..120 {
        handle
            .send(agent.id(), "echo", Payload::null())
            .await
            .unwrap();
    }
    let widget = router(handle, HostRules::default());
    let app = Router::new()
        .route("/own", get(|| async { "the program's own" }))
        .nest(prefix, widget);
    (server, agent, app)
}

/// The addresses that a page leads to, with the method for each.
fn addresses(html: &str) -> BTreeSet<(&'static str, String)> {
    let marks = [
        ("GET", "href=\""),
        ("GET", "src=\""),
        ("GET", "data-events=\""),
        ("GET", "method=\"get\" action=\""),
        ("POST", "method=\"post\" action=\""),
    ];
    let mut found = BTreeSet::new();
    for (method, mark) in marks {
        for rest in html.split(mark).skip(1) {
            let address = rest.split('"').next().unwrap();
            found.insert((method, address.replace("&#38;", "&")));
        }
    }
    found.retain(|(_, address)| !address.starts_with(['#', '?']));
    found
}

async fn every_address_leads_somewhere(prefix: &str) {
    let (_server, agent, app) = in_an_app(prefix).await;
    let pages = [
        String::new(),
        "/tasks".to_owned(),
        "/tasks?state=failed".to_owned(),
        "/?q=nothing".to_owned(),
        format!("/agents/{}", agent.id()),
        format!("/agents/{}/shutdown", agent.id()),
        format!("/api/collector/{}/shutdown", agent.id()),
        "/agents/nobody".to_owned(),
        "/nothing/here".to_owned(),
    ];
    for page in pages {
        // The root is the prefix itself.
        let address = format!("{prefix}{page}").replace("/?", "?");
        let answer = ask(&app, Method::GET, &address).await;
        let found = addresses(&answer.text);
        assert!(found.len() >= 5, "{address}: {found:?}");
        for (method, link) in found {
            assert!(link.starts_with(prefix), "{address} has {link}");
            // What ends an agent or a task is asked for further down.
            if method == "POST" {
                continue;
            }
            let status = ask(&app, Method::GET, &link).await.status;
            assert_eq!(status, StatusCode::OK, "{address} has {link}");
        }
    }
}

#[tokio::test]
async fn under_a_prefix_every_address_of_the_page_leads_somewhere() {
    every_address_leads_somewhere("/widget").await;
}

#[tokio::test]
async fn a_prefix_may_have_several_parts() {
    every_address_leads_somewhere("/admin/fleet").await;
}

#[tokio::test]
async fn forms_and_old_addresses_lead_back_under_the_prefix() {
    let (server, agent, app) = in_an_app("/widget").await;
    let id = agent.id();
    let old = format!("/widget/collector.html?id={id}");
    let shut_down = format!("/widget/agents/{id}/shutdown");
    let tutorial = format!("/widget/api/collector/{id}/shutdown");
    let task = server.handle().send(id, "echo", Payload::null()).await;
    let cancel = format!("/widget/tasks/{}/cancel", task.unwrap().id);
    for (method, address) in [
        (Method::GET, old),
        (Method::POST, shut_down),
        (Method::POST, tutorial),
        (Method::POST, cancel),
    ] {
        let answer = ask(&app, method, &address).await;
        assert!(answer.status.is_redirection(), "{address}");
        let location = answer.location.unwrap();
        assert!(location.starts_with("/widget/agents/"), "{location}");
        let landed = ask(&app, Method::GET, &location).await;
        assert_eq!(landed.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_program_keeps_its_own_routes_and_the_api_says_problems() {
    let (_server, _agent, app) = in_an_app("/widget").await;
    assert_eq!(
        ask(&app, Method::GET, "/own").await.text,
        "the program's own"
    );
    let api = ask(&app, Method::GET, "/widget/api/v1/agents").await;
    assert_eq!(api.status, StatusCode::OK);
    let nothing = ask(&app, Method::GET, "/widget/api/v1/nothing").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert!(nothing.text.contains("unknown_path"), "{}", nothing.text);
    let outside = ask(&app, Method::GET, "/tasks").await;
    assert_eq!(outside.status, StatusCode::NOT_FOUND);
}
