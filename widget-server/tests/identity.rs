//! Who is let in, as whom, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Agent, counted, hello, origin, server};
use widget_core::Payload;
use widget_core::access::Secret;
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::message::{
    Command, Credential, Describe, Enrol, Goodbye, Hello, Opening, RefusalReason, RequestWork,
    Response, Welcome, extra,
};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::store::{
    AccessStore, Action, AgentQuery, AuditEntry, AuditQuery, MemoryStore, Purpose,
};
use widget_core::transport::{Assurance, Peer, Rejection};
use widget_core::v1;
use widget_server::{Server, TokenRequest};

fn exposed() -> Server {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    Server::builder(runtime, store.into()).expose().build()
}

const fn secret(n: u8) -> Secret {
    Secret::from_bytes([n; 32])
}

type Opened = Result<(Peer, Welcome), Rejection>;

/// An agent with secret number `n` that says it is number 77.
async fn says_hello(server: &Server, n: u8) -> Opened {
    let hello = hello(77, Credential::Secret(secret(n)));
    server
        .service()
        .open(&origin(), Opening::Hello(hello))
        .await
}

/// One that has no secret.
async fn claims(server: &Server, agent: u128) -> Opened {
    let hello = hello(agent, Credential::None);
    server
        .service()
        .open(&origin(), Opening::Hello(hello))
        .await
}

async fn joins(server: &Server, token: &Secret, n: u8) -> Opened {
    let enrol = Enrol {
        token: token.clone(),
        hello: hello(77, Credential::Secret(secret(n))),
        extras: Vec::new(),
    };
    server
        .service()
        .open(&origin(), Opening::Enrol(enrol))
        .await
}

async fn token(server: &Server, uses: u32, ttl: Duration) -> (Secret, u64) {
    let request = TokenRequest {
        purpose: Purpose::Join {
            uses,
            labels: vec![("zone".to_owned(), "a".to_owned())],
        },
        name: "a few".to_owned(),
        ttl: Some(ttl),
    };
    let (secret, kept) = server.handle().create_token(request).await.unwrap();
    (secret, kept.number)
}

const MINUTE: Duration = Duration::from_secs(60);

fn refusal(opened: Opened) -> widget_core::message::Refusal {
    match opened {
        Err(Rejection::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_has_joined_is_known_by_its_secret_whatever_id_it_claims() {
    let server = exposed();
    let (token, _) = token(&server, 1, MINUTE).await;
    let (peer, welcome) = joins(&server, &token, 1).await.unwrap();
    assert_eq!(peer.assurance, Assurance::Enrolled);
    assert_ne!(peer.agent, AgentId::from_u128(77));
    let id = (extra::AGENT, peer.agent.as_bytes().to_vec());
    assert_eq!(welcome.extras, std::slice::from_ref(&id));
    let (again, welcome) = says_hello(&server, 1).await.unwrap();
    assert_eq!((again.agent, welcome.extras), (peer.agent, vec![id]));
    assert_eq!(counted(&server, "id_ignored"), 1);
    let record = server.handle().agent(peer.agent).await.unwrap().unwrap();
    assert_eq!(record.record.labels, [("zone".to_owned(), "a".to_owned())]);
}

#[tokio::test]
async fn a_stolen_id_with_anothers_secret_is_the_other() {
    let server = exposed();
    let (token, _) = token(&server, 2, MINUTE).await;
    let (first, _) = joins(&server, &token, 1).await.unwrap();
    let (second, _) = joins(&server, &token, 2).await.unwrap();
    let stolen = Hello {
        agent: first.agent,
        ..hello(0, Credential::Secret(secret(2)))
    };
    let opened = server
        .service()
        .open(&origin(), Opening::Hello(stolen))
        .await;
    assert_eq!(opened.unwrap().0.agent, second.agent);
}

#[tokio::test]
async fn every_token_that_is_not_good_gets_one_and_the_same_answer() {
    let server = exposed();
    let (used, _) = token(&server, 1, MINUTE).await;
    joins(&server, &used, 1).await.unwrap();
    let (revoked, number) = token(&server, 1, MINUTE).await;
    assert!(server.handle().revoke_token(number).await.unwrap());
    let (expired, _) = token(&server, 1, Duration::from_millis(1)).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let guessed = secret(9);
    let mut answers = Vec::new();
    for (n, token) in [used, revoked, expired, guessed].iter().enumerate() {
        let n = u8::try_from(n).unwrap() + 10;
        answers.push(refusal(joins(&server, token, n).await));
    }
    assert_eq!(answers[0].reason, RefusalReason::Credential);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(counted(&server, "join_token"), 4);
    let all = AgentQuery { after: 0, limit: 9 };
    assert_eq!(server.handle().agents(&all).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_token_is_good_for_as_many_agents_as_it_says() {
    let server = exposed();
    let (token, _) = token(&server, 2, MINUTE).await;
    joins(&server, &token, 1).await.unwrap();
    joins(&server, &token, 2).await.unwrap();
    refusal(joins(&server, &token, 3).await);
}

#[tokio::test]
async fn a_lost_answer_to_an_enrolment_costs_no_use() {
    let server = exposed();
    let (token, _) = token(&server, 1, MINUTE).await;
    let (first, _) = joins(&server, &token, 1).await.unwrap();
    let (again, _) = joins(&server, &token, 1).await.unwrap();
    assert_eq!(first.agent, again.agent);
    // Also when the token is not good any more.
    refusal(joins(&server, &token, 2).await);
}

#[tokio::test]
async fn where_agents_have_to_join_nobodys_word_is_enough() {
    let server = exposed();
    let refusal = refusal(claims(&server, 1).await);
    assert_eq!(refusal.reason, RefusalReason::Credential);
    assert!(refusal.text.contains("widgetctl join-token create"));
    assert_eq!(counted(&server, "no_credential"), 1);
}

#[tokio::test]
async fn an_agent_that_has_joined_cannot_be_claimed_on_loopback_either() {
    let server = server();
    let (token, _) = token(&server, 1, MINUTE).await;
    let (peer, _) = joins(&server, &token, 1).await.unwrap();
    let id = u128::from_be_bytes(*peer.agent.as_bytes());
    assert_eq!(
        refusal(claims(&server, id).await).reason,
        RefusalReason::Credential
    );
    // Others go by their own word there.
    claims(&server, 5).await.unwrap();
}

#[tokio::test]
async fn an_unknown_secret_lets_nobody_in() {
    let server = exposed();
    let refusal = refusal(says_hello(&server, 1).await);
    assert_eq!(refusal.reason, RefusalReason::Credential);
    assert_eq!(counted(&server, "credential"), 1);
}

#[tokio::test]
async fn a_lower_range_of_versions_is_refused_before_a_token_is_used() {
    let server = exposed();
    let (token, _) = token(&server, 1, MINUTE).await;
    let enrol = Enrol {
        token: token.clone(),
        hello: Hello {
            versions: (1, 1),
            ..hello(1, Credential::Secret(secret(1)))
        },
        extras: Vec::new(),
    };
    let opened = server
        .service()
        .open(&origin(), Opening::Enrol(enrol))
        .await;
    assert_eq!(refusal(opened).reason, RefusalReason::Version);
    joins(&server, &token, 2).await.unwrap();
}

#[tokio::test]
async fn version_1_gets_nothing_where_agents_have_to_join() {
    let server = exposed();
    let command = v1::Command::RequestWork(1);
    let at = server.handle().wall();
    let answer = server.service().call_v1(&origin(), at, command).await;
    assert_eq!(answer, None);
    assert_eq!(counted(&server, "v1"), 1);
}

/// Its row goes when its tasks have ended, which takes a while if there are many.
#[tokio::test]
async fn whose_credential_has_ended_is_served_no_more_though_its_row_is_there() {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([9; 16])));
    let open = || {
        let server = Server::builder(Arc::clone(&runtime), Arc::clone(&store).into());
        server.expose().build()
    };
    let first = open();
    let (token, _) = token(&first, 1, MINUTE).await;
    let (peer, _) = joins(&first, &token, 1).await.unwrap();
    let describe = || Command::Describe(Describe::default());
    // Nothing of it is in memory there.
    let other = open();
    let answer = other.service().call(&peer, describe()).await;
    assert!(matches!(answer, Response::Ack { .. }), "{answer:?}");
    let at = first.handle().wall();
    let entry = AuditEntry::new(at, "alice", "", Action::AgentDelete, "");
    assert!(store.end_credential(peer.agent, entry).await.unwrap());
    let answer = open().service().call(&peer, describe()).await;
    let Response::Refused(refused) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refused.reason, RefusalReason::Replaced);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_agent_is_out_at_once_and_for_good() {
    let server = exposed();
    let (token, _) = token(&server, 2, MINUTE).await;
    let (peer, _) = joins(&server, &token, 1).await.unwrap();
    let agent = Agent {
        service: server.service(),
        peer,
    };
    let waits = Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 25_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    });
    let deletes = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = tokio::time::Instant::now();
        assert!(server.handle().delete(agent.id()).await.unwrap());
        begun
    };
    let (answer, begun) = futures_lite::future::zip(agent.call(waits), deletes).await;
    let Response::Refused(refused) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refused.reason, RefusalReason::Replaced);
    assert!(begun.elapsed() < Duration::from_secs(1));
    let goodbye = Command::Goodbye(Goodbye {
        reason: "stopped".to_owned(),
        task: None,
        spool_gone: false,
    });
    let answer = agent.call(goodbye).await;
    assert!(matches!(answer, Response::Refused(_)), "{answer:?}");
    // Neither its secret nor its token bring it back, nor its id without them.
    assert_eq!(
        refusal(says_hello(&server, 1).await).reason,
        RefusalReason::Credential
    );
    refusal(joins(&server, &token, 1).await);
    let id = u128::from_be_bytes(*agent.id().as_bytes());
    refusal(claims(&server, id).await);
}

/// The agent with secret number 1 on this host.
async fn on_host(server: &Server, machine: u8, boot: &str) -> Agent {
    let mut hello = hello(77, Credential::Secret(secret(1)));
    hello.extras = vec![
        (extra::MACHINE, vec![machine; 16]),
        (extra::BOOT, boot.as_bytes().to_vec()),
    ];
    let service = server.service();
    let (peer, _) = service
        .open(&origin(), Opening::Hello(hello))
        .await
        .unwrap();
    Agent { service, peer }
}

/// An agent on machine 1.
async fn enrolled(server: &Server) -> Agent {
    let (token, _) = token(server, 1, MINUTE).await;
    joins(server, &token, 1).await.unwrap();
    on_host(server, 1, "a").await
}

async fn is_cloned(server: &Server, agent: AgentId) -> bool {
    let status = server.handle().agent(agent).await.unwrap().unwrap();
    status.record.cloned.is_some()
}

#[tokio::test]
async fn a_copied_disk_on_a_second_host_is_noticed_and_given_no_tasks() {
    let server = exposed();
    let agent = enrolled(&server).await;
    let copy = on_host(&server, 2, "b").await;
    assert_eq!(copy.id(), agent.id());
    assert!(is_cloned(&server, agent.id()).await);
    assert_eq!(counted(&server, "clone"), 1);
    let handle = server.handle();
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    assert!(copy.room(8, &[]).await.tasks.is_empty());
    let why = handle.explain(task.id).await.unwrap().unwrap();
    assert_eq!(why.reason.as_str(), "cloned");
    // Until somebody decides.
    assert!(handle.release(agent.id()).await.unwrap());
    assert!(!handle.release(agent.id()).await.unwrap());
    assert_eq!(copy.room(8, &[]).await.tasks.len(), 1);
    let query = AuditQuery {
        limit: 2,
        ..AuditQuery::default()
    };
    let entries = handle.audit(&query).await.unwrap().entries;
    let words: Vec<_> = entries
        .iter()
        .map(|row| row.entry.action.to_string())
        .collect();
    assert_eq!(words, ["agent.release", "agent.clone"]);
    let released = &entries[0].entry;
    let words = (released.before.as_deref(), released.after.as_deref());
    assert_eq!(words, (Some("held"), Some("released")));
}

#[tokio::test]
async fn cancels_still_reach_an_agent_that_is_held() {
    let server = exposed();
    let agent = enrolled(&server).await;
    let handle = server.handle();
    let task = handle
        .send(agent.id(), "echo", Payload::null())
        .await
        .unwrap();
    let taken = agent.room(8, &[]).await;
    assert_eq!(taken.tasks.len(), 1);
    let copy = on_host(&server, 2, "b").await;
    handle
        .cancel(task.id, widget_core::task::Actor::Api)
        .await
        .unwrap();
    let held = widget_core::message::Held {
        task: task.id,
        attempt: taken.tasks[0].attempt,
        cancel_seen: false,
    };
    let Response::Work(work) = copy.request(0, vec![held]).await else {
        panic!("no work");
    };
    assert_eq!(work.cancel.len(), 1);
}

#[tokio::test]
async fn a_host_that_was_started_anew_is_no_second_one() {
    let server = exposed();
    let agent = enrolled(&server).await;
    on_host(&server, 1, "b").await;
    assert!(!is_cloned(&server, agent.id()).await);
    // But one that comes back after that is.
    on_host(&server, 1, "a").await;
    assert!(is_cloned(&server, agent.id()).await);
}

#[tokio::test]
async fn what_was_done_stands_in_the_audit_list() {
    let server = exposed();
    let (token, number) = token(&server, 1, MINUTE).await;
    let (peer, _) = joins(&server, &token, 1).await.unwrap();
    let handle = server.handle();
    handle
        .send(peer.agent, "echo", Payload::null())
        .await
        .unwrap();
    handle.revoke_token(number).await.unwrap();
    let describe = Describe {
        host: "web-1".to_owned(),
        ..Describe::default()
    };
    server
        .service()
        .call(&peer, Command::Describe(describe))
        .await;
    handle.delete(peer.agent).await.unwrap();
    let query = AuditQuery {
        limit: 20,
        ..AuditQuery::default()
    };
    let entries = handle.audit(&query).await.unwrap().entries;
    let words: Vec<_> = entries
        .iter()
        .map(|row| (row.entry.action.to_string(), row.entry.target.clone()))
        .collect();
    let (id, of_token) = (peer.agent.to_string(), format!("token:{number}"));
    // The newest first; what the program sends by itself is its own affair.
    assert_eq!(
        words,
        [
            ("agent.delete".to_owned(), id.clone()),
            ("token.revoke".to_owned(), of_token.clone()),
            ("agent.enrol".to_owned(), id),
            ("token.create".to_owned(), of_token),
        ]
    );
    let changes = entries
        .iter()
        .map(|row| (row.entry.before.as_deref(), row.entry.after.as_deref()));
    let changes: Vec<_> = changes.take(2).collect();
    assert_eq!(
        changes,
        [
            (Some("web-1"), Some("deleted")),
            (Some("not revoked"), Some("revoked"))
        ]
    );
    assert_eq!(entries[2].entry.token, Some(number));
    let text = format!("{entries:?}");
    assert!(!text.contains(&token.text()), "{text}");
}
