//! Summaries of a store as points of a curve, and the windows of time that are asked for.

use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::store::{Bucket, BucketQuery, Range, Summary};
use widget_core::time::Timestamp;

use super::curve::Point;

/// The window that ends now, in so many buckets. Its ends lie on whole buckets, so that the same
/// report falls into the same bucket each time it is asked for.
pub(super) fn window(agent: AgentId, now: Timestamp, span: Duration, points: usize) -> BucketQuery {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let step = (span / i64::try_from(points).unwrap_or(1)).max(1);
    let to = now
        .as_millis()
        .div_euclid(step)
        .saturating_add(1)
        .saturating_mul(step);
    BucketQuery {
        agent,
        from: Timestamp::from_millis(to.saturating_sub(span)),
        to: Timestamp::from_millis(to),
        points,
    }
}

/// Used memory in percent of the total.
pub(super) fn memory(summary: &Summary) -> Vec<Point> {
    points(summary, |bucket| {
        // An agent without any memory would be a strange one, but it can say so.
        let part = 100.0 / (bucket.total_memory.max(1)) as f64;
        let Range { min, max, mean } = bucket.used_memory;
        Some(Range {
            min: min * part,
            max: max * part,
            mean: mean * part,
        })
    })
}

/// CPU use in percent.
pub(super) fn cpu(summary: &Summary) -> Vec<Point> {
    points(summary, |bucket| Some(bucket.average_cpu))
}

/// A gauge.
pub(super) fn gauge(summary: &Summary, name: &str) -> Vec<Point> {
    let named = |bucket: &Bucket| {
        bucket
            .gauges
            .iter()
            .find(|(known, _)| known == name)
            .cloned()
    };
    points(summary, |bucket| named(bucket).map(|(_, range)| range))
}

fn points(summary: &Summary, value: impl Fn(&Bucket) -> Option<Range>) -> Vec<Point> {
    let half = i64::try_from(summary.step.as_millis() / 2).unwrap_or_default();
    let point = |bucket: &Bucket| {
        let Range { min, max, mean } = value(bucket)?;
        let at = bucket.at.as_millis().saturating_add(half);
        Some(Point {
            at,
            count: bucket.count,
            min,
            mean,
            max,
        })
    };
    summary.buckets.iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_on_a_whole_bucket_after_now() {
        let hour = Duration::from_secs(3_600);
        let at = |millis| {
            window(
                AgentId::from_u128(1),
                Timestamp::from_millis(millis),
                hour,
                60,
            )
        };
        let query = at(7_261_000);
        assert_eq!(query.to.as_millis(), 7_320_000);
        assert_eq!(query.from.as_millis(), 3_720_000);
        assert_eq!(query.step(), 60_000);
        assert_eq!(at(7_319_999), query);
    }

    #[test]
    fn memory_is_a_part_of_the_total_of_its_time() {
        let range = Range {
            min: 25.0,
            max: 75.0,
            mean: 50.0,
        };
        let bucket = Bucket {
            at: Timestamp::from_millis(1_000),
            count: 2,
            total_memory: 200,
            used_memory: range,
            average_cpu: range,
            gauges: vec![("queue".into(), range)],
        };
        let summary = Summary {
            step: Duration::from_millis(100),
            buckets: vec![bucket],
        };
        let point = Point {
            at: 1_050,
            count: 2,
            min: 12.5,
            mean: 25.0,
            max: 37.5,
        };
        assert_eq!(memory(&summary), [point]);
        assert_eq!(cpu(&summary)[0].mean, 50.0);
        assert_eq!(gauge(&summary, "queue")[0].mean, 50.0);
        assert!(gauge(&summary, "other").is_empty());
    }
}
