//! What an [`AgentStore`] promises, and the list of its cases:
//! [`agent_store_suite!`](crate::agent_store_suite).

pub mod host;
pub mod list;
pub mod row;

/// Makes a test of each promise of an agent store. Takes what makes a fresh one, as
/// [`task_store_suite!`](crate::task_store_suite) does.
#[macro_export]
macro_rules! agent_store_suite {
    ($fresh:expr) => {
        $crate::__store_cases! { $fresh, AgentStore, agent_store:
            row [
                a_first_arrival_makes_a_row,
                first_seen_and_number_stay,
                an_arrival_renews_transport_and_epoch,
                once_version_2_stays_version_2,
                an_arrival_without_an_epoch_keeps_the_one_known,
                last_seen_never_goes_back,
                a_goodbye_is_kept_until_an_arrival,
                a_goodbye_is_kept_until_the_agent_is_seen_after_it,
                describe_reads_back_equal,
                describe_replaces_what_was_said_before,
                an_arrival_keeps_the_description,
                an_unknown_agent_stays_unknown,
                seen_takes_many_at_once,
                racing_arrivals_make_one_row,
                the_first_session_key_stays,
                a_credential_says_since_when_and_with_which_labels,
                one_agent_too_many_is_full_and_those_there_still_come,
            ]
            host [
                an_arrival_without_a_host_says_nothing_of_it,
                a_reboot_is_no_clone,
                a_move_is_no_clone,
                two_machines_at_once_mark_the_agent,
                a_host_that_comes_back_marks_the_agent,
                a_host_of_long_ago_is_forgotten,
                a_release_takes_the_mark_and_keeps_one_host,
                hosts_go_with_their_agent,
            ]
            list [
                agents_are_listed_by_number,
                pages_give_each_agent_once,
                a_page_of_agents_ends_by_size_too,
                a_deleted_agent_is_gone,
                a_deleted_agent_begins_anew,
                a_number_is_never_given_twice,
                deleting_leaves_other_agents_alone,
            ]
        }
    };
}

use crate::id::AgentId;
use crate::store::{AgentRecord, AgentStore, Arrival};
use crate::testkit::fixtures::{NOW, agent, epoch};

fn arrival(n: u8) -> Arrival {
    Arrival::new(agent(n), 2, "tcp", Some(epoch(n)), NOW)
}

async fn arrive(store: &dyn AgentStore, arrival: &Arrival) -> AgentRecord {
    store.arrive(arrival).await.unwrap().record
}

async fn read(store: &dyn AgentStore, agent: AgentId) -> AgentRecord {
    store
        .agent(agent)
        .await
        .unwrap()
        .expect("the agent is known")
}
