//! What an [`AgentStore`] promises, and the list of its cases:
//! [`agent_store_suite!`](crate::agent_store_suite).

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
            ]
            list [
                agents_are_listed_by_number,
                pages_give_each_agent_once,
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
    Arrival {
        agent: agent(n),
        protocol: 2,
        transport: "tcp".into(),
        epoch: Some(epoch(n)),
        at: NOW,
    }
}

async fn arrive(store: &dyn AgentStore, arrival: &Arrival) -> AgentRecord {
    store.arrive(arrival).await.unwrap()
}

async fn read(store: &dyn AgentStore, agent: AgentId) -> AgentRecord {
    store
        .agent(agent)
        .await
        .unwrap()
        .expect("the agent is known")
}
