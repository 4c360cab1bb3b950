//! Tests of how SQLite goes about the statements that are run again and again: by an index, never
//! through a whole table.

use rusqlite::Connection;
use widget_core::id::AgentId;
use widget_core::store::{Action, AuditOrder, AuditQuery, TaskQuery};
use widget_core::task::StateName;

use crate::options::SqliteOptions;
use crate::{
    access, agents, audit, connect, counts, lease, output, prune, reports, rows, sightings, tasks,
};

fn database() -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::default();
    let connection = connect::writer(&directory.path().join("widget.db"), &options).unwrap();
    (directory, connection)
}

/// The steps of the plan; the statement's parameters are left unset, as planning is without them.
fn plan(connection: &Connection, statement: &str) -> Vec<String> {
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .unwrap();
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

#[track_caller]
fn assert_plan(connection: &Connection, statement: &str, index: &str) {
    let steps = plan(connection, statement);
    assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
    let walks = |step: &String| {
        let table = step.strip_prefix("SCAN ").unwrap_or_default();
        [
            "tasks",
            "reports",
            "timeline",
            "arrivals",
            "agents",
            "output",
            "tokens",
            "credentials",
            "sightings",
            "audit",
            "counts",
        ]
        .iter()
        .any(|name| table.starts_with(name))
    };
    assert!(!steps.iter().any(walks), "{steps:?}");
}

#[test]
fn leases_read_only_the_tasks_that_wait_or_are_held_and_need_no_sorting() {
    let (_directory, connection) = database();
    for (statement, index) in [(lease::QUEUED, "tasks_queued"), (lease::HELD, "tasks_held")] {
        assert_plan(&connection, statement, index);
        let steps = plan(&connection, statement);
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }
}

#[test]
fn tasks_are_found_by_id_key_due_time_and_end() {
    let (_directory, connection) = database();
    assert_plan(&connection, tasks::BY_ID, "(id=?)");
    assert_plan(&connection, tasks::BY_NUMBER, "INTEGER PRIMARY KEY");
    assert_plan(&connection, tasks::BY_KEY, "tasks_by_key");
    assert_plan(&connection, tasks::PENDING, "tasks_held");
    assert_plan(&connection, tasks::PENDING, "tasks_queued");
    assert_plan(&connection, tasks::OVERDUE, "tasks_due");
    assert_plan(&connection, tasks::OVERDUE_NAMED, "tasks_due");
    assert_plan(&connection, tasks::PRUNE, "tasks_finished");
    assert_plan(&connection, tasks::UPDATE, "INTEGER PRIMARY KEY");
    assert_plan(&connection, rows::TIMELINE, "PRIMARY KEY");
    assert_plan(&connection, rows::ADD_ENTRY, "PRIMARY KEY");
    assert_plan(&connection, rows::FORGET_ENTRY, "PRIMARY KEY");
}

#[test]
fn outputs_are_added_to_and_trimmed_without_reading_them() {
    let (_directory, connection) = database();
    assert_plan(&connection, output::EXTENT, "INTEGER PRIMARY KEY");
    for statement in [output::LAST, output::PARTS, output::TRIM, output::EXTEND] {
        assert_plan(&connection, statement, "PRIMARY KEY (task=?");
        let steps = plan(&connection, statement);
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }
}

#[test]
fn lists_of_tasks_go_by_number_agent_or_what_is_unfinished() {
    let (_directory, connection) = database();
    let mut query = TaskQuery {
        agent: None,
        states: Vec::new(),
        before: None,
        limit: 10,
    };
    assert_plan(&connection, &tasks::list(&query).0, "INTEGER PRIMARY KEY");
    query.states = vec![StateName::Queued, StateName::Running];
    assert_plan(&connection, &tasks::list(&query).0, "tasks_due");
    query.agent = Some(AgentId::from_u128(1));
    for index in ["tasks_queued", "tasks_held", "INTEGER PRIMARY KEY"] {
        assert_plan(&connection, &tasks::list(&query).0, index);
    }
    query.states = vec![StateName::Queued, StateName::Failed];
    assert_plan(&connection, &tasks::list(&query).0, "tasks_of_agent");
}

#[test]
fn reports_are_read_along_their_primary_key() {
    let (_directory, connection) = database();
    for statement in [
        reports::NEWEST,
        reports::SPAN,
        reports::LATEST,
        prune::OLD,
        prune::DELETE,
    ] {
        assert_plan(&connection, statement, "PRIMARY KEY (reporter=?");
    }
    assert_plan(&connection, reports::DROPPED, "(reporter=?)");
    assert_plan(&connection, prune::PAST, "PRIMARY KEY (received_span<?)");
    assert_plan(&connection, prune::BORDER, "PRIMARY KEY (received_span=?)");
    let steps = plan(&connection, reports::NEWEST);
    assert!(
        !steps.iter().any(|step| step.contains("TEMP B-TREE")),
        "{steps:?}"
    );
}

#[test]
fn agents_are_found_by_id_and_listed_by_number() {
    let (_directory, connection) = database();
    assert_plan(&connection, agents::ONE, "(id=?)");
    assert_plan(&connection, agents::PAGE, "INTEGER PRIMARY KEY (rowid>?)");
    assert_plan(&connection, agents::ENDED, "(agent=?)");
    assert_plan(&connection, agents::HEARD, "(id=?)");
    assert_plan(&connection, agents::RELEASE, "(id=?)");
}

#[test]
fn hosts_are_found_by_their_agent() {
    let (_directory, connection) = database();
    for statement in [sightings::KNOWN, sightings::FORGET] {
        assert_plan(&connection, statement, "PRIMARY KEY (agent=?)");
    }
    assert_plan(&connection, sightings::MARK, "INTEGER PRIMARY KEY");
    let steps = plan(&connection, sightings::KNOWN);
    assert!(
        !steps.iter().any(|step| step.contains("TEMP B-TREE")),
        "{steps:?}"
    );
}

#[test]
fn tokens_and_credentials_are_found_by_verifier_number_and_agent() {
    let (_directory, connection) = database();
    assert_plan(&connection, access::TOKEN, "(verifier=?)");
    assert_plan(&connection, access::TOKENS, "(rowid>?)");
    assert_plan(&connection, access::REVOKE, "(rowid=?)");
    assert_plan(&connection, access::USED, "(rowid=?)");
    assert_plan(&connection, access::CREDENTIAL, "(verifier=?)");
    assert_plan(&connection, access::CREDENTIAL_OF, "(agent=?)");
    assert_plan(&connection, access::END, "(agent=?)");
}

#[test]
fn the_audit_list_goes_by_number_or_whom_and_what_it_is_about() {
    let (_directory, connection) = database();
    for order in [AuditOrder::NewestFirst, AuditOrder::OldestFirst] {
        let all = AuditQuery {
            order,
            limit: 10,
            ..AuditQuery::default()
        };
        let who = AuditQuery {
            who: Some(String::new()),
            ..all.clone()
        };
        let target = AuditQuery {
            target: Some(String::new()),
            action: Some(Action::SignIn),
            ..all.clone()
        };
        for (query, index) in [
            (&all, "INTEGER PRIMARY KEY"),
            (&who, "audit_by_who"),
            (&target, "audit_of_target"),
        ] {
            let statement = audit::list(query).0;
            assert_plan(&connection, &statement, index);
            let steps = plan(&connection, &statement);
            let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
            assert!(!sorts, "{steps:?}");
        }
    }
}

#[test]
fn what_has_a_limit_is_counted_without_its_rows() {
    let (_directory, connection) = database();
    for statement in [counts::COUNT, counts::TAKE, counts::FORGET] {
        assert_plan(&connection, statement, "(what=? AND agent=?)");
    }
}
