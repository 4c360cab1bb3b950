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

    /// Runs for ever.
    pub(crate) async fn run(&self) {
        for round in 0_u64.. {
            if let Err(error) = self.round(round).await {
                tracing::debug!(%error, "sweep");
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
        if let Err(error) = self.dispatcher.watch_writes(written) {
            tracing::debug!(%error, "last-seen times not written");
        }
    }

    async fn round(&self, round: u64) -> Result<(), StoreError> {
        self.end_overdue().await?;
        if round % SEEN_ROUNDS == SEEN_ROUNDS - 1 {
            self.write_down().await;
        }
        if round.is_multiple_of(PRUNE_ROUNDS) {
            self.prune().await?;
        }
        Ok(())
    }

    async fn end_overdue(&self) -> Result<(), StoreError> {
        let tasks = &self.dispatcher.stores.tasks;
        let now = self.dispatcher.runtime.wall();
        for task in tasks.overdue(now, BATCH).await? {
            let Some(event) = task.overdue() else {
                continue;
            };
            let applied = tasks.apply(task.id, &event, Actor::Server, now).await;
            let applied = self.dispatcher.watch_writes(applied)?;
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
        while stores.reports.prune_reports(before, BATCH).await? == BATCH {}
        while stores.tasks.prune_tasks(before, BATCH).await? == BATCH {}
        Ok(())
    }
}
