//! What happens by itself: tasks that are overdue, what was heard, what is old.

use std::sync::Arc;
use std::time::Duration;

use widget_core::runtime::RuntimeExt;
use widget_core::store::{AppliedKind, StoreError, TaskStoreExt};
use widget_core::task::Actor;

use crate::dispatch::Dispatcher;

const EVERY: Duration = Duration::from_secs(1);
/// Last-seen times are written every so many rounds.
const SEEN_ROUNDS: u64 = 5;
/// Old rows are deleted every so many rounds.
const PRUNE_ROUNDS: u64 = 60;
/// How many deletions one round makes at most; the rest waits for the next.
const PRUNE_BATCHES: usize = 2_000;
/// How many rows one look or one deletion takes.
const BATCH: usize = 500;

/// Does what time demands.
#[derive(Debug)]
pub(crate) struct Sweeper {
    dispatcher: Arc<Dispatcher>,
    keep: Duration,
}

impl Sweeper {
    pub(crate) const fn new(dispatcher: Arc<Dispatcher>, keep: Duration) -> Self {
        Self { dispatcher, keep }
    }

    /// Runs for ever. What fails is tried again in its next round and holds nothing else up.
    pub(crate) async fn run(&self) {
        for round in 0_u64.. {
            said(self.end_overdue().await);
            if round % SEEN_ROUNDS == SEEN_ROUNDS - 1 {
                self.write_down().await;
            }
            if round.is_multiple_of(PRUNE_ROUNDS) {
                said(self.prune().await);
            }
            self.dispatcher.runtime.sleep(EVERY).await;
        }
    }

    /// Tells the store who was heard.
    pub(crate) async fn write_down(&self) {
        let news = self.dispatcher.attendance.take_news();
        if news.is_empty() {
            return;
        }
        let written = self.dispatcher.stores.agents.seen(&news).await;
        if let Err(error) = self.dispatcher.watch_write(written) {
            tracing::debug!(%error, "last-seen times not written");
        }
    }

    async fn end_overdue(&self) -> Result<(), StoreError> {
        let tasks = &self.dispatcher.stores.tasks;
        let now = self.dispatcher.runtime.wall();
        for task in tasks.overdue(now, BATCH).await? {
            let Some(event) = task.overdue() else {
                continue;
            };
            let applied = tasks.apply(task.id, &event, Actor::Server, now).await;
            let applied = self.dispatcher.watch(applied)?;
            if applied.is_some_and(|applied| applied.result == Ok(AppliedKind::Changed)) {
                self.dispatcher.task_changed(task.agent, task.id);
            }
        }
        Ok(())
    }

    /// In small transactions, so that nobody waits for long.
    async fn prune(&self) -> Result<(), StoreError> {
        let stores = &self.dispatcher.stores;
        let before = self.dispatcher.runtime.wall().before(self.keep);
        for _ in 0..PRUNE_BATCHES {
            let reports = stores.reports.prune_reports(before, BATCH).await?;
            let tasks = stores.tasks.prune_tasks(before, BATCH).await?;
            if reports < BATCH && tasks < BATCH {
                break;
            }
        }
        Ok(())
    }
}

fn said(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "sweep");
    }
}
