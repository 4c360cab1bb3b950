//! What the tests of this crate share: opening, batches of reports, reading them back.

use std::path::Path;

use futures_lite::future::block_on;
use widget_core::id::{AgentId, Attempt};
use widget_core::store::{
    Admission, Appended, LeaseRequest, ReportBatch, ReportQuery, ReportStore, StoreError,
    TaskStore, TaskStoreExt,
};
use widget_core::task::{AgentEvent, Event, NewTask};
use widget_core::testkit::fixtures::{NOW, epoch, report};
use widget_core::time::Timestamp;
use widget_store_sqlite::{SqliteOptions, SqliteStore};

pub(crate) fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(directory)).unwrap()
}

/// An error with its causes, as a program prints it.
pub(crate) fn whole(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The reports numbered above `after` up to `through`, one a second.
pub(crate) fn batch(agent: AgentId, after: u64, through: u64) -> ReportBatch {
    let one = |seq| report(seq, i64::try_from(seq).unwrap());
    ReportBatch {
        agent,
        epoch: epoch(1),
        after,
        through,
        reports: (after + 1..=through).map(one).collect(),
        received: NOW,
    }
}

pub(crate) fn append(store: &SqliteStore, batch: ReportBatch) -> Result<Appended, StoreError> {
    block_on(store.append(batch))
}

/// The numbers of all reports of an agent, in their order.
pub(crate) fn seqs(store: &SqliteStore, agent: AgentId) -> Vec<u64> {
    let query = ReportQuery {
        before: None,
        agent: Some(agent),
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(i64::MAX),
        limit: usize::MAX,
    };
    let rows = block_on(store.reports(&query)).unwrap();
    rows.iter().map(|row| row.report.seq).collect()
}

/// Queues the task, and has its agent take and start it.
pub(crate) fn put_running(store: &SqliteStore, task: NewTask) {
    let (id, agent) = (task.id, task.agent);
    let admission = Admission {
        agent,
        epoch: epoch(1),
        seen: None,
        now: NOW,
    };
    let request = LeaseRequest {
        agent,
        epoch: epoch(1),
        room: 1,
        bytes: 1 << 20,
        holding: Vec::new(),
        kinds: Vec::new(),
        now: NOW,
    };
    block_on(async {
        assert!(store.insert(task).await.unwrap().new);
        store.admit(&admission).await.unwrap();
        let leased = store.lease(&request).await.unwrap();
        assert_eq!(leased.tasks[0].id, id);
        for said in [AgentEvent::Accept { idempotent: true }, AgentEvent::Start] {
            let said = Event::Said(Attempt(1), said);
            store.apply_from(agent, id, &said, NOW).await.unwrap();
        }
    });
}

/// How long the log is: each transaction that changes something makes it longer.
pub(crate) fn written(directory: &Path) -> u64 {
    directory.join("widget.db-wal").metadata().unwrap().len()
}
