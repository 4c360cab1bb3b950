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
use super::{series, status};
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
        let now = status::agents_clock(agent, now);
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

#[cfg(test)]
mod tests {
    use super::super::status::tests::{NOW, agent};
    use super::*;
    use crate::presence::Presence;
    use widget_core::store::{Bucket, Range};

    fn bucket(at: Timestamp) -> Bucket {
        let range = Range {
            min: 25.0,
            max: 75.0,
            mean: 50.0,
        };
        Bucket {
            at,
            count: 60,
            total_memory: 100,
            used_memory: range,
            average_cpu: range,
            gauges: Vec::new(),
        }
    }

    fn spark(minutes: &[u64]) -> Spark {
        let query = series::window(agent("a", Presence::Online).record.id, NOW, SPAN, POINTS);
        let at = |minute: &u64| bucket(query.from.after(Duration::from_secs(60 * minute)));
        let summary = Summary {
            step: Duration::from_secs(60),
            buckets: minutes.iter().map(at).collect(),
        };
        Spark::new(&summary, &query, 1_000)
    }

    #[test]
    fn a_minute_without_reports_is_a_gap() {
        let spark = spark(&[0, 1, 3, 4]);
        assert_eq!(spark.memory, "M1.0 14.0L3.0 14.0M7.0 14.0L9.0 14.0");
        assert_eq!(spark.cpu, spark.memory);
    }

    #[test]
    fn it_says_in_words_what_it_shows() {
        let words = "25 to 75 %, mean 50 %";
        assert_eq!(
            spark(&[5]).label,
            format!("Last hour: memory {words}; CPU {words}")
        );
        assert_eq!(
            spark(&[]).label,
            "Last hour: memory no reports; CPU no reports"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_curve_is_kept_for_a_short_while() {
        let (sparks, id) = (Sparks::default(), AgentId::from_u128(1));
        sparks.keep(id, &Spark::default());
        assert!(sparks.kept(id).is_some());
        tokio::time::advance(FRESH).await;
        assert!(sparks.kept(id).is_none());
    }
}
