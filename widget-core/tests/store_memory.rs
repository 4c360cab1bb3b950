//! The conformance suites on [`MemoryStore`](widget_core::store::MemoryStore).
#![cfg(feature = "testkit")]

use widget_core::store::MemoryStore;
use widget_core::testkit::fixtures::store_epoch;

async fn fresh() -> MemoryStore {
    MemoryStore::new(store_epoch(7))
}

mod tasks {
    widget_core::task_store_suite!(super::fresh);
}

mod agents {
    widget_core::agent_store_suite!(super::fresh);
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
