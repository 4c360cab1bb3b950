//! What a server takes of those who come, each at its limit and one beyond it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response as HttpResponse;
use common::{Agent, counted, hello, now, origin, report};
use tower::ServiceExt;
use widget_core::Payload;
use widget_core::access::{Role, Scope, Secret};
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::message::{
    Credential, Enrol, Hello, Opening, RefusalReason, Response, Seen, Welcome,
};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{MemoryStore, Purpose};
use widget_core::time::Timestamp;
use widget_core::transport::{Peer, Rejection};
use widget_core::v1;
use widget_server::{HostRules, Limits, SendError, Server, ServerBuilder, TokenRequest, router};

fn builder(edit: impl FnOnce(&mut Limits)) -> ServerBuilder {
    let mut limits = Limits::default();
    edit(&mut limits);
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    Server::builder(runtime, store.into()).limits(limits)
}

fn wait<T: std::fmt::Debug>(result: Result<T, Rejection>) -> Duration {
    match result {
        Err(Rejection::Busy { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    }
}

type Opened = Result<(Peer, Welcome), Rejection>;

async fn opens(server: &Server, opening: Opening) -> Opened {
    server.service().open(&origin(), opening).await
}

async fn claims(server: &Server, agent: u128) -> Opened {
    opens(server, Opening::Hello(hello(agent, Credential::None))).await
}

async fn joins(server: &Server, token: &Secret, n: u8) -> Opened {
    let credential = Credential::Secret(Secret::from_bytes([n; 32]));
    let enrol = Enrol {
        token: token.clone(),
        hello: hello(0, credential),
        extras: Vec::new(),
    };
    opens(server, Opening::Enrol(enrol)).await
}

async fn token(server: &Server, uses: u32) -> (Secret, u64) {
    let request = TokenRequest {
        purpose: Purpose::Join {
            uses,
            labels: Vec::new(),
        },
        name: "many".to_owned(),
        ttl: Some(Duration::from_secs(600)),
    };
    let (secret, kept) = server.handle().create_token(request).await.unwrap();
    (secret, kept.number)
}

async fn uses_left(server: &Server, number: u64) -> Option<u32> {
    let query = widget_core::store::TokenQuery {
        after: number - 1,
        limit: 1,
    };
    let page = server.handle().tokens(&query).await.unwrap();
    page.tokens.first().unwrap().uses_left
}

async fn samples(server: &Server, collector_id: u128) -> Option<v1::Response> {
    let sample = v1::Command::SubmitData {
        collector_id,
        total_memory: 100,
        used_memory: 50,
        average_cpu_usage: 1.0,
    };
    server.service().call_v1(&origin(), now(), sample).await
}

#[tokio::test]
async fn one_agent_too_many_waits_until_there_is_room() {
    let server = builder(|limits| limits.agents = 2).build();
    claims(&server, 1).await.unwrap();
    claims(&server, 2).await.unwrap();
    assert_eq!(counted(&server, "agents_full"), 0);
    assert!(wait(claims(&server, 3).await) >= Duration::from_secs(10));
    assert_eq!(counted(&server, "agents_full"), 1);
    claims(&server, 1).await.unwrap();
    let handle = server.handle();
    assert!(handle.agent(AgentId::from_u128(3)).await.unwrap().is_none());
    assert_eq!(handle.store_trouble(), None);
    handle.delete(AgentId::from_u128(2)).await.unwrap();
    claims(&server, 3).await.unwrap();
}

#[tokio::test]
async fn a_collector_too_many_is_left_without_an_answer() {
    let server = builder(|limits| limits.agents = 1).build();
    assert_eq!(samples(&server, 1).await, Some(v1::Response::Ack));
    assert_eq!(samples(&server, 2).await, None);
    assert_eq!(counted(&server, "agents_full"), 1);
    wait(claims(&server, 3).await);
    assert_eq!(samples(&server, 1).await, Some(v1::Response::Ack));
    assert_eq!(counted(&server, "agents_full"), 2);
}

#[tokio::test]
async fn one_too_many_does_not_join_and_takes_nothing_from_the_token() {
    let server = builder(|limits| limits.agents = 1).expose().build();
    let (token, number) = token(&server, 5).await;
    let (peer, _) = joins(&server, &token, 1).await.unwrap();
    wait(joins(&server, &token, 2).await);
    assert_eq!(counted(&server, "agents_full"), 1);
    assert_eq!(uses_left(&server, number).await, Some(4));
    joins(&server, &token, 1).await.unwrap();
    server.handle().delete(peer.agent).await.unwrap();
    joins(&server, &token, 2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_lets_so_many_in_and_the_next_one_a_while_later() {
    let server = builder(|limits| limits.enrolments = 2).expose().build();
    let (token, number) = token(&server, 10).await;
    for n in 1..=2 {
        joins(&server, &token, n).await.unwrap();
    }
    let pause = wait(joins(&server, &token, 3).await);
    assert_eq!(pause, Duration::from_secs(30));
    assert_eq!(counted(&server, "enrolments_rate"), 1);
    assert_eq!(uses_left(&server, number).await, Some(8));
    tokio::time::advance(pause).await;
    joins(&server, &token, 3).await.unwrap();
    wait(joins(&server, &token, 4).await);
}

#[tokio::test(start_paused = true)]
async fn who_joins_again_or_with_nothing_good_takes_no_turn() {
    let server = builder(|limits| limits.enrolments = 2).expose().build();
    let (token, _) = token(&server, 10).await;
    for _ in 0..5 {
        joins(&server, &token, 1).await.unwrap();
    }
    joins(&server, &token, 2).await.unwrap();
    wait(joins(&server, &token, 3).await);
}

#[tokio::test(start_paused = true)]
async fn reports_above_the_rate_wait_and_none_is_lost() {
    let server = builder(|limits| (limits.reports, limits.report_burst) = (10, 2_000)).build();
    let agent = Agent::hello(&server.service(), 1, 1).await;
    let batch = |from: u64, to: u64| agent.submit(from, (from + 1..=to).map(report).collect());
    let ack = |through| Response::Ack {
        through: Some(through),
    };
    assert_eq!(batch(0, 1_000).await, ack(1_000));
    assert_eq!(batch(1_000, 2_000).await, ack(2_000));
    let busy = Response::Busy {
        retry_after_ms: 500,
    };
    assert_eq!(batch(2_000, 2_005).await, busy);
    assert_eq!(counted(&server, "reports_rate"), 1);
    let other = Agent::hello(&server.service(), 2, 1).await;
    assert_eq!(other.submit(0, vec![report(1)]).await, ack(1));
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(batch(2_000, 2_005).await, ack(2_005));
    assert!(matches!(
        batch(2_005, 2_006).await,
        Response::Busy {
            retry_after_ms: 100
        }
    ));
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(batch(2_005, 3_005).await, ack(3_005));
}

#[tokio::test(start_paused = true)]
async fn as_many_reports_as_one_message_may_have_go_whatever_is_allowed_at_once() {
    let server = builder(|limits| (limits.reports, limits.report_burst) = (100, 1)).build();
    let agent = Agent::hello(&server.service(), 1, 1).await;
    let most = agent.submit(0, (1..=1_024).map(report).collect()).await;
    assert_eq!(
        most,
        Response::Ack {
            through: Some(1_024)
        }
    );
    let more = agent.submit(1_024, vec![report(1_025)]).await;
    assert!(matches!(more, Response::Busy { retry_after_ms: 10 }));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_reports_too_fast_is_left_without_an_answer() {
    let server = builder(|limits| (limits.reports, limits.report_burst) = (1, 1_024)).build();
    for _ in 0..1_024 {
        assert_eq!(samples(&server, 1).await, Some(v1::Response::Ack));
    }
    assert_eq!(samples(&server, 1).await, None);
    assert_eq!(counted(&server, "reports_rate"), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(samples(&server, 1).await, Some(v1::Response::Ack));
    assert_eq!(server.handle().store_trouble(), None);
}

#[tokio::test]
async fn an_agent_may_have_seen_eight_epochs_of_a_store_and_not_nine() {
    let server = builder(|_| {}).build();
    let (join, _) = token(&server, 1).await;
    let seen = |stores: u8| Seen {
        stores: (0..stores)
            .map(|n| StoreEpoch::from_bytes([n; 16]))
            .collect(),
        sequence: 0,
        at: Timestamp::default(),
    };
    let hello = |stores| Hello {
        seen: Some(seen(stores)),
        ..hello(1, Credential::None)
    };
    opens(&server, Opening::Hello(hello(8))).await.unwrap();
    let enrol = Enrol {
        token: join,
        hello: hello(9),
        extras: Vec::new(),
    };
    for opening in [Opening::Hello(hello(9)), Opening::Enrol(enrol)] {
        let Err(Rejection::Refused(refusal)) = opens(&server, opening).await else {
            panic!("nine were taken");
        };
        assert_eq!(refusal.reason, RefusalReason::Invalid);
        assert!(refusal.text.contains("at most 8"), "{refusal:?}");
    }
    assert_eq!(counted(&server, "invalid"), 2);
}

#[tokio::test]
async fn one_queued_task_too_many_is_refused_and_counted() {
    let server = builder(|limits| limits.queued_tasks = 2).build();
    let (handle, agent) = (server.handle(), claims(&server, 1).await.unwrap().0.agent);
    for _ in 0..2 {
        handle.send(agent, "echo", Payload::null()).await.unwrap();
    }
    let error = handle.send(agent, "echo", Payload::null()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, SendError::TooMany(2)), "{error}");
    assert!(error.to_string().contains("has 2 queued tasks"), "{error}");
    assert_eq!(counted(&server, "tasks_full"), 1);
}

async fn listens(server: &Server, token: Option<&str>) -> HttpResponse {
    let mut request = Request::builder()
        .uri("/events")
        .header("host", "localhost");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let app = router(server.handle(), HostRules::default());
    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

fn is_refused(response: &HttpResponse) -> bool {
    let told = response.headers().contains_key("retry-after");
    assert_eq!(told, response.status() == StatusCode::SERVICE_UNAVAILABLE);
    told
}

#[tokio::test]
async fn one_page_too_many_that_is_told_of_changes_is_refused() {
    let server = builder(|limits| limits.streams = 2).build();
    let first = listens(&server, None).await;
    let second = listens(&server, None).await;
    assert!(!is_refused(&first) && !is_refused(&second));
    assert!(is_refused(&listens(&server, None).await));
    assert_eq!(counted(&server, "streams_full"), 1);
    drop(first);
    assert!(!is_refused(&listens(&server, None).await));
}

#[tokio::test]
async fn a_token_has_so_many_pages_and_leaves_others_theirs() {
    let server = builder(|limits| limits.streams_per_caller = 1)
        .expose()
        .build();
    let mut tokens = Vec::new();
    for name in ["ann", "bob"] {
        let request = TokenRequest {
            purpose: Purpose::Api {
                role: Role::Viewer,
                scope: Scope::default(),
            },
            name: name.to_owned(),
            ttl: None,
        };
        let (secret, _) = server.handle().create_token(request).await.unwrap();
        tokens.push(format!("wt1.{}", secret.text()));
    }
    let anns = listens(&server, Some(&tokens[0])).await;
    assert!(!is_refused(&anns));
    assert!(is_refused(&listens(&server, Some(&tokens[0])).await));
    assert_eq!(counted(&server, "streams_caller"), 1);
    assert!(!is_refused(&listens(&server, Some(&tokens[1])).await));
    drop(anns);
    assert!(!is_refused(&listens(&server, Some(&tokens[0])).await));
}

#[test]
fn the_page_on_security_has_each_limit_with_its_default() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: Vec<_> = page
        .lines()
        .skip_while(|line| !line.starts_with("| `--limit` |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| `"))
        .map(|line| line.split(" | ").map(|cell| cell.trim_matches('`')))
        .map(|mut cells| {
            (
                cells.next().unwrap(),
                cells.next().unwrap().replace(',', ""),
            )
        })
        .collect();
    let known: Vec<_> = Limits::ALL
        .iter()
        .map(|limit| (limit.name, limit.of(&Limits::default()).to_string()))
        .collect();
    assert_eq!(listed, known);
}
