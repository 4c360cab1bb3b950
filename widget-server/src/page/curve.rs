//! Curves as SVG paths: lines and bands that break where nothing was reported.

use std::fmt::Write as _;
use std::time::Duration;

/// What was reported in one span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// The middle of the span, in milliseconds.
    pub(super) at: i64,
    /// How many reports it holds.
    pub(super) count: u64,
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

/// Times and values, and the drawing that they are mapped onto.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn x(&self, at: i64) -> f64 {
        let part = (at - self.from) as f64 / (self.to - self.from).max(1) as f64;
        part.clamp(0.0, 1.0) * self.width
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        (1.0 - part.clamp(0.0, 1.0)) * self.height
    }
}

/// How far apart two points may be, in milliseconds, before the line between them is broken: one
/// bucket, and as long as an agent is silent that misses two of its reports.
pub(super) fn longest_step(step: Duration, interval_ms: u64) -> i64 {
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    // An agent that does not say it (version 1) reports each second.
    let interval = i64::try_from(interval_ms.clamp(1_000, 86_400_000)).unwrap_or(1_000);
    step.saturating_add(3 * interval)
}

fn pieces(points: &[Point], longest: i64) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(move |a, b| b.at.saturating_sub(a.at) <= longest)
}

/// The line through the means. A point that stands alone is a dot.
pub(super) fn line(area: &Area, points: &[Point], longest: i64) -> String {
    let mut path = String::new();
    for piece in pieces(points, longest) {
        trace(
            &mut path,
            'M',
            piece
                .iter()
                .map(|point| (area.x(point.at), area.y(point.mean))),
        );
        if piece.len() == 1 {
            path.push_str("h.01");
        }
    }
    path
}

/// The band between the smallest and the largest values.
pub(super) fn band(area: &Area, points: &[Point], longest: i64) -> String {
    let mut path = String::new();
    for piece in pieces(points, longest).filter(|piece| piece.len() > 1) {
        trace(
            &mut path,
            'M',
            piece
                .iter()
                .map(|point| (area.x(point.at), area.y(point.max))),
        );
        trace(
            &mut path,
            'L',
            piece
                .iter()
                .rev()
                .map(|point| (area.x(point.at), area.y(point.min))),
        );
        path.push('Z');
    }
    path
}

fn trace(path: &mut String, start: char, places: impl Iterator<Item = (f64, f64)>) {
    for (position, (x, y)) in places.enumerate() {
        let verb = if position == 0 { start } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{verb}{x:.1} {y:.1}");
    }
}

/// The spans without a report, from `since` on.
pub(super) fn gaps(area: &Area, points: &[Point], longest: i64, since: i64) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let mut last = area.from.max(since);
    for at in points.iter().map(|point| point.at).chain([area.to]) {
        if at.saturating_sub(last) > longest {
            gaps.push((last, at));
        }
        last = at;
    }
    gaps
}

/// Smallest, largest and average of all reports behind the points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stats {
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

pub(super) fn stats(points: &[Point]) -> Option<Stats> {
    let count: u64 = points.iter().map(|point| point.count).sum();
    if count == 0 {
        return None;
    }
    let sum: f64 = points
        .iter()
        .map(|point| point.mean * point.count as f64)
        .sum();
    Some(Stats {
        min: points
            .iter()
            .map(|point| point.min)
            .fold(f64::INFINITY, f64::min),
        mean: sum / count as f64,
        max: points
            .iter()
            .map(|point| point.max)
            .fold(f64::NEG_INFINITY, f64::max),
    })
}

#[cfg(test)]
pub(super) fn sample(at: i64, mean: f64) -> Point {
    Point {
        at,
        count: 1,
        min: mean - 10.0,
        mean,
        max: mean + 10.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area {
        from: 0,
        to: 100,
        low: 0.0,
        high: 100.0,
        width: 100.0,
        height: 100.0,
    };

    #[test]
    fn a_line_breaks_where_nothing_was_reported() {
        let points = [
            sample(0, 50.0),
            sample(10, 60.0),
            sample(40, 50.0),
            sample(50, 50.0),
        ];
        assert_eq!(
            line(&AREA, &points, 15),
            "M0.0 50.0L10.0 40.0M40.0 50.0L50.0 50.0"
        );
        assert_eq!(gaps(&AREA, &points, 15, 0), [(10, 40), (50, 100)]);
    }

    #[test]
    fn a_point_alone_is_a_dot() {
        assert_eq!(line(&AREA, &[sample(20, 50.0)], 15), "M20.0 50.0h.01");
    }

    #[test]
    fn no_gap_is_shown_before_the_agent_was_there() {
        let points = [sample(90, 50.0)];
        assert_eq!(gaps(&AREA, &points, 15, 88), []);
        assert_eq!(gaps(&AREA, &points, 15, -50), [(0, 90)]);
    }

    #[test]
    fn a_band_goes_there_on_top_and_back_below() {
        let points = [sample(0, 50.0), sample(10, 50.0)];
        assert_eq!(
            band(&AREA, &points, 15),
            "M0.0 40.0L10.0 40.0L10.0 60.0L0.0 60.0Z"
        );
    }

    #[test]
    fn what_lies_outside_is_drawn_on_the_edge() {
        assert_eq!((AREA.x(-5), AREA.x(500)), (0.0, 100.0));
        assert_eq!((AREA.y(-5.0), AREA.y(500.0)), (100.0, 0.0));
    }

    #[test]
    fn slow_agents_have_longer_steps() {
        assert_eq!(longest_step(Duration::from_secs(15), 1_000), 18_000);
        assert_eq!(longest_step(Duration::from_secs(15), 60_000), 195_000);
        assert_eq!(longest_step(Duration::from_secs(15), 0), 18_000);
        assert!(longest_step(Duration::from_secs(15), u64::MAX) > 0);
    }

    #[test]
    fn the_mean_of_all_counts_reports_not_points() {
        let many = Point {
            count: 3,
            ..sample(0, 20.0)
        };
        let all = stats(&[many, sample(1, 60.0)]).unwrap();
        assert_eq!(
            all,
            Stats {
                min: 10.0,
                mean: 30.0,
                max: 70.0
            }
        );
        assert_eq!(stats(&[]), None);
    }
}
