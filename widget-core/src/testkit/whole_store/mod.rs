//! What a [`WholeStore`](crate::store::WholeStore) promises beyond what its parts do, and the list of
//! its cases: [`audit_suite!`](crate::audit_suite).

pub mod effects;

/// Makes a test of each promise of a store that is all of them: effects on tasks and agents, and their
/// entries in the audit list, are one. Takes what makes a fresh one, as
/// [`task_store_suite!`](crate::task_store_suite) does.
#[macro_export]
macro_rules! audit_suite {
    ($fresh:expr) => {
        $crate::__store_cases! { $fresh, WholeStore, whole_store:
            effects [
                a_task_and_its_entry_are_there_together,
                a_repeated_insert_leaves_no_entry,
                a_task_too_many_leaves_no_entry,
                a_change_and_its_entry_are_there_together,
                a_conflict_leaves_no_entry,
                an_event_that_changes_nothing_leaves_no_entry,
                a_clone_and_its_entry_are_there_together,
                a_release_and_its_entry_are_there_together,
                whose_credential_has_ended_makes_no_row_again,
            ]
        }
    };
}
