//! The audit list: what is written, in which order, and how it is read.

use super::{add, entries, entry, join};
use crate::store::{
    AccessStore, Action, AuditEntry, AuditOrder, AuditQuery, AuditRecord, Enrolled, Enrolment,
};
use crate::testkit::fixtures::{NOW, agent, at, verifier};
use crate::time::Timestamp;

fn enrolment() -> Enrolment {
    Enrolment {
        token: verifier(1),
        credential: verifier(7),
        agent: agent(7),
        at: NOW,
        most: None,
        audit: entry(Action::AgentEnrol),
    }
}

/// One entry for each, which names the token and the agent.
pub async fn each_effect_has_its_entry(store: &dyn AccessStore) {
    let number = add(store, join(1, 2)).await.number;
    store.enrol(&enrolment()).await.unwrap();
    let revoked = entry(Action::TokenRevoke);
    store.revoke(number, revoked).await.unwrap();
    // The entry of a deletion is written whether there was a good credential or not.
    let deleted = entry(Action::AgentDelete).of_agent(agent(7));
    for _ in 0..2 {
        let ended = store.end_credential(agent(7), deleted.clone());
        ended.await.unwrap();
    }
    let note = entry(Action::Denied).by_token(number);
    store.note(note.clone()).await.unwrap();
    let mut enrolled = entry(Action::AgentEnrol)
        .by_token(number)
        .of_agent(agent(7));
    enrolled.target = agent(7).to_string();
    let expected = [
        entry(Action::TokenCreate).to_token(number),
        enrolled,
        entry(Action::TokenRevoke).to_token(number),
        deleted.clone(),
        deleted,
        note,
    ];
    let written: Vec<_> = entries(store).await.into_iter().map(|r| r.entry).collect();
    assert_eq!(written, expected);
}

/// A second revocation and a repeated enrolment.
pub async fn what_changes_nothing_has_no_entry(store: &dyn AccessStore) {
    let number = add(store, join(1, 2)).await.number;
    for _ in 0..2 {
        store.enrol(&enrolment()).await.unwrap();
        let revoked = entry(Action::TokenRevoke);
        store.revoke(number, revoked).await.unwrap();
    }
    let again = store.enrol(&enrolment()).await.unwrap();
    assert!(matches!(again, Enrolled::Again(_)), "{again:?}");
    assert_eq!(entries(store).await.len(), 3);
}

/// Odd texts, extreme numbers, and an action of another version.
pub async fn an_entry_reads_back_equal(store: &dyn AccessStore) {
    let odd = "'\"; -- \u{0}\u{1b}[31m\u{202e}ü🦀";
    let first = Timestamp::from_millis(i64::MIN);
    let bare = AuditEntry::new(first, "", "", Action::SignIn, "");
    let full = AuditEntry::new(at(1), odd, odd, Action::from("planet.move"), odd)
        .by_token(u64::MAX)
        .of_agent(agent(255))
        .changing(Some(odd), Some("{\"a\":1}"));
    let half = bare.clone().changing(None, Some(""));
    let mut all = vec![bare, full, half];
    all.extend(Action::ALL.map(entry));
    for entry in &all {
        store.note(entry.clone()).await.unwrap();
    }
    let written: Vec<_> = entries(store).await.into_iter().map(|r| r.entry).collect();
    assert_eq!(written, all);
}

async fn noted(store: &dyn AccessStore, count: i64) -> Vec<AuditRecord> {
    for secs in 0..count {
        // Their times are whatever the clock says, and it may be set.
        let note = AuditEntry::new(at(-secs), "x", "y", Action::SignIn, &secs.to_string());
        store.note(note).await.unwrap();
    }
    let written = entries(store).await;
    let targets = written.iter().map(|record| record.entry.target.clone());
    let expected: Vec<_> = (0..count).map(|secs| secs.to_string()).collect();
    assert_eq!(targets.collect::<Vec<_>>(), expected);
    written
}

/// Numbers rise, whatever the times are.
pub async fn entries_come_in_the_order_of_their_commits(store: &dyn AccessStore) {
    let written = noted(store, 5).await;
    assert!(written.windows(2).all(|two| two[0].number < two[1].number));
    let newest = AuditQuery {
        limit: 5,
        ..AuditQuery::default()
    };
    let mut newest = store.audit(&newest).await.unwrap().entries;
    newest.reverse();
    assert_eq!(newest, written);
}

async fn pages(store: &dyn AccessStore, mut query: AuditQuery) -> Vec<Vec<AuditRecord>> {
    let mut pages = Vec::new();
    loop {
        let page = store.audit(&query).await.unwrap();
        pages.push(page.entries);
        match page.next {
            Some(next) => query.past = Some(next),
            None => return pages,
        }
    }
}

/// In both orders and however they are cut, also while others are added.
pub async fn pages_of_the_list_give_each_entry_once(store: &dyn AccessStore) {
    let mut expected = noted(store, 5).await;
    for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
        for limit in [1, 2, 5, 6] {
            let query = AuditQuery {
                order,
                limit,
                ..AuditQuery::default()
            };
            let cut: Vec<Vec<_>> = expected.chunks(limit).map(<[_]>::to_vec).collect();
            assert_eq!(pages(store, query).await, cut, "{order:?} {limit}");
        }
        expected.reverse();
    }
    let mut query = AuditQuery {
        limit: 3,
        ..AuditQuery::default()
    };
    query.past = store.audit(&query).await.unwrap().next;
    store.note(entry(Action::SignOut)).await.unwrap();
    let rest = store.audit(&query).await.unwrap();
    assert_eq!(
        (rest.entries, rest.next),
        (expected[..2].iter().rev().cloned().collect(), None)
    );
    // Whoever has all of it asks for what came since.
    let since = AuditQuery {
        order: AuditOrder::OldestFirst,
        past: expected.last().map(|record| record.number),
        limit: 9,
        ..AuditQuery::default()
    };
    let since = store.audit(&since).await.unwrap().entries;
    assert_eq!(since[0].entry, entry(Action::SignOut));
    assert_eq!(since.len(), 1);
}

/// By each alone and by all together; pages count what fits.
pub async fn a_list_is_filtered_by_who_action_and_target(store: &dyn AccessStore) {
    let words = ["a", "b"];
    let actions = [Action::SignIn, Action::from("planet.move")];
    for n in 0..16 {
        let word = |bit: usize| words[n >> bit & 1];
        let action = actions[n >> 1 & 1].clone();
        let note = AuditEntry::new(NOW, word(0), "", action, word(2));
        store.note(note).await.unwrap();
    }
    for (who, action, target) in [
        (Some("a"), None, None),
        (None, Some(&actions[1]), None),
        (None, None, Some("b")),
        (Some("b"), Some(&actions[0]), None),
        (Some("a"), Some(&actions[1]), Some("b")),
        (Some("c"), None, None),
        (None, Some(&Action::SignOut), None),
    ] {
        for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
            let query = AuditQuery {
                order,
                who: who.map(str::to_owned),
                action: action.cloned(),
                target: target.map(str::to_owned),
                limit: 3,
                ..AuditQuery::default()
            };
            let mut expected = entries(store).await;
            expected.retain(|record| query.wants(&record.entry));
            if order == AuditOrder::NewestFirst {
                expected.reverse();
            }
            let found = pages(store, query.clone()).await;
            assert!(found.iter().all(|page| page.len() <= 3));
            assert_eq!(found.concat(), expected, "{query:?}");
        }
    }
}

/// Whatever their order: the clock that they have may have been set back.
pub async fn a_list_since_a_time_has_all_of_that_time_and_later(store: &dyn AccessStore) {
    for secs in [3, 1, 2, 1, 4] {
        let note = AuditEntry::new(at(secs), "x", "", Action::SignIn, "");
        store.note(note).await.unwrap();
    }
    for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
        let query = AuditQuery {
            order,
            since: Some(at(2)),
            limit: 2,
            ..AuditQuery::default()
        };
        let found = pages(store, query).await.concat();
        let mut found: Vec<_> = found.iter().map(|record| record.entry.at).collect();
        if order == AuditOrder::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, [at(3), at(2), at(4)], "{order:?}");
    }
}
