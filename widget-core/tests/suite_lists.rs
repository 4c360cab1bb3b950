//! The lists of the conformance suites name every case there is: one that is forgotten there
//! would never run.

/// The names of the cases in a source file.
fn cases(source: &str) -> Vec<&str> {
    let heads = ["pub async fn ", "pub fn "];
    source
        .lines()
        .filter_map(|line| heads.iter().find_map(|head| line.strip_prefix(head)))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect()
}

fn assert_listed(list: &str, sources: &[&str]) {
    for source in sources {
        let cases = cases(source);
        assert!(!cases.is_empty());
        for case in cases {
            let listed = list.lines().any(|line| line.trim() == format!("{case},"));
            assert!(listed, "{case} is missing in its suite");
        }
    }
}

macro_rules! source {
    ($path:literal) => {
        include_str!(concat!("../src/testkit/", $path))
    };
}

#[test]
fn every_case_of_the_task_store_is_listed() {
    let sources = [
        source!("task_store/admit.rs"),
        source!("task_store/change.rs"),
        source!("task_store/due.rs"),
        source!("task_store/insert.rs"),
        source!("task_store/lease.rs"),
        source!("task_store/list.rs"),
        source!("task_store/order.rs"),
        source!("task_store/output.rs"),
    ];
    assert_listed(source!("task_store/mod.rs"), &sources);
}

#[test]
fn every_case_of_the_agent_store_is_listed() {
    let sources = [
        source!("agent_store/host.rs"),
        source!("agent_store/list.rs"),
        source!("agent_store/row.rs"),
    ];
    assert_listed(source!("agent_store/mod.rs"), &sources);
}

#[test]
fn every_case_of_the_report_store_is_listed() {
    let sources = [
        source!("report_store/append.rs"),
        source!("report_store/keep.rs"),
        source!("report_store/read.rs"),
    ];
    assert_listed(source!("report_store/mod.rs"), &sources);
}

#[test]
fn every_case_of_the_access_store_is_listed() {
    let sources = [
        source!("access_store/audit.rs"),
        source!("access_store/enrol.rs"),
        source!("access_store/tokens.rs"),
    ];
    assert_listed(source!("access_store/mod.rs"), &sources);
}

#[test]
fn every_case_of_whole_stores_is_listed() {
    let sources = [source!("whole_store/effects.rs")];
    assert_listed(source!("whole_store/mod.rs"), &sources);
}

#[test]
fn every_case_of_codecs_and_runtimes_is_listed() {
    for source in [source!("codec.rs"), source!("runtime.rs")] {
        assert_listed(source, &[source]);
    }
}

#[test]
fn every_case_of_spools_is_listed() {
    let sources = [source!("spool/reports.rs"), source!("spool/tasks.rs")];
    assert_listed(source!("spool/mod.rs"), &sources);
}
