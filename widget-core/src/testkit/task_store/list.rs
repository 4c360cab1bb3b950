//! Lists of tasks: their order, their filters, their pages.

use super::{LARGE_ON_A_PAGE, ONE, TWO, ids, put, put_cancelled, put_large, put_leased};
use crate::store::{TaskQuery, TaskStore};
use crate::task::{NewTask, StateName};
use crate::testkit::fixtures::{NOW, at, new_task};

const ALL: TaskQuery = TaskQuery {
    agent: None,
    states: Vec::new(),
    before: None,
    limit: 100,
};

/// The numbers of all tasks that the query finds, page by page.
async fn pages(store: &dyn TaskStore, query: &TaskQuery) -> Vec<Vec<u8>> {
    let (mut query, mut pages) = (query.clone(), Vec::new());
    loop {
        let page = store.tasks(&query).await.unwrap();
        assert!(page.tasks.len() <= query.limit);
        pages.push(ids(&page.tasks));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return pages,
        }
    }
}

/// What was inserted last comes first, whatever its id or time, equal to what a read gives.
pub async fn tasks_are_listed_newest_first(store: &dyn TaskStore) {
    for n in [5, 1, 3] {
        let task = NewTask {
            created: at(-i64::from(n)),
            ..new_task(n, ONE)
        };
        put(store, task).await;
    }
    let leased = put_leased(store, new_task(2, TWO)).await;
    let page = store.tasks(&ALL).await.unwrap();
    assert_eq!(ids(&page.tasks), [2, 3, 1, 5]);
    assert_eq!(page.tasks[0], leased);
    assert_eq!(page.next, None);
}

/// Each filter alone and both together.
pub async fn a_list_is_filtered_by_agent_and_states(store: &dyn TaskStore) {
    put_leased(store, new_task(1, ONE)).await;
    put(store, new_task(2, TWO)).await;
    put_cancelled(store, new_task(3, ONE), NOW).await;
    put(store, new_task(4, ONE)).await;
    let find = async |agent, states: &[StateName]| {
        let query = TaskQuery {
            agent,
            states: states.to_vec(),
            ..ALL
        };
        pages(store, &query).await.concat()
    };
    let (queued, leased) = (StateName::Queued, StateName::Leased);
    assert_eq!(find(None, &[]).await, [4, 3, 2, 1]);
    assert_eq!(find(Some(ONE), &[]).await, [4, 3, 1]);
    assert_eq!(find(None, &[queued]).await, [4, 2]);
    assert_eq!(find(None, &[leased, StateName::Cancelled]).await, [3, 1]);
    assert_eq!(find(Some(ONE), &[queued, leased]).await, [4, 1]);
    assert!(find(Some(TWO), &[leased]).await.is_empty());
}

/// Page after page gives each task once, and only the last has no next.
pub async fn pages_give_each_task_once(store: &dyn TaskStore) {
    for n in 1..=7 {
        put(store, new_task(n, ONE)).await;
    }
    let by = |limit| TaskQuery { limit, ..ALL };
    assert_eq!(
        pages(store, &by(3)).await,
        [vec![7, 6, 5], vec![4, 3, 2], vec![1]]
    );
    assert_eq!(pages(store, &by(7)).await.len(), 1);
    assert_eq!(pages(store, &by(1)).await.len(), 7);
}

/// A page carries only so much, however large its tasks are; the rest comes with the next ones.
pub async fn a_page_ends_by_size_too(store: &dyn TaskStore) {
    put_large(store, 40).await;
    let pages = pages(store, &ALL).await;
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    let (whole, rest) = (LARGE_ON_A_PAGE, 40 % LARGE_ON_A_PAGE);
    assert_eq!(sizes, [whole, whole, rest]);
    let expected: Vec<u8> = (1..=40).rev().collect();
    assert_eq!(pages.concat(), expected);
}

/// Filters hold on every page.
pub async fn filtered_pages_give_each_task_once(store: &dyn TaskStore) {
    for n in 1..=9 {
        let agent = if n % 2 == 0 { TWO } else { ONE };
        put(store, new_task(n, agent)).await;
    }
    let query = TaskQuery {
        agent: Some(ONE),
        states: vec![StateName::Queued],
        limit: 2,
        ..ALL
    };
    let expected = [vec![9, 7], vec![5, 3], vec![1]];
    assert_eq!(pages(store, &query).await, expected);
}

/// A cursor is a place in the list, not a count.
pub async fn a_task_inserted_between_pages_shifts_nothing(store: &dyn TaskStore) {
    for n in 1..=4 {
        put(store, new_task(n, ONE)).await;
    }
    let first = TaskQuery { limit: 2, ..ALL };
    let page = store.tasks(&first).await.unwrap();
    assert_eq!(ids(&page.tasks), [4, 3]);
    put(store, new_task(5, ONE)).await;
    let second = TaskQuery {
        before: page.next,
        ..first
    };
    assert_eq!(ids(&store.tasks(&second).await.unwrap().tasks), [2, 1]);
}
