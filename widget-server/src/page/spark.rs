//! The small curves of the last hour in the list of agents, kept for some seconds each: a list that
//! many people look at asks the store no more often than one that nobody does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use widget_core::id::AgentId;
use widget_core::store::{BucketQuery, StoreError, Summary};
use widget_core::time::Timestamp;

use super::curve::{self, Area};
use super::series;
use crate::handle::{AgentStatus, ServerHandle};

const SPAN: Duration = Duration::from_secs(60 * 60);
const POINTS: usize = 60;
/// How long a curve is good for.
const FRESH: Duration = Duration::from_secs(10);
/// The most curves that are kept.
const MOST: usize = 4_096;

/// Memory and CPU of the last hour, both in percent on one scale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spark {
    pub(super) memory: String,
    pub(super) cpu: String,
    /// What the curves show, in words.
    pub(super) label: String,
}

impl Spark {
    fn new(summary: &Summary, query: &BucketQuery, interval_ms: u64) -> Self {
        let area = Area {
            from: query.from.as_millis(),
            to: query.to.as_millis(),
            low: 0.0,
            high: 100.0,
            width: 120.0,
            height: 28.0,
        };
        let longest = curve::longest_step(summary.step, interval_ms);
        let (memory, cpu) = (series::memory(summary), series::cpu(summary));
        let words = |points| match curve::stats(points) {
            Some(all) => format!("{:.0} to {:.0} %, mean {:.0} %", all.min, all.max, all.mean),
            None => "no reports".to_owned(),
        };
        Self {
            label: format!("Last hour: memory {}; CPU {}", words(&memory), words(&cpu)),
            memory: curve::line(&area, &memory, longest),
            cpu: curve::line(&area, &cpu, longest),
        }
    }
}

/// The curves that were drawn a short while ago.
#[derive(Debug, Default)]
pub(super) struct Sparks(Mutex<BTreeMap<AgentId, (Instant, Spark)>>);

impl Sparks {
    /// The curve of an agent.
    pub(super) async fn of(
        &self,
        handle: &ServerHandle,
        agent: &AgentStatus,
        now: Timestamp,
    ) -> Result<Spark, StoreError> {
        let id = agent.record.id;
        if let Some(spark) = self.kept(id) {
            return Ok(spark);
        }
        let query = series::window(id, now, SPAN, POINTS);
        let summary = handle.summary(&query).await?;
        let spark = Spark::new(&summary, &query, agent.record.describe.interval_ms);
        self.keep(id, &spark);
        Ok(spark)
    }

    fn kept(&self, id: AgentId) -> Option<Spark> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, spark) = kept.get(&id)?;
        (at.elapsed() < FRESH).then(|| spark.clone())
    }

    fn keep(&self, id: AgentId, spark: &Spark) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if kept.len() < MOST {
            kept.insert(id, (Instant::now(), spark.clone()));
        }
    }
}
