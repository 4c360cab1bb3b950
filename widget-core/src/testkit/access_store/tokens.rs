//! Tokens: kept, found, listed, revoked.

use super::{add, api, entries, entry, join, labels, token};
use crate::access::{Role, Scope};
use crate::store::{
    AccessStore, Action, AuditEntry, NewToken, StoreErrorKind, TokenQuery, TokenRecord,
};
use crate::testkit::fixtures::{NOW, at, verifier};
use crate::time::Timestamp;

/// All of a token is kept as it came, whatever it is for.
pub async fn a_token_reads_back_equal(store: &dyn AccessStore) {
    let scope = Scope {
        labels: labels(),
        kinds: vec!["backup.*".into(), "*".into()],
    };
    let last = Timestamp::from_millis(i64::MAX);
    let mut tokens = vec![join(1, 0), join(2, u32::MAX)];
    tokens.extend((3..).zip(Role::ALL).map(|(n, role)| NewToken {
        expires: Some(last),
        ..api(n, role, scope.clone())
    }));
    tokens.push(api(9, Role::Viewer, Scope::default()));
    for new in tokens {
        let added = add(store, new.clone()).await;
        assert_eq!(added, new.clone().into_record(added.number));
        assert_eq!(store.token(&new.verifier).await.unwrap(), Some(added));
    }
}

/// No other value finds it.
pub async fn a_token_is_found_by_its_verifier_only(store: &dyn AccessStore) {
    add(store, join(1, 1)).await;
    let added = add(store, join(2, 1)).await;
    assert_eq!(token(store, 2).await.number, added.number);
    assert_eq!(store.token(&verifier(3)).await.unwrap(), None);
    assert_eq!(store.credential(&verifier(1)).await.unwrap(), None);
}

/// A second token with the verifier of one that is there is a conflict, and leaves nothing.
pub async fn a_verifier_is_kept_once(store: &dyn AccessStore) {
    let first = add(store, join(1, 1)).await;
    let again = api(1, Role::Admin, Scope::default());
    let again = store.add_token(again, entry(Action::TokenCreate)).await;
    assert_eq!(*again.unwrap_err().kind(), StoreErrorKind::Conflict);
    assert_eq!(token(store, 1).await, first);
    assert_eq!(entries(store).await.len(), 1);
}

async fn numbers(store: &dyn AccessStore, mut after: u64, limit: usize) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    loop {
        let query = TokenQuery { after, limit };
        let page = store.tokens(&query).await.unwrap();
        pages.push(page.tokens.iter().map(|token| token.number).collect());
        match page.next {
            Some(next) => after = next,
            None => return pages,
        }
    }
}

/// Numbers rise with each token.
pub async fn tokens_are_listed_by_number(store: &dyn AccessStore) {
    let mut added = Vec::new();
    for n in [5, 1, 3] {
        added.push(add(store, join(n, 1)).await.number);
    }
    assert!(added.is_sorted() && added[0] > 0);
    assert_eq!(numbers(store, 0, 10).await, [added]);
}

/// However they are cut.
pub async fn pages_give_each_token_once(store: &dyn AccessStore) {
    assert_eq!(numbers(store, 0, 2).await, [Vec::<u64>::new()]);
    let mut added = Vec::new();
    for n in 0..5 {
        added.push(add(store, join(n, 1)).await.number);
    }
    for limit in [1, 2, 5, 6] {
        let expected: Vec<Vec<u64>> = added.chunks(limit).map(<[u64]>::to_vec).collect();
        assert_eq!(numbers(store, 0, limit).await, expected, "{limit}");
    }
}

/// Revoked once, from the time of the entry; it is still found and listed.
pub async fn a_revoked_token_stays_in_the_list(store: &dyn AccessStore) {
    let added = add(store, join(1, 1)).await;
    let revoke = |secs| AuditEntry::new(at(secs), "x", "y", Action::TokenRevoke, "");
    assert!(store.revoke(added.number, revoke(5)).await.unwrap());
    assert!(!store.revoke(added.number, revoke(6)).await.unwrap());
    assert!(!store.revoke(added.number + 1, revoke(6)).await.unwrap());
    let revoked = TokenRecord {
        revoked: Some(at(5)),
        ..added
    };
    assert_eq!(token(store, 1).await, revoked);
    let all = TokenQuery {
        after: 0,
        limit: 10,
    };
    assert_eq!(store.tokens(&all).await.unwrap().tokens, [revoked]);
}

/// Whatever order the words come in.
pub async fn last_used_never_goes_back(store: &dyn AccessStore) {
    let number = add(store, join(1, 1)).await.number;
    add(store, join(2, 1)).await;
    store.tokens_used(&[]).await.unwrap();
    for (secs, expected) in [(10, 10), (5, 10), (20, 20)] {
        let used = [(number, at(secs)), (99, NOW)];
        store.tokens_used(&used).await.unwrap();
        assert_eq!(token(store, 1).await.last_used, Some(at(expected)));
    }
    assert_eq!(token(store, 2).await.last_used, None);
}
