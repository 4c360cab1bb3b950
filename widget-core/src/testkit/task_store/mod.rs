//! What a [`TaskStore`] promises, and the list of its cases:
//! [`task_store_suite!`](crate::task_store_suite).

pub mod admit;
pub mod change;
pub mod due;
pub mod insert;
pub mod lease;
pub mod list;
pub mod order;
pub mod output;

use crate::id::{AgentId, SpoolEpoch};
use crate::message::Held;
use crate::payload::{MAX_INPUT, Payload};
use crate::store::{
    Admission, Admitted, AppliedEvent, AppliedKind, LeaseRequest, Leased, PAGE_BYTES, TaskStore,
    TaskStoreExt,
};
use crate::task::{Actor, AgentEvent, Event, NewTask, StateName, Task};
use crate::testkit::fixtures::{NOW, agent, epoch, new_task};
use crate::time::Timestamp;

/// Makes a test of each promise of a task store. Takes what makes a fresh one: a closure or
/// function without arguments, whose future gives the store, or a tuple of the store and whatever
/// must live as long as it.
#[macro_export]
macro_rules! task_store_suite {
    ($fresh:expr) => {
        $crate::__store_cases! { $fresh, TaskStore, task_store:
            insert [
                an_inserted_task_reads_back_equal,
                input_bytes_are_kept_exactly,
                the_same_id_again_finds_the_first,
                an_unknown_id_is_none,
                a_key_finds_the_first_whatever_its_agent,
                while_pending_finds_an_unfinished_task_of_its_kind,
                while_pending_does_not_find_a_finished_task,
                racing_inserts_of_one_key_make_one_task,
                an_insert_ends_a_wake_up_registered_before,
                a_wake_up_is_registered_when_watch_is_called,
                a_ring_ends_only_the_wait_for_its_agent,
                extreme_times_and_priorities_read_back,
                one_task_too_many_is_full_and_a_repeat_is_not,
            ]
            change [
                every_phase_reads_back_equal,
                bytes_that_are_no_json_read_back_equal,
                each_change_counts_the_revision_and_adds_its_entry,
                a_change_at_the_wrong_revision_is_a_conflict_and_changes_nothing,
                a_change_of_an_unknown_task_is_not_found,
                a_change_without_evidence_leaves_what_is_there,
                a_change_rings_the_agents_bell,
                what_an_agent_says_of_its_tasks_does_not_wake_it_until_one_ends,
                a_whole_life_goes_through_apply,
                a_late_finish_is_kept_as_evidence,
                apply_to_an_unknown_task_is_none,
                apply_from_finds_the_agents_own_tasks_only,
                racing_changes_of_one_revision_have_one_winner,
                racing_cancel_and_accept_agree_on_one_winner,
                a_long_timeline_keeps_its_ends_and_says_what_is_left_out,
                failures_and_losses_read_back_with_their_causes,
            ]
            lease [
                a_lease_raises_the_attempt_and_gives_a_sequence,
                sequences_rise_for_each_agent_and_stay_on_a_second_lease,
                a_leased_task_not_named_is_handed_over_again,
                a_leased_task_named_is_not_handed_over_again,
                accepted_and_running_tasks_are_not_handed_out,
                tasks_of_other_agents_are_not_handed_out,
                an_epoch_that_was_not_admitted_is_replaced,
                an_epoch_that_was_replaced_gets_nothing,
                a_task_whose_ttl_has_passed_is_not_leased,
                naming_a_task_renews_its_word,
                an_ended_task_is_cancelled_at_the_agent,
                a_task_at_another_attempt_is_cancelled_at_the_agent,
                a_task_asked_to_cancel_is_cancelled_at_the_agent,
                an_unknown_task_is_cancelled_at_the_agent,
                another_agents_task_is_cancelled_at_the_agent,
                a_cancel_that_was_seen_is_not_repeated,
                no_room_still_gives_cancels,
                racing_leases_never_raise_an_attempt_twice,
            ]
            order [
                priority_goes_first_then_age,
                room_limits_the_number,
                bytes_limit_the_input_but_one_always_goes,
                a_task_handed_over_again_takes_room,
                not_before_holds_a_task_back_and_says_until_when,
                next_due_is_the_earliest,
                a_held_ordering_key_blocks_only_its_own_tasks,
                a_waiting_ordering_key_blocks_only_its_own_tasks,
                one_lease_gives_one_task_of_an_ordering_key,
                an_ordering_key_is_free_again_after_the_end,
                an_ordering_key_is_each_agents_own,
                a_kind_without_room_waits_and_others_go_on,
                room_of_a_kind_limits_that_kind_alone,
                a_task_that_waits_for_its_kind_holds_back_its_ordering_key,
                a_task_handed_over_again_takes_room_of_its_kind,
            ]
            output [
                nothing_written_is_none,
                what_a_handler_writes_is_kept_in_order,
                a_repeated_or_overlapping_chunk_adds_only_what_is_new,
                of_a_long_output_the_ends_are_kept,
                an_output_of_many_small_chunks_reads_back_whole,
                what_the_agent_left_out_is_counted,
                a_new_attempt_begins_its_output_anew,
                a_chunk_after_the_end_is_not_kept,
                a_chunk_of_a_change_that_failed_is_not_kept,
                outputs_of_two_tasks_stand_apart,
                odd_text_and_extreme_offsets_read_back_equal,
                an_output_goes_with_its_task,
            ]
            admit [
                a_first_admission_begins_at_sequence_zero,
                a_new_epoch_takes_back_what_was_leased,
                a_new_epoch_interrupts_what_may_have_started,
                a_new_epoch_requeues_what_is_idempotent,
                the_same_epoch_again_changes_nothing,
                an_admission_leaves_other_agents_alone,
                a_sequence_seen_that_was_given_changes_nothing,
                a_sequence_seen_above_the_stores_makes_a_new_store_epoch,
                after_a_restore_tasks_not_named_are_interrupted,
                after_a_restore_idempotent_tasks_are_requeued,
                after_a_restore_the_second_lease_is_an_ordinary_one,
                the_store_epoch_is_the_same_for_every_agent,
                a_sequence_of_another_store_says_nothing,
                an_agent_that_shows_an_earlier_epoch_is_noticed_too,
                a_second_restore_of_a_backup_is_noticed_by_the_lineage,
                an_epoch_that_only_an_agent_remembers_is_noticed,
                every_epoch_of_a_store_stays_known,
                after_a_restore_what_was_queued_later_is_an_ordinary_task,
                after_a_restore_a_reconnect_leaves_it_to_the_first_lease,
                after_a_restore_no_lack_of_room_hides_what_may_have_happened,
                after_a_restore_what_waits_is_not_given_again_though_it_is_named,
            ]
            due [
                a_queued_task_past_its_ttl_is_overdue,
                a_lease_past_its_end_is_overdue,
                an_accepted_task_is_overdue_after_no_word_and_ttl_and_timeout,
                a_running_task_is_overdue_after_no_word_and_timeout,
                an_ended_task_is_never_overdue,
                the_longest_overdue_comes_first_up_to_the_limit,
                overdue_tasks_that_an_agent_has_are_left_out_unless_asked_for,
                a_look_at_what_is_overdue_ends_by_size,
                prune_deletes_only_what_ended_before,
                prune_deletes_at_most_the_limit,
                prune_frees_the_idempotency_key,
            ]
            list [
                tasks_are_listed_newest_first,
                a_list_is_filtered_by_agent_and_states,
                pages_give_each_task_once,
                filtered_pages_give_each_task_once,
                a_task_inserted_between_pages_shifts_nothing,
                a_page_ends_by_size_too,
            ]
        }
    };
}

/// The agent of most cases, and its memory.
const ONE: AgentId = agent(1);
const TWO: AgentId = agent(2);
const EPOCH: SpoolEpoch = epoch(1);

async fn put(store: &dyn TaskStore, task: NewTask) -> Task {
    let inserted = store.insert(task).await.unwrap();
    assert!(inserted.new, "found instead of queued");
    inserted.task
}

async fn read(store: &dyn TaskStore, task: &Task) -> Task {
    store
        .task(task.id)
        .await
        .unwrap()
        .expect("the task is there")
}

async fn admit(store: &dyn TaskStore, agent: AgentId, epoch: SpoolEpoch) -> Admitted {
    let admission = Admission {
        agent,
        epoch,
        seen: None,
        now: NOW,
    };
    store.admit(&admission).await.unwrap()
}

/// A request with plenty of room.
fn request(agent: AgentId) -> LeaseRequest {
    LeaseRequest {
        agent,
        epoch: EPOCH,
        room: 32,
        bytes: 1 << 20,
        holding: Vec::new(),
        now: NOW,
        kinds: Vec::new(),
    }
}

fn held(task: &Task) -> Held {
    Held {
        task: task.id,
        attempt: task.state.attempt,
        cancel_seen: false,
    }
}

/// What the agent is given while it names these tasks.
async fn lease(store: &dyn TaskStore, agent: AgentId, holding: &[&Task]) -> Leased {
    let request = LeaseRequest {
        holding: holding.iter().map(|task| held(task)).collect(),
        ..request(agent)
    };
    store.lease(&request).await.unwrap()
}

/// Queues the task, admits its agent and leases it all that waits; gives the task as leased.
async fn put_leased(store: &dyn TaskStore, task: NewTask) -> Task {
    let (id, agent) = (task.id, task.agent);
    put(store, task).await;
    admit(store, agent, EPOCH).await;
    let leased = lease(store, agent, &[]).await.tasks;
    leased.into_iter().find(|task| task.id == id).unwrap()
}

async fn put_accepted(store: &dyn TaskStore, task: NewTask, idempotent: bool) -> Task {
    let task = put_leased(store, task).await;
    say(store, &task, AgentEvent::Accept { idempotent }).await
}

async fn put_running(store: &dyn TaskStore, task: NewTask, idempotent: bool) -> Task {
    let task = put_accepted(store, task, idempotent).await;
    say(store, &task, AgentEvent::Start).await
}

/// Of the tasks that [`put_large`] queues so many are a page.
const LARGE_ON_A_PAGE: usize = PAGE_BYTES / MAX_INPUT;

/// Queues so many tasks of the largest input.
async fn put_large(store: &dyn TaskStore, count: u8) {
    for n in 1..=count {
        let mut text = vec![b' '; MAX_INPUT - 1];
        text.push(b'1');
        let input = Payload::from_json_text(text);
        let task = NewTask {
            input,
            ..new_task(n, ONE)
        };
        put(store, task).await;
    }
}

async fn put_cancelled(store: &dyn TaskStore, task: NewTask, when: Timestamp) -> Task {
    let task = put(store, task).await;
    change(store, &task, &Event::Cancel, when).await
}

async fn apply(store: &dyn TaskStore, task: &Task, event: &Event, now: Timestamp) -> AppliedEvent {
    let applied = store.apply(task.id, event, Actor::Server, now).await;
    applied.unwrap().expect("the task is there")
}

/// Applies an event that must change the state.
async fn change(store: &dyn TaskStore, task: &Task, event: &Event, now: Timestamp) -> Task {
    let applied = apply(store, task, event, now).await;
    assert_eq!(applied.result, Ok(AppliedKind::Changed), "{event:?}");
    applied.task
}

/// The agent says something of its current attempt, and the state changes.
async fn say(store: &dyn TaskStore, task: &Task, what: AgentEvent) -> Task {
    change(store, task, &Event::Said(task.state.attempt, what), NOW).await
}

async fn name(store: &dyn TaskStore, task: &Task) -> StateName {
    read(store, task).await.state.name()
}

fn ids(tasks: &[Task]) -> Vec<u8> {
    tasks.iter().map(|task| task.id.as_bytes()[0]).collect()
}
