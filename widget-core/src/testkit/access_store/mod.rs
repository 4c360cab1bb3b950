//! What an [`AccessStore`] promises, and the list of its cases:
//! [`access_store_suite!`](crate::access_store_suite).

pub mod audit;
pub mod enrol;
pub mod tokens;

use crate::access::{Role, Scope};
use crate::store::{
    AccessStore, Action, AuditEntry, AuditOrder, AuditQuery, AuditRecord, NewToken, Purpose,
    TokenRecord,
};
use crate::testkit::fixtures::{NOW, verifier};

/// Makes a test of each promise of a store of who may come in. Takes what makes a fresh one, as
/// [`task_store_suite!`](crate::task_store_suite) does.
#[macro_export]
macro_rules! access_store_suite {
    ($fresh:expr) => {
        $crate::__store_cases! { $fresh, AccessStore, access_store:
            tokens [
                a_token_reads_back_equal,
                a_token_is_found_by_its_verifier_only,
                a_verifier_is_kept_once,
                tokens_are_listed_by_number,
                pages_give_each_token_once,
                a_revoked_token_stays_in_the_list,
                last_used_never_goes_back,
            ]
            enrol [
                an_enrolment_makes_a_credential_and_takes_a_use,
                the_same_enrolment_again_takes_no_use,
                uses_end_at_zero_whoever_races,
                racing_repeats_of_an_enrolment_take_one_use,
                a_refused_enrolment_leaves_nothing,
                a_credential_of_another_token_is_refused,
                an_ended_credential_never_comes_back,
                an_id_that_is_there_is_not_given_again,
                one_agent_too_many_is_not_let_in,
            ]
            audit [
                each_effect_has_its_entry,
                what_changes_nothing_has_no_entry,
                an_entry_reads_back_equal,
                entries_come_in_the_order_of_their_commits,
                pages_of_the_list_give_each_entry_once,
                a_list_is_filtered_by_who_action_and_target,
                a_list_since_a_time_has_all_of_that_time_and_later,
            ]
        }
    };
}

fn labels() -> Vec<(String, String)> {
    vec![
        ("zone".into(), "ä".into()),
        ("rack".into(), String::new()),
        ("zone".into(), "'b'".into()),
    ]
}

fn join(n: u8, uses: u32) -> NewToken {
    NewToken {
        verifier: verifier(n),
        purpose: Purpose::Join {
            uses,
            labels: labels(),
        },
        name: "für \"alle\"".into(),
        by: "local:0".into(),
        at: NOW,
        expires: None,
    }
}

fn api(n: u8, role: Role, scope: Scope) -> NewToken {
    NewToken {
        purpose: Purpose::Api { role, scope },
        ..join(n, 1)
    }
}

fn entry(action: Action) -> AuditEntry {
    AuditEntry::new(NOW, "local:0", "this host", action, "")
}

async fn add(store: &dyn AccessStore, token: NewToken) -> TokenRecord {
    let added = store.add_token(token, entry(Action::TokenCreate)).await;
    added.unwrap()
}

async fn token(store: &dyn AccessStore, n: u8) -> TokenRecord {
    let token = store.token(&verifier(n)).await.unwrap();
    token.expect("the token is there")
}

/// All entries, the oldest first.
async fn entries(store: &dyn AccessStore) -> Vec<AuditRecord> {
    let query = AuditQuery {
        order: AuditOrder::OldestFirst,
        limit: usize::MAX,
        ..AuditQuery::default()
    };
    store.audit(&query).await.unwrap().entries
}
