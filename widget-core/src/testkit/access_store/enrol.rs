//! Enrolments: who is let in, and what is left of whoever is not.

use std::sync::Barrier;

use futures_lite::future::block_on;

use super::{add, api, entries, entry, join, labels, token};
use crate::access::{Role, Scope};
use crate::store::{
    AccessStore, Action, CredentialRecord, Enrolled, Enrolment, NewToken, StoreErrorKind,
    TokenFault,
};
use crate::testkit::fixtures::{NOW, agent, at, verifier};

/// An agent with this credential shows this token.
fn enrolment(token: u8, credential: u8) -> Enrolment {
    Enrolment {
        token: verifier(token),
        credential: verifier(credential),
        agent: agent(credential),
        at: NOW,
        most: None,
        audit: entry(Action::AgentEnrol),
    }
}

async fn enrol(store: &dyn AccessStore, enrolment: &Enrolment) -> Enrolled {
    store.enrol(enrolment).await.unwrap()
}

async fn enrol_new(store: &dyn AccessStore, enrolment: &Enrolment) -> CredentialRecord {
    match enrol(store, enrolment).await {
        Enrolled::New(credential) => credential,
        other => panic!("{other:?}"),
    }
}

/// The credential has the id that was made for it and the labels of the token, and is found by both.
pub async fn an_enrolment_makes_a_credential_and_takes_a_use(store: &dyn AccessStore) {
    let added = add(store, join(1, 2)).await;
    let credential = enrol_new(store, &enrolment(1, 7)).await;
    let expected = CredentialRecord {
        verifier: verifier(7),
        agent: agent(7),
        token: added.number,
        labels: labels(),
        created: NOW,
        ended: None,
    };
    assert_eq!(credential, expected);
    let by_verifier = store.credential(&verifier(7)).await.unwrap();
    assert_eq!(by_verifier.as_ref(), Some(&expected));
    let by_agent = store.credential_of(agent(7)).await.unwrap();
    assert_eq!(by_agent, Some(expected));
    assert_eq!(store.credential_of(agent(1)).await.unwrap(), None);
    assert_eq!(store.credential(&verifier(1)).await.unwrap(), None);
    let token = token(store, 1).await;
    assert_eq!((token.uses_left, token.last_used), (Some(1), Some(NOW)));
}

/// Whoever lost the answer asks again, with another id made for it, and has the first answer, whatever
/// has become of the token.
pub async fn the_same_enrolment_again_takes_no_use(store: &dyn AccessStore) {
    let new = NewToken {
        expires: Some(at(10)),
        ..join(1, 1)
    };
    let number = add(store, new).await.number;
    let first = enrol_new(store, &enrolment(1, 7)).await;
    assert_eq!(token(store, 1).await.uses_left, Some(0));
    for secs in [1, 20] {
        let again = Enrolment {
            agent: agent(8),
            at: at(secs),
            ..enrolment(1, 7)
        };
        assert_eq!(enrol(store, &again).await, Enrolled::Again(first.clone()));
        let revoked = entry(Action::TokenRevoke);
        store.revoke(number, revoked).await.unwrap();
    }
    assert_eq!(token(store, 1).await.uses_left, Some(0));
    assert_eq!(store.credential_of(agent(8)).await.unwrap(), None);
}

fn race<T: Send>(each: impl Fn(u8) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=4)
            .map(|n| {
                let (barrier, each) = (&barrier, &each);
                scope.spawn(move || {
                    barrier.wait();
                    each(n)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// Of four who show a token for three at the same time, three are let in.
pub async fn uses_end_at_zero_whoever_races(store: &dyn AccessStore) {
    add(store, join(100, 3)).await;
    let enrolled = race(|n| block_on(enrol(store, &enrolment(100, n))));
    let new = |one: &&Enrolled| matches!(one, Enrolled::New(_));
    assert_eq!(enrolled.iter().filter(new).count(), 3);
    assert!(enrolled.contains(&Enrolled::Refused(TokenFault::UsedUp)));
    assert_eq!(token(store, 100).await.uses_left, Some(0));
}

/// The same enrolment four times at once, an id made for each, is one.
pub async fn racing_repeats_of_an_enrolment_take_one_use(store: &dyn AccessStore) {
    add(store, join(100, 3)).await;
    let enrolled = race(|n| {
        let one = Enrolment {
            agent: agent(n),
            ..enrolment(100, 7)
        };
        match block_on(enrol(store, &one)) {
            Enrolled::New(credential) | Enrolled::Again(credential) => credential,
            Enrolled::Refused(fault) => panic!("{fault}"),
        }
    });
    assert!(enrolled.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(token(store, 100).await.uses_left, Some(2));
}

/// Nothing is made, taken or written for one who is not let in.
pub async fn a_refused_enrolment_leaves_nothing(store: &dyn AccessStore) {
    let over = NewToken {
        expires: Some(NOW),
        ..join(1, 5)
    };
    add(store, over).await;
    let number = add(store, join(2, 5)).await.number;
    let revoked = entry(Action::TokenRevoke);
    store.revoke(number, revoked).await.unwrap();
    add(store, join(3, 0)).await;
    add(store, api(4, Role::Admin, Scope::default())).await;
    let before = entries(store).await;
    for (n, fault) in [
        (1, TokenFault::Expired),
        (2, TokenFault::Revoked),
        (3, TokenFault::UsedUp),
        (4, TokenFault::OtherPurpose),
        (5, TokenFault::Unknown),
    ] {
        let kept = store.token(&verifier(n)).await.unwrap();
        let refused = enrol(store, &enrolment(n, 7)).await;
        assert_eq!(refused, Enrolled::Refused(fault));
        assert_eq!(store.token(&verifier(n)).await.unwrap(), kept);
    }
    assert_eq!(store.credential(&verifier(7)).await.unwrap(), None);
    assert_eq!(store.credential_of(agent(7)).await.unwrap(), None);
    assert_eq!(entries(store).await, before);
}

/// A secret is that of one enrolment.
pub async fn a_credential_of_another_token_is_refused(store: &dyn AccessStore) {
    for n in [1, 2] {
        add(store, join(n, 1)).await;
    }
    let first = enrol_new(store, &enrolment(1, 7)).await;
    let refused = enrol(store, &enrolment(2, 7)).await;
    assert_eq!(refused, Enrolled::Refused(TokenFault::Credential));
    assert_eq!(token(store, 2).await.uses_left, Some(1));
    assert_eq!(store.credential(&verifier(7)).await.unwrap(), Some(first));
}

/// Not by its token either, and its end stays where it was.
pub async fn an_ended_credential_never_comes_back(store: &dyn AccessStore) {
    add(store, join(1, 5)).await;
    let good = enrol_new(store, &enrolment(1, 7)).await;
    let end = |secs| {
        let mut entry = entry(Action::AgentDelete);
        entry.at = at(secs);
        store.end_credential(agent(7), entry)
    };
    assert!(end(5).await.unwrap());
    assert!(!end(6).await.unwrap());
    let ended = CredentialRecord {
        ended: Some(at(5)),
        ..good
    };
    let refused = enrol(store, &enrolment(1, 7)).await;
    assert_eq!(refused, Enrolled::Refused(TokenFault::Credential));
    let kept = store.credential(&verifier(7)).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&ended));
    let kept = store.credential_of(agent(7)).await.unwrap();
    assert_eq!(kept, Some(ended));
    assert_eq!(token(store, 1).await.uses_left, Some(4));
}

/// Neither while its agent is there nor when its credential was ended.
pub async fn an_id_that_is_there_is_not_given_again(store: &dyn AccessStore) {
    add(store, join(1, 5)).await;
    enrol_new(store, &enrolment(1, 7)).await;
    for _ in 0..2 {
        let second = Enrolment {
            agent: agent(7),
            ..enrolment(1, 8)
        };
        let before = entries(store).await;
        let error = store.enrol(&second).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict);
        assert_eq!(token(store, 1).await.uses_left, Some(4));
        assert_eq!(store.credential(&verifier(8)).await.unwrap(), None);
        assert_eq!(entries(store).await, before);
        let deleted = entry(Action::AgentDelete);
        store.end_credential(agent(7), deleted).await.unwrap();
    }
}

/// Beyond the limit nobody is let in, until somebody's credential is ended; a repeat always is.
pub async fn one_agent_too_many_is_not_let_in(store: &dyn AccessStore) {
    add(store, join(1, 5)).await;
    let limited = |n| Enrolment {
        most: Some(2),
        ..enrolment(1, n)
    };
    for n in [1, 2] {
        enrol_new(store, &limited(n)).await;
    }
    let error = store.enrol(&limited(3)).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    assert_eq!(token(store, 1).await.uses_left, Some(3));
    assert_eq!(store.credential(&verifier(3)).await.unwrap(), None);
    let again = enrol(store, &limited(2)).await;
    assert!(matches!(again, Enrolled::Again(_)), "{again:?}");
    let deleted = entry(Action::AgentDelete);
    store.end_credential(agent(1), deleted).await.unwrap();
    enrol_new(store, &limited(3)).await;
}
