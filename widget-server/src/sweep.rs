//! What happens by itself: tasks that are overdue, what was heard, what is old.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use widget_core::runtime::RuntimeExt;
use widget_core::store::{OverdueQuery, StoreError};
use widget_core::task::{Actor, Event, Task};
use widget_core::time::{Mono, Timestamp};

use crate::dispatch::Dispatcher;

const EVERY: Duration = Duration::from_secs(1);
/// Last-seen times, and which tokens were used, are written every so many rounds.
const SEEN_ROUNDS: u64 = 5;
/// Old rows are deleted every so many rounds.
const PRUNE_ROUNDS: u64 = 60;
/// How many deletions one round makes at most; the rest waits for the next.
const PRUNE_BATCHES: usize = 2_000;
/// How many rows one look or one deletion takes.
const BATCH: usize = 500;
/// How often one round looks for overdue tasks at most; the rest waits for the next.
const LOOKS: usize = 64;
/// How many tasks share a commit.
const TOGETHER: usize = 64;
/// A server that was away has heard nobody. For so long after its start nothing ends because its
/// agent has not named it.
const LISTEN_FIRST: Duration = Duration::from_secs(60 * 60);
/// A difference between the clocks that is told, in milliseconds: less comes from reading them.
const TELL: u64 = 1_000;

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
        let started = self.dispatcher.runtime.now();
        let mut told = 0;
        for round in 0_u64.. {
            said(self.end_overdue(started).await);
            told = self.tell_of_the_clock(told);
            if round % SEEN_ROUNDS == SEEN_ROUNDS - 1 {
                self.write_down().await;
                let due = self.dispatcher.uses.due(self.dispatcher.runtime.now());
                self.tell_of_uses(due).await;
            }
            if round.is_multiple_of(PRUNE_ROUNDS) {
                said(self.prune().await);
            }
            self.dispatcher.runtime.sleep(EVERY).await;
        }
    }

    /// Tells the store who was heard.
    async fn write_down(&self) {
        let news = self.dispatcher.attendance.take_news();
        if news.is_empty() {
            return;
        }
        let written = self.dispatcher.stores.agents.seen(&news).await;
        if let Err(error) = self.dispatcher.watch_write(written) {
            tracing::debug!(%error, "last-seen times not written");
        }
    }

    /// Writes down what was not yet, at the end.
    pub(crate) async fn write_last(&self) {
        self.write_down().await;
        self.tell_of_uses(self.dispatcher.uses.rest()).await;
    }

    /// Tells the store which tokens were used.
    async fn tell_of_uses(&self, used: Vec<(u64, Timestamp)>) {
        if used.is_empty() {
            return;
        }
        let written = self.dispatcher.stores.access.tokens_used(&used).await;
        if let Err(error) = self.dispatcher.watch_write(written) {
            tracing::debug!(%error, "uses of tokens not written");
            for (token, at) in used {
                self.dispatcher.uses.used(token, at);
            }
        }
    }

    /// Says once for each jump that the wall clock was set; gives what was said.
    fn tell_of_the_clock(&self, told: i64) -> i64 {
        let ahead = self.dispatcher.clock.wall_is_ahead();
        if ahead.abs_diff(told) < TELL {
            return told;
        }
        tracing::warn!(
            by_ms = ahead.saturating_sub(told),
            in_all_ms = ahead,
            "the clock of this host was set; tasks go by the clock as it was before"
        );
        ahead
    }

    async fn end_overdue(&self, started: Mono) -> Result<(), StoreError> {
        let (tasks, now) = (&self.dispatcher.stores.tasks, self.dispatcher.now());
        let listens_first = self.dispatcher.runtime.now().since(started) < LISTEN_FIRST;
        let query = OverdueQuery {
            now,
            unnamed: !listens_first,
            limit: BATCH,
        };
        for _ in 0..LOOKS {
            let due = tasks.overdue(&query).await?.into_iter();
            let mut events: Vec<(Task, Event)> = due
                .filter_map(|task| task.overdue().map(|event| (task, event)))
                .collect();
            if events.is_empty() {
                break;
            }
            while !events.is_empty() {
                let rest = events.split_off(TOGETHER.min(events.len()));
                let ends = events.iter().map(|(task, event)| self.end(task, event));
                join_all(ends)
                    .await
                    .into_iter()
                    .collect::<Result<(), _>>()?;
                events = rest;
            }
        }
        Ok(())
    }

    /// As it was read: one that its agent has named meanwhile is not overdue any more.
    async fn end(&self, task: &Task, event: &Event) -> Result<(), StoreError> {
        let by = Actor::Server;
        let ended = self.dispatcher.apply_unchanged(task, event, by, None, None);
        ended.await.map(drop)
    }

    /// In small transactions, so that nobody waits for long. Reports are kept by the wall clock,
    /// tasks by the one that they go by.
    async fn prune(&self) -> Result<(), StoreError> {
        let stores = &self.dispatcher.stores;
        let received = self.dispatcher.runtime.wall().before(self.keep);
        let finished = self.dispatcher.now().before(self.keep);
        for _ in 0..PRUNE_BATCHES {
            let reports = stores.reports.prune_reports(received, BATCH).await?;
            let tasks = stores.tasks.prune_tasks(finished, BATCH).await?;
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
