//! The conformance suites of the four stores, on fresh databases.

use tempfile::TempDir;
use widget_store_sqlite::{SqliteOptions, SqliteStore};

async fn fresh() -> (SqliteStore, TempDir) {
    let directory = TempDir::new().expect("a directory");
    let store = SqliteStore::open(&SqliteOptions::new(directory.path())).expect("a store");
    (store, directory)
}

mod agents {
    widget_core::agent_store_suite!(super::fresh);
}

mod tasks {
    widget_core::task_store_suite!(super::fresh);
}

mod reports {
    widget_core::report_store_suite!(super::fresh);
}

mod access {
    widget_core::access_store_suite!(super::fresh);
}

mod audit {
    widget_core::audit_suite!(super::fresh);
}
