//! What a [`ReportStore`] promises, and the list of its cases:
//! [`report_store_suite!`](crate::report_store_suite).

pub mod append;
pub mod keep;
pub mod read;

/// Makes a test of each promise of a report store. Takes what makes a fresh one, as
/// [`task_store_suite!`](crate::task_store_suite) does.
#[macro_export]
macro_rules! report_store_suite {
    ($fresh:expr) => {
        $crate::__store_cases! { $fresh, ReportStore, report_store:
            append [
                reports_read_back_equal,
                extreme_values_read_back_equal,
                every_bit_of_a_cpu_value_is_kept,
                a_repeat_is_answered_the_same_and_stores_nothing,
                a_partial_repeat_stores_only_what_is_new,
                a_gap_is_answered_the_watermark_and_stores_nothing,
                an_empty_batch_is_answered_the_watermark,
                what_is_missing_counts_as_dropped,
                a_dropped_tail_moves_the_watermark,
                a_batch_of_drops_alone_moves_the_watermark,
                drops_count_once_under_repeats_and_overlap,
                two_epochs_have_a_watermark_each,
                two_agents_have_a_watermark_each,
                a_first_batch_may_begin_anywhere,
                a_first_batch_of_each_epoch_may_begin_anywhere,
                a_thinned_report_reads_back_equal,
                version_1_samples_are_numbered_by_the_server,
                version_1_numbers_are_each_agents_own,
                versions_1_and_2_of_an_agent_stand_side_by_side,
                racing_repeats_store_each_report_once,
            ]
            read [
                reports_are_ordered_by_time_whatever_their_order_of_arrival,
                equal_times_are_ordered_by_number,
                the_limit_keeps_the_newest,
                a_range_includes_its_start_and_not_its_end,
                an_empty_range_is_empty,
                everybodys_reports_come_in_one_order,
                an_unknown_agent_has_no_reports,
                numbers_are_unique_in_the_store,
                a_summary_equals_one_counted_by_hand,
                a_summary_of_nothing_is_empty,
                a_summary_weighs_a_thinned_report_by_its_samples,
                the_latest_is_the_one_that_came_last,
                the_latest_of_each_agent_comes_in_the_order_asked,
                the_latest_of_a_batch_is_its_last,
            ]
            keep [
                prune_goes_by_the_time_received,
                prune_deletes_at_most_the_limit,
                prune_counts_over_all_agents,
                a_pruned_report_does_not_come_back,
                the_latest_survives_the_pruning_of_older_ones,
                there_is_a_latest_while_there_is_any,
                drops_are_remembered_after_pruning,
                deleted_reports_are_gone_with_their_watermark,
                deleting_leaves_other_agents_alone,
            ]
        }
    };
}

use crate::id::AgentId;
use crate::report::Report;
use crate::store::{Appended, ReportBatch, ReportQuery, ReportStore, StoredReport};
use crate::testkit::fixtures::{NOW, agent, epoch, report};
use crate::time::Timestamp;

const ONE: AgentId = agent(1);
const TWO: AgentId = agent(2);

/// A batch of agent one: covers what is above `after` up to `through`, and carries these.
fn batch(after: u64, through: u64, reports: Vec<Report>) -> ReportBatch {
    ReportBatch {
        agent: ONE,
        epoch: epoch(1),
        after,
        through,
        reports,
        received: NOW,
    }
}

/// A batch of agent one that carries each number above `after` up to `through`, each taken as
/// many seconds after the start as its number.
fn whole(after: u64, through: u64) -> ReportBatch {
    let reports = (after + 1..=through).map(|seq| report(seq, i64::try_from(seq).unwrap()));
    batch(after, through, reports.collect())
}

async fn append(store: &dyn ReportStore, batch: ReportBatch) -> Appended {
    store.append(batch).await.unwrap()
}

fn appended(through: u64, stored: u64) -> Appended {
    Appended { through, stored }
}

/// Everything of the calendar.
fn always(agent: Option<AgentId>) -> ReportQuery {
    ReportQuery {
        before: None,
        agent,
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(253_402_300_800_000),
        limit: 10_000,
    }
}

async fn all(store: &dyn ReportStore, agent: AgentId) -> Vec<StoredReport> {
    store.reports(&always(Some(agent))).await.unwrap()
}

async fn seqs(store: &dyn ReportStore, agent: AgentId) -> Vec<u64> {
    let rows = all(store, agent).await;
    rows.iter().map(|row| row.report.seq).collect()
}

async fn dropped(store: &dyn ReportStore, agent: AgentId) -> u64 {
    store.latest(&[agent]).await.unwrap()[0].dropped
}
