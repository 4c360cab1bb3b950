//! Summaries: reports of a span of time in buckets of equal length, for charts.

use std::time::Duration;

use crate::id::AgentId;
use crate::report::Report;
use crate::time::Timestamp;

/// The most buckets in one summary.
pub const MAX_BUCKETS: usize = 2_000;

/// Which reports to sum up, and how finely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketQuery {
    /// Whose.
    pub agent: AgentId,
    /// `at` not before this.
    pub from: Timestamp,
    /// `at` before this.
    pub to: Timestamp,
    /// How many buckets: 1 to 2,000.
    pub points: usize,
}

impl BucketQuery {
    /// Length of a bucket in milliseconds, at least 1.
    #[must_use]
    pub fn step(&self) -> i64 {
        let points = i64::try_from(self.points.clamp(1, MAX_BUCKETS)).unwrap_or(1);
        let span = self
            .to
            .as_millis()
            .saturating_sub(self.from.as_millis())
            .max(1);
        span.saturating_add(points - 1) / points
    }
}

/// Smallest, largest and average of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The average, each sample counting the same.
    pub mean: f64,
}

/// What was reported in one span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Where the span begins.
    pub at: Timestamp,
    /// How many samples it holds, at least 1. A report that was
    /// [thinned](crate::report::Report::thinned) stands for several.
    pub count: u64,
    /// The newest report's total memory, in bytes.
    pub total_memory: u64,
    /// Used memory, in bytes.
    pub used_memory: Range,
    /// CPU use, in percent.
    pub average_cpu: Range,
    /// Gauges by name.
    pub gauges: Vec<(String, Range)>,
}

/// Reports in buckets, oldest first. Spans without a report have no bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Length of a bucket.
    pub step: Duration,
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

/// Sums up reports as they are read. Takes them in any order.
#[derive(Debug)]
pub struct Buckets {
    from: i64,
    step: i64,
    rows: std::collections::BTreeMap<i64, Sums>,
}

#[derive(Debug)]
struct Sums {
    count: u64,
    newest: Timestamp,
    total_memory: u64,
    used_memory: Sum,
    average_cpu: Sum,
    gauges: Vec<(String, Sum)>,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Sum {
    const EMPTY: Self = Self {
        count: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: 0.0,
    };

    /// Adds `count` samples of this mean and these ends.
    #[allow(clippy::cast_precision_loss)] // counts below 2^32
    fn add(&mut self, count: u64, mean: f64, (min, max): (f64, f64)) {
        self.count = self.count.saturating_add(count);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.sum += mean * count as f64;
    }

    #[allow(clippy::cast_precision_loss)] // counts far below 2^52
    fn range(self) -> Range {
        Range {
            min: self.min,
            max: self.max,
            mean: self.sum / self.count as f64,
        }
    }
}

impl Buckets {
    /// No report yet.
    #[must_use]
    pub fn new(query: &BucketQuery) -> Self {
        let from = query.from.as_millis();
        Self {
            from,
            step: query.step(),
            rows: std::collections::BTreeMap::new(),
        }
    }

    /// Adds a report, which lies in the span that was asked for.
    #[allow(clippy::cast_precision_loss)] // bytes: 2^53 of them are 8 PiB
    pub fn add(&mut self, report: &Report) {
        let bucket = report
            .at
            .as_millis()
            .saturating_sub(self.from)
            .div_euclid(self.step);
        let sums = self.rows.entry(bucket).or_insert_with(|| Sums {
            count: 0,
            newest: report.at,
            total_memory: report.total_memory,
            used_memory: Sum::EMPTY,
            average_cpu: Sum::EMPTY,
            gauges: Vec::new(),
        });
        let thinned = report.thinned.as_deref();
        let count = thinned.map_or(1, |thinned| u64::from(thinned.count));
        sums.count = sums.count.saturating_add(count);
        if report.at >= sums.newest {
            sums.newest = report.at;
            sums.total_memory = report.total_memory;
        }
        let (used, cpu) = (report.used_memory, report.average_cpu);
        let (least, most) = thinned.map_or((used, used), |thinned| thinned.used_memory);
        let ends = (least as f64, most as f64);
        sums.used_memory.add(count, used as f64, ends);
        let (least, most) = thinned.map_or((cpu, cpu), |thinned| thinned.average_cpu);
        let ends = (f64::from(least), f64::from(most));
        sums.average_cpu.add(count, f64::from(cpu), ends);
        for (position, (name, value)) in report.gauges.iter().enumerate() {
            let ends = thinned.and_then(|thinned| thinned.gauges.get(position));
            let ends = ends.copied().unwrap_or((*value, *value));
            let known = sums.gauges.iter_mut().find(|(known, _)| known == name);
            match known {
                Some((_, sum)) => sum.add(count, *value, ends),
                None => {
                    let mut sum = Sum::EMPTY;
                    sum.add(count, *value, ends);
                    sums.gauges.push((name.clone(), sum));
                }
            }
        }
    }

    /// The summary of all that was added.
    #[must_use]
    pub fn finish(self) -> Summary {
        let (from, step) = (self.from, self.step);
        let bucket = |(position, sums): (i64, Sums)| Bucket {
            at: Timestamp::from_millis(from.saturating_add(position.saturating_mul(step))),
            count: sums.count,
            total_memory: sums.total_memory,
            used_memory: sums.used_memory.range(),
            average_cpu: sums.average_cpu.range(),
            gauges: sums
                .gauges
                .into_iter()
                .map(|(name, sum)| (name, sum.range()))
                .collect(),
        };
        Summary {
            step: Duration::from_millis(u64::try_from(step).unwrap_or(1)),
            buckets: self.rows.into_iter().map(bucket).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(at: i64, cpu: f32) -> Report {
        Report {
            seq: 1,
            at: Timestamp::from_millis(at),
            total_memory: 100,
            used_memory: 50,
            average_cpu: cpu,
            gauges: vec![("g".into(), f64::from(cpu))],
            thinned: None,
        }
    }

    #[test]
    fn reports_fall_into_their_spans_and_empty_spans_have_no_bucket() {
        let query = BucketQuery {
            agent: AgentId::from_u128(1),
            from: Timestamp::from_millis(1_000),
            to: Timestamp::from_millis(2_000),
            points: 10,
        };
        let mut buckets = Buckets::new(&query);
        for (at, cpu) in [(1_000, 1.0), (1_099, 3.0), (1_900, 8.0)] {
            buckets.add(&report(at, cpu));
        }
        let summary = buckets.finish();
        assert_eq!(summary.step, Duration::from_millis(100));
        let [first, last] = summary.buckets.as_slice() else {
            panic!("{summary:?}")
        };
        assert_eq!((first.at.as_millis(), first.count), (1_000, 2));
        assert_eq!(
            first.average_cpu,
            Range {
                min: 1.0,
                max: 3.0,
                mean: 2.0
            }
        );
        assert_eq!(first.gauges[0].1.mean, 2.0);
        assert_eq!((last.at.as_millis(), last.count), (1_900, 1));
    }

    #[test]
    fn a_span_that_does_not_divide_evenly_is_covered() {
        let query = BucketQuery {
            agent: AgentId::from_u128(1),
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(10),
            points: 3,
        };
        assert_eq!(query.step(), 4);
    }
}
