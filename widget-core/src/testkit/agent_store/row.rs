//! The row of one agent: what makes it, what changes it.

use std::sync::Barrier;

use futures_lite::future::block_on;

use super::{arrival, arrive, read};
use crate::message::{Describe, HandlerInfo};
use crate::store::{
    AgentRecord, AgentStore, Arrival, CredentialRecord, SessionKey, StoreErrorKind,
};
use crate::testkit::fixtures::{NOW, agent, at, epoch, json, verifier};

/// The first arrival makes the row; it reads back equal to what was answered.
pub async fn a_first_arrival_makes_a_row(store: &dyn AgentStore) {
    let row = arrive(store, &arrival(1)).await;
    let expected = AgentRecord {
        id: agent(1),
        number: row.number,
        first_seen: NOW,
        last_seen: NOW,
        left: None,
        protocol: 2,
        transport: "tcp".into(),
        epoch: Some(epoch(1)),
        describe: Describe::default(),
        enrolled: None,
        labels: Vec::new(),
        cloned: None,
    };
    assert_eq!(row, expected);
    assert_eq!(read(store, agent(1)).await, expected);
}

/// `first_seen` is the first arrival's for good, and so is the number.
pub async fn first_seen_and_number_stay(store: &dyn AgentStore) {
    let first = arrive(store, &arrival(1)).await;
    arrive(store, &arrival(2)).await;
    for secs in [60, -60] {
        let again = Arrival {
            at: at(secs),
            ..arrival(1)
        };
        let row = arrive(store, &again).await;
        assert_eq!((row.first_seen, row.number), (NOW, first.number));
    }
    store.seen(&[(agent(1), at(-90))]).await.unwrap();
    assert_eq!(read(store, agent(1)).await.first_seen, NOW);
}

/// Transport and epoch are those of the last arrival.
pub async fn an_arrival_renews_transport_and_epoch(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    let again = Arrival {
        transport: "http".into(),
        epoch: Some(epoch(9)),
        at: at(5),
        ..arrival(1)
    };
    let row = arrive(store, &again).await;
    assert_eq!(row.transport, "http");
    assert_eq!(row.epoch, Some(epoch(9)));
    assert_eq!(row.last_seen, at(5));
    assert_eq!(read(store, agent(1)).await, row);
}

/// The version of the protocol rises and never falls.
pub async fn once_version_2_stays_version_2(store: &dyn AgentStore) {
    let version_1 = Arrival {
        protocol: 1,
        epoch: None,
        ..arrival(1)
    };
    assert_eq!(arrive(store, &version_1).await.protocol, 1);
    assert_eq!(arrive(store, &arrival(1)).await.protocol, 2);
    assert_eq!(arrive(store, &version_1).await.protocol, 2);
    assert_eq!(read(store, agent(1)).await.protocol, 2);
}

/// Version 1 has no epoch to say.
pub async fn an_arrival_without_an_epoch_keeps_the_one_known(store: &dyn AgentStore) {
    let without = Arrival {
        epoch: None,
        ..arrival(1)
    };
    assert_eq!(arrive(store, &without).await.epoch, None);
    assert_eq!(arrive(store, &arrival(1)).await.epoch, Some(epoch(1)));
    assert_eq!(arrive(store, &without).await.epoch, Some(epoch(1)));
}

/// Whatever comes late or from a clock that jumped: `last_seen` only rises.
pub async fn last_seen_never_goes_back(store: &dyn AgentStore) {
    let late = Arrival {
        at: at(-100),
        ..arrival(1)
    };
    arrive(store, &arrival(1)).await;
    store.seen(&[(agent(1), at(50))]).await.unwrap();
    store.seen(&[(agent(1), at(20))]).await.unwrap();
    assert_eq!(read(store, agent(1)).await.last_seen, at(50));
    store.leave(agent(1), at(30)).await.unwrap();
    assert_eq!(read(store, agent(1)).await.last_seen, at(50));
    assert_eq!(arrive(store, &late).await.last_seen, at(50));
}

/// A goodbye is kept, counts as heard from, and an arrival forgets it.
pub async fn a_goodbye_is_kept_until_an_arrival(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    store.leave(agent(1), at(10)).await.unwrap();
    let row = read(store, agent(1)).await;
    assert_eq!((row.left, row.last_seen), (Some(at(10)), at(10)));
    let again = Arrival {
        at: at(20),
        ..arrival(1)
    };
    assert_eq!(arrive(store, &again).await.left, None);
    assert_eq!(read(store, agent(1)).await.left, None);
}

/// What was heard before the goodbye and written after it does not bring the agent back.
pub async fn a_goodbye_is_kept_until_the_agent_is_seen_after_it(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    store.leave(agent(1), at(10)).await.unwrap();
    for secs in [9, 10] {
        store.seen(&[(agent(1), at(secs))]).await.unwrap();
        assert_eq!(read(store, agent(1)).await.left, Some(at(10)));
    }
    store.seen(&[(agent(1), at(11))]).await.unwrap();
    assert_eq!(read(store, agent(1)).await.left, None);
}

fn description() -> Describe {
    let handler = |kind: &str, idempotent, schema| HandlerInfo {
        kind: kind.into(),
        idempotent,
        schema,
    };
    Describe {
        host: "höst-1".into(),
        os: "Linux 6.1 'quoted' \"twice\"".into(),
        boot: "b00t".into(),
        version: "0.1.0".into(),
        labels: vec![
            ("zone".into(), "b".into()),
            ("rack".into(), String::new()),
            ("zone".into(), "a".into()),
        ],
        interval_ms: 9_223_372_036_854_775_807,
        handlers: vec![
            handler("shutdown", false, None),
            handler("reindex", true, Some(json(" {\"type\": \"object\"} "))),
        ],
    }
}

/// All that an agent says of itself is kept as it came, order and doubles too.
pub async fn describe_reads_back_equal(store: &dyn AgentStore) {
    let before = arrive(store, &arrival(1)).await;
    store.describe(agent(1), &description()).await.unwrap();
    let expected = AgentRecord {
        describe: description(),
        ..before
    };
    assert_eq!(read(store, agent(1)).await, expected);
}

/// The last word counts, whole.
pub async fn describe_replaces_what_was_said_before(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    let second = Describe {
        host: "other".into(),
        ..Describe::default()
    };
    for said in [description(), second] {
        store.describe(agent(1), &said).await.unwrap();
        assert_eq!(read(store, agent(1)).await.describe, said);
    }
}

/// Until an agent describes itself again, what it said before stands.
pub async fn an_arrival_keeps_the_description(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    store.describe(agent(1), &description()).await.unwrap();
    assert_eq!(arrive(store, &arrival(1)).await.describe, description());
}

/// Only an arrival makes a row.
pub async fn an_unknown_agent_stays_unknown(store: &dyn AgentStore) {
    store.describe(agent(1), &description()).await.unwrap();
    store.seen(&[(agent(1), NOW)]).await.unwrap();
    store.leave(agent(1), NOW).await.unwrap();
    assert_eq!(store.agent(agent(1)).await.unwrap(), None);
}

/// What was heard of many is written at once; unknown ones and none at all are no error.
pub async fn seen_takes_many_at_once(store: &dyn AgentStore) {
    store.seen(&[]).await.unwrap();
    for n in 1..=3 {
        arrive(store, &arrival(n)).await;
    }
    let heard = [
        (agent(1), at(1)),
        (agent(9), at(9)),
        (agent(3), at(5)),
        (agent(3), at(3)),
    ];
    store.seen(&heard).await.unwrap();
    for (n, expected) in [(1, at(1)), (2, NOW), (3, at(5))] {
        assert_eq!(read(store, agent(n)).await.last_seen, expected);
    }
}

/// Two connections of an agent at the same time are one agent.
pub async fn racing_arrivals_make_one_row(store: &dyn AgentStore) {
    let barrier = Barrier::new(4);
    let come = || {
        barrier.wait();
        block_on(store.arrive(&arrival(1))).unwrap().record.number
    };
    let numbers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(come)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(numbers.iter().all(|number| *number == numbers[0]));
}

/// Every server on a store seals sessions with the same key, whoever offered the first.
pub async fn the_first_session_key_stays(store: &dyn AgentStore) {
    let [first, second] = [1, 2].map(|n| SessionKey::from_bytes([n; 32]));
    for fresh in [first.clone(), second, first.clone()] {
        assert_eq!(store.session_key(fresh).await.unwrap(), first);
    }
}

/// What proved an agent is kept with its row, also when it comes on its own word after that.
pub async fn a_credential_says_since_when_and_with_which_labels(store: &dyn AgentStore) {
    let proven = |secs, value: &str| Arrival {
        credential: Some(CredentialRecord {
            verifier: verifier(1),
            agent: agent(1),
            token: 1,
            labels: vec![("zone".into(), value.into()), ("ü".into(), String::new())],
            created: at(secs),
            ended: None,
        }),
        ..arrival(1)
    };
    arrive(store, &arrival(1)).await;
    let first = proven(-5, "a");
    let expected = first.credential.clone().unwrap();
    for arrival in [first, arrival(1)] {
        let row = arrive(store, &arrival).await;
        assert_eq!(row.enrolled, Some(expected.created));
        assert_eq!(row.labels, expected.labels);
        assert_eq!(read(store, agent(1)).await, row);
    }
    let again = arrive(store, &proven(-3, "b")).await;
    assert_eq!(again.enrolled, Some(at(-3)));
    assert_eq!(again.labels[0].1, "b");
}

/// The limit is for new agents; a place that is free again is given again.
pub async fn one_agent_too_many_is_full_and_those_there_still_come(store: &dyn AgentStore) {
    let limited = |n| Arrival {
        most: Some(2),
        ..arrival(n)
    };
    for n in [1, 2, 1] {
        arrive(store, &limited(n)).await;
    }
    let error = store.arrive(&limited(3)).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    assert_eq!(store.agent(agent(3)).await.unwrap(), None);
    assert!(store.delete_agent(agent(1)).await.unwrap());
    arrive(store, &limited(3)).await;
    arrive(store, &arrival(4)).await;
}
