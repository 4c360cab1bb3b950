//! Stores that hold something of everything, for golden databases.

use futures_lite::future::block_on;
use widget_core::Payload;
use widget_core::access::{Role, Scope};
use widget_core::id::Attempt;
use widget_core::message::{Describe, HandlerInfo, Seen};
use widget_core::report::{Report, Thinned};
use widget_core::store::{
    AccessStore, Action, Admission, AgentStore, Arrival, AuditEntry, Enrolled, Enrolment, HostId,
    NewToken, Purpose, ReportBatch, ReportStore, TaskStore, TaskStoreExt,
};
use widget_core::task::{
    Actor, AgentEvent, Chunk, Event, Failure, Finish, FinishKind, NewTask, Once,
};
use widget_core::testkit::fixtures::{
    NOW, agent, at, epoch, json, new_task, report, secs, task_id, verifier,
};
use widget_store_sqlite::SqliteStore;

use crate::common::{append, batch, put_running};

/// Something of everything that a store keeps.
pub(crate) fn fill(store: &SqliteStore) {
    fill_format_1(store);
    block_on(fill_access(store));
}

/// Something of everything that a store of format 1 kept.
pub(crate) fn fill_format_1(store: &SqliteStore) {
    block_on(fill_agents(store));
    fill_tasks(store);
    fill_reports(store);
    // The backup of agent 2's past: the store gets a second epoch, and agent 2 is behind.
    let first = admit(store, None).store;
    let seen = Seen {
        stores: vec![first],
        sequence: 40,
        at: at(-60),
    };
    assert_ne!(admit(store, Some(seen)).store, first);
}

pub(crate) fn admit(store: &SqliteStore, seen: Option<Seen>) -> widget_core::store::Admitted {
    let admission = Admission {
        agent: agent(2),
        epoch: epoch(2),
        seen,
        now: NOW,
    };
    block_on(store.admit(&admission)).unwrap()
}

async fn fill_agents(store: &SqliteStore) {
    for (n, epoch) in [(1, Some(epoch(1))), (2, None)] {
        let arrival = Arrival::new(agent(n), u16::from(3 - n), "tcp", epoch, NOW);
        store.arrive(&arrival).await.unwrap();
    }
    let handler = |kind: &str, schema| HandlerInfo {
        kind: kind.into(),
        idempotent: true,
        schema,
    };
    let describe = Describe {
        host: "höst".into(),
        os: "Linux 6.1".into(),
        boot: "b0".into(),
        version: "0.1.0".into(),
        labels: vec![("zone".into(), "a".into())],
        interval_ms: 1_000,
        handlers: vec![
            handler("reindex", Some(json("{\"type\": \"object\"}"))),
            handler("shutdown", None),
        ],
    };
    store.describe(agent(1), &describe).await.unwrap();
    store.leave(agent(2), at(5)).await.unwrap();
}

fn entry(action: Action) -> AuditEntry {
    AuditEntry::new(at(7), "local:0", "this host", action, "it")
}

async fn fill_access(store: &SqliteStore) {
    // 1 has let in agents 11 and 12 and is used up, 2 is revoked, 3 is used.
    let labels = vec![("zone".to_owned(), "ä".to_owned())];
    let join = Purpose::Join {
        uses: 2,
        labels: labels.clone(),
    };
    let kinds = vec!["backup.*".to_owned()];
    let limited = Purpose::Api {
        role: Role::Operator,
        scope: Scope { labels, kinds },
    };
    let all = Purpose::Api {
        role: Role::Admin,
        scope: Scope::default(),
    };
    for (n, purpose, expires) in [(1, join, Some(at(900))), (2, limited, None), (3, all, None)] {
        let token = NewToken {
            verifier: verifier(n),
            purpose,
            name: format!("token {n}"),
            by: "local:0".into(),
            at: NOW,
            expires,
        };
        let created = entry(Action::TokenCreate);
        store.add_token(token, created).await.unwrap();
    }
    let revoked = entry(Action::TokenRevoke).changing(Some("good"), None);
    assert!(store.revoke(2, revoked).await.unwrap());
    store.tokens_used(&[(3, at(8))]).await.unwrap();
    // 11 is there twice, 12 was deleted.
    for n in [11, 12] {
        let enrolment = Enrolment {
            token: verifier(1),
            credential: verifier(n),
            agent: agent(n),
            at: NOW,
            most: None,
            audit: entry(Action::AgentEnrol),
        };
        let enrolled = store.enrol(&enrolment).await.unwrap();
        assert!(matches!(enrolled, Enrolled::New(_)));
    }
    let deleted = entry(Action::AgentDelete);
    assert!(store.end_credential(agent(12), deleted).await.unwrap());
    let credential = store.credential_of(agent(11)).await.unwrap();
    for machine in [1, 2] {
        let arrival = Arrival {
            credential: credential.clone(),
            host: Some(HostId::new([machine; 16], "b00t")),
            audit: Some(entry(Action::AgentClone)),
            ..Arrival::new(agent(11), 2, "http", Some(epoch(11)), NOW)
        };
        store.arrive(&arrival).await.unwrap();
    }
    let task = NewTask {
        asked_by: Some("token:deploy".into()),
        audit: Some(entry(Action::TaskCreate).by_token(3).of_agent(agent(11))),
        ..new_task(11, agent(11))
    };
    store.insert(task).await.unwrap();
    let note = entry(Action::from("planet.move"));
    store.note(note).await.unwrap();
}

fn say(store: &SqliteStore, n: u8, said: AgentEvent) {
    let said = Event::Said(Attempt(1), said);
    let applied = block_on(store.apply(task_id(n), &said, Actor::Agent, at(3)));
    applied.unwrap().unwrap().result.unwrap();
}

fn apply(store: &SqliteStore, n: u8, event: &Event) {
    let applied = block_on(store.apply(task_id(n), event, Actor::Page, at(4)));
    applied.unwrap().unwrap().result.unwrap();
}

fn fill_tasks(store: &SqliteStore) {
    // 1 is running and has written something, more than the agent could keep.
    put_running(store, new_task(1, agent(1)));
    say(store, 1, AgentEvent::Progress(json("{\"done\": 0.5}")));
    for (offset, text) in [(0, "the beginning, ünïcode\n"), (90_000, "the end\n")] {
        let text = text.to_owned();
        say(store, 1, AgentEvent::Output(Chunk { offset, text }));
    }
    // 2 succeeded, 3 failed, with evidence that says otherwise; 4 was cut.
    let mut cut = Finish::succeeded(json("\"a beginn\""));
    cut.cut = Some(3_000_000);
    let failed = Finish::without(FinishKind::Failed, Failure::new("broken", "it 'broke'"));
    let ends = [Finish::succeeded(json(" [1, 2] ")), failed, cut];
    for (n, end) in (2..).zip(ends) {
        put_running(store, new_task(n, agent(1)));
        say(store, n, AgentEvent::Finish(end));
    }
    say(store, 3, AgentEvent::Finish(Finish::succeeded(json("0"))));
    // 5 was retried more often than its timeline is long.
    put_running(store, new_task(5, agent(3)));
    for _ in 0..34 {
        retry(store, 5);
    }
    // 6 was asked to end while it ran, 7 is leased, 8 queued with all that can be asked for, 9
    // cancelled, 10 accepted.
    put_running(store, new_task(6, agent(4)));
    apply(store, 6, &Event::Cancel);
    block_on(store.insert(new_task(7, agent(5)))).unwrap();
    lease(store, 5);
    let asked = NewTask {
        input: Payload::from_json_text(b"{\"path\": \"/a\"}".to_vec()),
        ttl: secs(3_600),
        timeout: Some(secs(60)),
        not_before: Some(at(600)),
        priority: -3,
        ordering_key: Some("disk".into()),
        once: Once::Key("key-8".into()),
        by: Actor::Api,
        ..new_task(8, agent(1))
    };
    for task in [asked, new_task(9, agent(1))] {
        block_on(store.insert(task)).unwrap();
    }
    apply(store, 9, &Event::Cancel);
    block_on(store.insert(new_task(10, agent(6)))).unwrap();
    lease(store, 6);
    say(store, 10, AgentEvent::Accept { idempotent: false });
}

/// The running task goes back to the queue, and runs again.
fn retry(store: &SqliteStore, n: u8) {
    let task = block_on(store.task(task_id(n))).unwrap().unwrap();
    let attempt = task.state.attempt;
    let apply = |attempt, said| {
        let said = Event::Said(attempt, said);
        let applied = block_on(store.apply(task.id, &said, Actor::Agent, NOW));
        applied.unwrap().unwrap().result.unwrap();
    };
    let failure = Failure::new("busy", "the disk is busy");
    let (after_ms, lost) = (0, false);
    apply(
        attempt,
        AgentEvent::Retry {
            failure,
            after_ms,
            lost,
        },
    );
    lease(store, 3);
    apply(attempt.next(), AgentEvent::Accept { idempotent: true });
    apply(attempt.next(), AgentEvent::Start);
}

fn lease(store: &SqliteStore, n: u8) {
    let admission = Admission {
        agent: agent(n),
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    let request = widget_core::store::LeaseRequest {
        agent: agent(n),
        epoch: epoch(1),
        room: 1,
        bytes: 1_000,
        holding: Vec::new(),
        kinds: Vec::new(),
        now: NOW,
    };
    block_on(store.admit(&admission)).unwrap();
    let leased = block_on(store.lease(&request)).unwrap();
    assert_eq!(leased.tasks.len(), 1);
}

fn fill_reports(store: &SqliteStore) {
    let thinned = Thinned {
        count: 3,
        from: at(1),
        used_memory: (1, 1_000_000_009),
        average_cpu: (0.1, 33.333_332),
        gauges: vec![(0.1, 7.25)],
    };
    let thinned = Report {
        thinned: Some(Box::new(thinned)),
        ..report(5, 5)
    };
    let bare = Report {
        gauges: Vec::new(),
        ..report(6, 6)
    };
    let first = ReportBatch {
        through: 7,
        reports: vec![report(2, 2), thinned, bare],
        ..batch(agent(1), 0, 0)
    };
    append(store, first).unwrap();
    append(store, batch(agent(2), 100, 102)).unwrap();
    block_on(store.append_v1(agent(2), report(0, 9), at(9))).unwrap();
}
