//! The admin API: agents, reports, the tutorial's addresses, codes, who may ask.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::api::Api;
use common::{Agent, report, reported};
use serde_json::{Value, json};
use widget_core::message::Response as Answer;

const NOBODY: &str = "00000000-0000-0000-0000-0000000000ff";

#[tokio::test]
async fn an_agent_has_the_fields_that_scripts_rely_on() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let (status, body) = api.get("/api/v1/agents").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["next"], Value::Null);
    let shape = &body["items"][0];
    assert_eq!(shape["id"], agent.id().to_string());
    assert_eq!(shape["presence"], "online");
    assert_eq!(shape["protocol"], 2);
    assert_eq!(shape["interval_ms"], 1_000);
    assert_eq!(shape["dropped"], 0);
    for field in [
        "host",
        "labels",
        "first_seen",
        "last_seen",
        "transport",
        "handlers",
    ] {
        assert!(!shape[field].is_null(), "{field}");
    }
    let latest = shape["latest"].as_object().unwrap();
    let fields: Vec<_> = latest.keys().map(String::as_str).collect();
    let expected = [
        "at",
        "average_cpu",
        "gauges",
        "received",
        "seq",
        "total_memory",
        "used_memory",
    ];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!(latest["gauges"], json!({"queue.depth": 3.0}));
    let at = latest["at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    let (_, one) = api.get(&format!("/api/v1/agents/{}", agent.id())).await;
    assert_eq!(one["id"], shape["id"]);
}

#[tokio::test]
async fn lists_are_paged_without_a_gap() {
    let api = Api::new();
    for id in 1..=5 {
        Agent::hello(&api.server.service(), id, 1).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/agents?limit=2".to_owned());
    loop {
        let (_, page) = api.get(&path).await;
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/agents?limit=2&cursor={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn reports_come_oldest_first_raw_or_in_buckets() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    agent.submit(1, vec![report(2), report(3)]).await;
    let base = format!("/api/v1/agents/{}/reports", agent.id());
    let (_, body) = api.get(&base).await;
    let seqs: Vec<_> = body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["seq"].clone())
        .collect();
    assert_eq!(seqs, [1, 2, 3]);
    let (_, body) = api.get(&format!("{base}?limit=2")).await;
    assert_eq!(body["items"][0]["seq"], 2, "the newest");
    let (_, body) = api.get(&format!("{base}?points=1")).await;
    assert_eq!(body["items"][0]["count"], 3);
    assert_eq!(
        body["items"][0]["average_cpu"],
        json!({"min": 12.5, "max": 12.5, "mean": 12.5})
    );
    let (_, body) = api.get(&format!("{base}?to=2000-01-01T00:00:00Z")).await;
    assert_eq!(body["items"], json!([]));
    for wrong in ["points=0", "from=yesterday", "limit=x", "colour=red"] {
        let (status, body) = api.get(&format!("{base}?{wrong}")).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_query"))
        );
    }
}

#[tokio::test]
async fn unknown_ids_malformed_ids_and_wrong_methods_have_their_codes() {
    let api = Api::new();
    for (method, path, status, code) in [
        (
            Method::GET,
            format!("/api/v1/agents/{NOBODY}"),
            404,
            "unknown_agent",
        ),
        (
            Method::DELETE,
            format!("/api/v1/agents/{NOBODY}"),
            404,
            "unknown_agent",
        ),
        (
            Method::GET,
            format!("/api/v1/agents/{NOBODY}/reports"),
            404,
            "unknown_agent",
        ),
        (
            Method::POST,
            format!("/api/v1/agents/{NOBODY}/shutdown"),
            404,
            "unknown_agent",
        ),
        (
            Method::GET,
            format!("/api/v1/tasks/{NOBODY}"),
            404,
            "unknown_task",
        ),
        (
            Method::POST,
            format!("/api/v1/tasks/{NOBODY}/cancel"),
            404,
            "unknown_task",
        ),
        (Method::GET, "/api/v1/agents/xyz".into(), 400, "invalid_id"),
        (Method::GET, "/api/v1/tasks/1".into(), 400, "invalid_id"),
        (
            Method::GET,
            format!("/api/collector/{NOBODY}"),
            404,
            "unknown_agent",
        ),
        (Method::PUT, "/api/v1/agents".into(), 405, "wrong_method"),
        (
            Method::GET,
            format!("/api/v1/tasks/{NOBODY}/cancel"),
            405,
            "wrong_method",
        ),
        (Method::GET, "/api/v1/nothing".into(), 404, "unknown_path"),
        (
            Method::GET,
            format!("/api/v1/tasks/{NOBODY}?wait=1e9"),
            400,
            "invalid_query",
        ),
        (
            Method::GET,
            "/api/v1/tasks?state=done".into(),
            400,
            "invalid_state",
        ),
    ] {
        let (got, problem) = api.ask(method.clone(), &path, None).await;
        assert_eq!(
            (got.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn delete_forgets_an_agent() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}", agent.id());
    assert_eq!(
        api.ask(Method::DELETE, &path, None).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(api.get(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_tutorials_addresses_give_the_tutorials_shapes() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    assert!(matches!(
        agent.submit(1, vec![report(2)]).await,
        Answer::Ack { .. }
    ));
    let (_, all) = api.get("/api/all").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_ne!(all[0]["id"], all[1]["id"]);
    assert_eq!(all[0]["collector_id"], agent.id().to_string());
    assert!(all[0]["received"].as_i64().unwrap() > 1_700_000_000);
    for field in ["total_memory", "used_memory", "average_cpu"] {
        assert!(all[0][field].is_number(), "{field}");
    }
    let (_, one) = api.get(&format!("/api/collector/{}", agent.id())).await;
    assert_eq!(one, all);
    let (_, collectors) = api.get("/api/collectors").await;
    assert_eq!(collectors[0]["collector_id"], agent.id().to_string());
    assert!(collectors[0]["id"].is_number() && collectors[0]["last_seen"].is_number());
}

#[tokio::test]
async fn the_tutorials_shutdown_has_an_effect_only_on_post() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/collector/{}/shutdown", agent.id());
    assert_eq!(api.get(&path).await.0, StatusCode::OK);
    assert_eq!(api.get("/api/v1/tasks").await.1["items"], json!([]));
    let (status, task) = api.ask(Method::POST, &path, None).await;
    assert_eq!(
        (status, &task["kind"]),
        (StatusCode::ACCEPTED, &json!("shutdown"))
    );
    let form = Request::post(&path)
        .header("host", "localhost:3000")
        .header("origin", "http://localhost:3000")
        .header("accept", "text/html,*/*")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::empty())
        .unwrap();
    assert_eq!(api.send(form).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn strangers_and_other_sites_are_turned_away() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let path = format!("/api/v1/agents/{}/shutdown", agent.id());
    let evil = Request::get("/")
        .header("host", "evil.example")
        .body(Body::empty())
        .unwrap();
    let (status, _, problem) = api.send(evil).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::FORBIDDEN, &json!("host_not_allowed"))
    );
    let nameless = Request::get("/api/v1/agents").body(Body::empty()).unwrap();
    assert_eq!(api.send(nameless).await.0, StatusCode::FORBIDDEN);
    let cross = Request::post(&path)
        .header("host", "localhost:3000")
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty())
        .unwrap();
    let (status, _, problem) = api.send(cross).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::FORBIDDEN, &json!("cross_origin"))
    );
    assert_eq!(api.get("/api/v1/tasks").await.1["items"], json!([]));
}

#[tokio::test]
async fn what_changes_something_is_refused_unless_it_says_what_its_body_is() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let id = agent.id();
    let routes = widget_server::api::routes();
    let unsafe_ones = routes.into_iter().filter(|(method, ..)| !method.is_safe());
    for (method, path, _) in unsafe_ones {
        let path = path.replace("{id}", &id.to_string());
        let send = async |headers: &[(&str, &str)], body: &'static str| {
            let request = Request::builder().method(&method).uri(&path);
            let request = request.header("host", "localhost:3000");
            let fold = |request: axum::http::request::Builder, (name, value): &(&str, &str)| {
                request.header(*name, *value)
            };
            let request = headers.iter().fold(request, fold);
            let (status, kind, problem) = api.send(request.body(Body::from(body)).unwrap()).await;
            assert_eq!(kind, "application/problem+json", "{method} {path}");
            assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
            (
                status.as_u16(),
                problem["code"].as_str().unwrap().to_owned(),
            )
        };
        let plain = ("content-type", "text/plain");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let cross = ("sec-fetch-site", "cross-site");
        let refused = (415, "unsupported_media_type".to_owned());
        for (headers, body) in [
            (&[plain][..], ""),
            (&[plain], "{}"),
            (&[plain, ("sec-fetch-site", "same-origin")], ""),
            (&[form], ""),
            (&[("content-type", "multipart/form-data; boundary=x")], ""),
            (&[("origin", "http://localhost:3000")], ""),
            (&[], "{}"),
        ] {
            let found = send(headers, body).await;
            assert_eq!(found, refused, "{method} {path} {headers:?} {body}");
        }
        let foreign = (403, "cross_origin".to_owned());
        for headers in [[plain, cross], [form, cross], [plain, ("origin", "null")]] {
            let found = send(&headers, "").await;
            assert_eq!(found, foreign, "{method} {path} {headers:?}");
        }
    }
    assert_eq!(api.get("/api/v1/tasks").await.1["items"], json!([]));
    let path = format!("/api/v1/agents/{id}");
    assert_eq!(api.get(&path).await.0, StatusCode::OK, "nothing was done");
}

#[tokio::test]
async fn programs_without_a_body_and_the_pages_own_forms_go_on() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    // What a browser sends with a form of a page that gives no referrer.
    let browser = [form, ("origin", "null"), ("sec-fetch-site", "same-origin")];
    for (path, headers, status) in [
        ("/api/v1/agents/{id}/shutdown", &[][..], 202),
        ("/api/collector/{id}/shutdown", &[], 202),
        (
            "/api/collector/{id}/shutdown",
            &[("content-type", "application/json")],
            202,
        ),
        ("/api/collector/{id}/shutdown", &browser, 202),
        ("/agents/{id}/shutdown", &browser, 303),
        ("/agents/{id}/purge", &browser, 303),
    ] {
        let path = path.replace("{id}", &agent.id().to_string());
        let request = Request::post(&path).header("host", "localhost:3000");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let (found, _, body) = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(found.as_u16(), status, "{path} {headers:?} {body}");
    }
}

#[tokio::test]
async fn health_and_status_answer() {
    let api = Api::new();
    assert_eq!(api.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(api.get("/readyz").await.0, StatusCode::OK);
    let (_, status) = api.get("/api/v1/status").await;
    assert_eq!(status["refusals"], json!({}));
}

#[tokio::test]
async fn reports_of_one_millisecond_are_paged_without_loss() {
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let at = common::now();
    let same = |seq| widget_core::report::Report { at, ..report(seq) };
    agent.submit(1, (2..12).map(same).collect()).await;
    let base = format!("/api/v1/agents/{}/reports?limit=3", agent.id());
    let (mut seen, mut path) = (Vec::new(), base.clone());
    loop {
        let (_, page) = api.get(&path).await;
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(items.iter().map(|item| item["seq"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("{base}&cursor={next}");
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..12).collect::<Vec<u64>>());
    let (status, _) = api.get(&format!("{base}&cursor=soon")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_description_that_could_not_be_shown_is_refused() {
    use widget_core::Payload;
    use widget_core::message::{Command, Describe, HandlerInfo};
    let api = Api::new();
    let agent = reported(&api.server.service(), 1).await;
    let schema = Some(Payload::from_json_text("{bad"));
    let info = |kind: &str, schema| HandlerInfo {
        kind: kind.into(),
        idempotent: false,
        schema,
    };
    let twice = vec![
        ("role".to_owned(), "a".to_owned()),
        ("role".to_owned(), "b".to_owned()),
    ];
    for describe in [
        Describe {
            handlers: vec![info("echo", schema)],
            ..Describe::default()
        },
        Describe {
            handlers: vec![info("BAD KIND", None)],
            ..Describe::default()
        },
        Describe {
            labels: twice,
            ..Describe::default()
        },
    ] {
        let answer = agent.call(Command::Describe(describe)).await;
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    }
    assert_eq!(api.get("/api/v1/agents").await.0, StatusCode::OK);
}
