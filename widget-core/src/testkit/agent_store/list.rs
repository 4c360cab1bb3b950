//! All agents: the order of the list, its pages, and how an agent leaves it for good.

use super::{arrival, arrive, read};
use crate::message::{Describe, HandlerInfo};
use crate::payload::Payload;
use crate::store::{AgentQuery, AgentStore, Arrival, PAGE_BYTES};
use crate::testkit::fixtures::{agent, at};

/// The first bytes of the ids, page by page.
async fn pages(store: &dyn AgentStore, limit: usize) -> Vec<Vec<u8>> {
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = store.agents(&AgentQuery { after, limit }).await.unwrap();
        assert!(page.agents.len() <= limit);
        pages.push(page.agents.iter().map(|a| a.id.as_bytes()[0]).collect());
        match page.next {
            Some(next) => after = next,
            None => return pages,
        }
    }
}

/// In the order of their first arrival, whatever came later, equal to what a read gives.
pub async fn agents_are_listed_by_number(store: &dyn AgentStore) {
    assert_eq!(pages(store, 10).await, [Vec::<u8>::new()]);
    for n in [5, 1, 3, 5] {
        arrive(store, &arrival(n)).await;
    }
    assert_eq!(pages(store, 10).await, [[5, 1, 3]]);
    let query = AgentQuery {
        after: 0,
        limit: 10,
    };
    let page = store.agents(&query).await.unwrap();
    assert_eq!(page.agents[1], read(store, agent(1)).await);
    assert!(page.agents.windows(2).all(|w| w[0].number < w[1].number));
}

/// Page after page gives each agent once, and only the last has no next.
pub async fn pages_give_each_agent_once(store: &dyn AgentStore) {
    for n in 1..=5 {
        arrive(store, &arrival(n)).await;
    }
    assert_eq!(pages(store, 2).await, [vec![1, 2], vec![3, 4], vec![5]]);
    assert_eq!(pages(store, 5).await, [vec![1, 2, 3, 4, 5]]);
}

/// A page carries only so much, however long the schemas are; the rest comes with the next ones.
pub async fn a_page_of_agents_ends_by_size_too(store: &dyn AgentStore) {
    let mut schema = vec![b' '; PAGE_BYTES / 4];
    schema.extend(b"true");
    let schema = Payload::from_json_text(schema);
    for n in 1..=6 {
        arrive(store, &arrival(n)).await;
        let handler = HandlerInfo {
            kind: "reindex".to_owned(),
            idempotent: false,
            schema: Some(schema.clone()),
        };
        let said = Describe {
            handlers: vec![handler],
            ..Describe::default()
        };
        store.describe(agent(n), &said).await.unwrap();
    }
    assert_eq!(pages(store, 10).await, [vec![1, 2, 3, 4], vec![5, 6]]);
}

/// Deleting says whether there was anything to delete.
pub async fn a_deleted_agent_is_gone(store: &dyn AgentStore) {
    assert!(!store.delete_agent(agent(1)).await.unwrap());
    arrive(store, &arrival(1)).await;
    assert!(store.delete_agent(agent(1)).await.unwrap());
    assert_eq!(store.agent(agent(1)).await.unwrap(), None);
    assert_eq!(pages(store, 10).await, [Vec::<u8>::new()]);
    assert!(!store.delete_agent(agent(1)).await.unwrap());
}

/// Nothing of the row before is left: times, version, epoch, description.
pub async fn a_deleted_agent_begins_anew(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    let said = Describe {
        host: "h".into(),
        labels: vec![("a".into(), "b".into())],
        ..Describe::default()
    };
    store.describe(agent(1), &said).await.unwrap();
    store.leave(agent(1), at(3)).await.unwrap();
    store.delete_agent(agent(1)).await.unwrap();
    let version_1 = Arrival {
        protocol: 1,
        epoch: None,
        at: at(2),
        ..arrival(1)
    };
    let row = arrive(store, &version_1).await;
    assert_eq!(
        (row.first_seen, row.last_seen, row.left),
        (at(2), at(2), None)
    );
    assert_eq!((row.protocol, row.epoch), (1, None));
    assert_eq!(row.describe, Describe::default());
}

/// A cursor into the list stays right: the number of a deleted agent is not given again.
pub async fn a_number_is_never_given_twice(store: &dyn AgentStore) {
    let mut last = 0;
    for _ in 0..3 {
        let number = arrive(store, &arrival(1)).await.number;
        assert!(number > last, "{number} after {last}");
        last = number;
        store.delete_agent(agent(1)).await.unwrap();
    }
}

/// Only the one that was named goes.
pub async fn deleting_leaves_other_agents_alone(store: &dyn AgentStore) {
    arrive(store, &arrival(1)).await;
    let other = arrive(store, &arrival(2)).await;
    store.delete_agent(agent(1)).await.unwrap();
    assert_eq!(read(store, agent(2)).await, other);
}
