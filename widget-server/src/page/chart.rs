//! Charts of an agent's page: what stands around a curve so that it can be read, as strings and
//! numbers for the template.

use std::fmt::Write as _;

use super::curve::{self, Area, Point};
use super::figures;
use super::range::Range;
use super::when;
use widget_core::time::Timestamp;

/// The drawing is as wide as its place; these are the units that paths are in.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 160.0;
/// Grid lines from bottom to top, both ends included.
const LINES: u32 = 5;

/// What a chart is of.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    /// The class that gives the colour.
    pub(super) class: &'static str,
    pub(super) points: Vec<Point>,
    pub(super) unit: Unit,
    /// The latest value of all, which may be newer than the last point.
    pub(super) latest: Option<f64>,
}

/// What the values of a chart are in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// Percent, on a scale from 0 to 100.
    Percent,
    /// Percent of so many bytes, on the same scale.
    PercentOf(u64),
    /// Whatever a gauge counts, on a scale that fits.
    Plain,
}

/// The span of time that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) range: Range,
    /// Its ends by the agent's clock, in milliseconds.
    pub(super) from: i64,
    pub(super) to: i64,
    /// What must be added to the agent's clock to get the server's.
    pub(super) shift: i64,
    /// When the agent came first, by its own clock.
    pub(super) since: i64,
    /// How far apart points of one line may be.
    pub(super) longest: i64,
}

/// A chart, ready for the template.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) range: &'static str,
    pub(super) line: String,
    pub(super) band: String,
    pub(super) gaps: Vec<Gap>,
    pub(super) levels: Vec<Level>,
    pub(super) ticks: Vec<Tick>,
    /// `now`, `mean` and so on with their values; empty if there was no report.
    pub(super) figures: Vec<(&'static str, String)>,
    /// What it shows, in words.
    pub(super) label: String,
    /// For the read-out: `x,y,time,value,range` of each point, with `;` between points. x and y in
    /// percent of the drawing.
    pub(super) points: String,
}

/// A span without reports.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) title: String,
}

/// A grid line with its value.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) y: String,
    pub(super) label: String,
}

/// A mark on the axis of time.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    /// In percent of the width.
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) label: String,
}

impl Chart {
    pub(super) fn new(series: Series, view: &View) -> Self {
        let Series {
            name,
            class,
            points,
            unit,
            latest,
        } = series;
        let (low, high) = unit.scale(&points);
        let area = Area {
            from: view.from,
            to: view.to,
            low,
            high,
            width: WIDTH,
            height: HEIGHT,
        };
        let gaps: Vec<Gap> = curve::gaps(&area, &points, view.longest, view.since)
            .into_iter()
            .map(|(from, to)| Gap {
                x: format!("{:.1}", area.x(from)),
                width: format!("{:.1}", area.x(to) - area.x(from)),
                title: format!("no reports: {} to {}", view.time(from), view.time(to)),
            })
            .collect();
        let figures = figures(&points, unit, latest);
        Self {
            key: format!("chart-{name}"),
            label: label(&name, view.range, &figures, gaps.len()),
            class,
            range: view.range.words(),
            line: curve::line(&area, &points, view.longest),
            band: curve::band(&area, &points, view.longest),
            gaps,
            levels: levels(&area, unit),
            ticks: ticks(&area, view),
            figures,
            points: read_out(&area, &points, unit, view),
            name,
        }
    }
}

impl Unit {
    fn scale(self, points: &[Point]) -> (f64, f64) {
        match self {
            Self::Percent | Self::PercentOf(_) => (0.0, 100.0),
            Self::Plain => {
                let all = curve::stats(points);
                let (low, high) =
                    all.map_or((0.0, 1.0), |all| (all.min.min(0.0), all.max.max(0.0)));
                let step = round_up((high - low) / f64::from(LINES - 1));
                let low = (low / step).floor() * step;
                (
                    low,
                    low + step * f64::from(LINES - 1).max(((high - low) / step).ceil()),
                )
            }
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Percent => figures::percent(value),
            Self::PercentOf(total) => {
                let bytes = figures::bytes(value / 100.0 * total as f64);
                format!("{} ({bytes})", figures::percent(value))
            }
            Self::Plain => figures::number(value),
        }
    }

    fn short(self, value: f64) -> String {
        match self {
            Self::Percent | Self::PercentOf(_) => figures::percent(value),
            Self::Plain => figures::number(value),
        }
    }
}

impl View {
    /// A point of the agent's time on the server's clock.
    fn server(&self, at: i64) -> Timestamp {
        Timestamp::from_millis(at.saturating_add(self.shift))
    }

    fn time(&self, at: i64) -> String {
        let at = self.server(at);
        match self.range {
            Range::Hour => when::second(at),
            Range::Day => when::minute(at),
            Range::Week => format!("{} {}", when::day(at), when::minute(at)),
        }
    }
}

/// The next of 1, 2, 2.5 and 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if !(value.is_finite() && value > 1e-9) {
        return 0.25;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    // The sums of rounded numbers may lie a hair above.
    steps
        .into_iter()
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(power * 10.0)
}

fn levels(area: &Area, unit: Unit) -> Vec<Level> {
    let part = |line: u32| {
        let value = area.low + (area.high - area.low) * f64::from(line) / f64::from(LINES - 1);
        let label = match unit {
            Unit::Plain => figures::number(value),
            _ if line == LINES - 1 => format!("{value:.0} %"),
            _ => format!("{value:.0}"),
        };
        Level {
            y: format!("{:.1}", area.y(value)),
            label,
        }
    };
    (0..LINES).rev().map(part).collect()
}

fn ticks(area: &Area, view: &View) -> Vec<Tick> {
    let every = view.range.tick();
    // Whole hours of the server's clock, since that is what the labels say.
    let (from, to) = (
        view.from.saturating_add(view.shift),
        view.to.saturating_add(view.shift),
    );
    let first = from
        .div_euclid(every)
        .saturating_add(1)
        .saturating_mul(every);
    let at = |step: i64| first.saturating_add(step.saturating_mul(every));
    (0..16)
        .map(at)
        .take_while(|at| *at < to)
        .map(|at| {
            let x = area.x(at.saturating_sub(view.shift)) / WIDTH * 100.0;
            let time = Timestamp::from_millis(at);
            Tick {
                x: format!("{x:.2}"),
                anchor: match x {
                    ..4.0 => "start",
                    96.0.. => "end",
                    _ => "middle",
                },
                label: match view.range {
                    Range::Week => when::day(time),
                    Range::Hour | Range::Day => when::minute(time),
                },
            }
        })
        .collect()
}

fn figures(points: &[Point], unit: Unit, latest: Option<f64>) -> Vec<(&'static str, String)> {
    let now = latest.map(|value| ("now", unit.short(value)));
    let all = curve::stats(points);
    let spread = all.map(|all| [("mean", all.mean), ("min", all.min), ("max", all.max)]);
    let spread = spread
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, unit.short(value)));
    now.filter(|_| all.is_some())
        .into_iter()
        .chain(spread)
        .collect()
}

fn label(name: &str, range: Range, figures: &[(&str, String)], gaps: usize) -> String {
    let mut label = format!("{name}, {}", range.words());
    if figures.is_empty() {
        label.push_str(": no reports");
        return label;
    }
    for (position, (word, value)) in figures.iter().enumerate() {
        let start = if position == 0 { ":" } else { "," };
        let _ = write!(label, "{start} {word} {value}");
    }
    match gaps {
        0 => {}
        1 => label.push_str("; 1 gap without reports"),
        _ => {
            let _ = write!(label, "; {gaps} gaps without reports");
        }
    }
    label
}

fn read_out(area: &Area, points: &[Point], unit: Unit, view: &View) -> String {
    let mut text = String::new();
    for point in points {
        let (x, y) = (
            area.x(point.at) / WIDTH * 100.0,
            area.y(point.mean) / HEIGHT * 100.0,
        );
        let _ = write!(
            text,
            "{x:.2},{y:.2},{},{},",
            view.time(point.at),
            unit.text(point.mean)
        );
        if point.count > 1 {
            let _ = write!(
                text,
                "{} to {}",
                unit.short(point.min),
                unit.short(point.max)
            );
        }
        text.push(';');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::curve::sample;
    use super::*;

    const VIEW: View = View {
        range: Range::Hour,
        from: 0,
        to: 3_600_000,
        shift: 0,
        since: 0,
        longest: 60_000,
    };

    fn chart(points: Vec<Point>, unit: Unit, view: &View) -> Chart {
        let latest = points.last().map(|point| point.mean);
        Chart::new(
            Series {
                name: "CPU".into(),
                class: "cpu",
                points,
                unit,
                latest,
            },
            view,
        )
    }

    #[test]
    fn percentages_stand_on_a_scale_from_0_to_100() {
        let labels: Vec<_> = chart(vec![sample(5, 20.0)], Unit::Percent, &VIEW)
            .levels
            .into_iter()
            .map(|level| (level.y, level.label))
            .collect();
        let wanted = [
            ("0.0", "100 %"),
            ("40.0", "75"),
            ("80.0", "50"),
            ("120.0", "25"),
            ("160.0", "0"),
        ];
        assert_eq!(
            labels,
            wanted.map(|(y, label)| (y.to_owned(), label.to_owned()))
        );
    }

    #[test]
    fn the_scale_of_a_gauge_is_round_and_holds_its_values() {
        for (min, max) in [
            (0.0, 0.0),
            (0.0, 3.0),
            (-7.0, 12.0),
            (0.1, 0.13),
            (5.0, 98_765.0),
        ] {
            let point = Point {
                at: 5,
                count: 1,
                min,
                mean: (min + max) / 2.0,
                max,
            };
            let (low, high) = Unit::Plain.scale(&[point]);
            assert!(
                low <= min && max <= high && low < high,
                "{min} {max}: {low} {high}"
            );
        }
        assert_eq!(Unit::Plain.scale(&[sample(0, 290.0)]), (0.0, 400.0));
    }

    #[test]
    fn marks_stand_at_whole_quarters_of_the_servers_clock() {
        let view = View {
            shift: 60_000,
            ..VIEW
        };
        let marks: Vec<_> = chart(vec![], Unit::Percent, &view)
            .ticks
            .into_iter()
            .map(|tick| (tick.x, tick.label))
            .collect();
        let wanted = [
            ("23.33", "00:15"),
            ("48.33", "00:30"),
            ("73.33", "00:45"),
            ("98.33", "01:00"),
        ];
        assert_eq!(
            marks,
            wanted.map(|(x, label)| (x.to_owned(), label.to_owned()))
        );
    }

    #[test]
    fn it_says_in_words_what_it_shows() {
        let points = vec![
            sample(10_000, 40.0),
            sample(20_000, 50.0),
            sample(3_590_000, 60.0),
        ];
        let chart = chart(points, Unit::Percent, &VIEW);
        assert_eq!(
            chart.label,
            "CPU, last hour: now 60.0 %, mean 50.0 %, min 30.0 %, max 70.0 %; 1 gap without reports"
        );
        assert_eq!(chart.gaps[0].title, "no reports: 00:00:20 to 00:59:50");
        assert!(
            chart.points.starts_with("0.28,60.00,00:00:10,40.0 %,;"),
            "{}",
            chart.points
        );
    }

    #[test]
    fn nothing_reported_is_said() {
        let chart = chart(vec![], Unit::Percent, &VIEW);
        assert_eq!(chart.label, "CPU, last hour: no reports");
        assert!(chart.line.is_empty() && chart.figures.is_empty());
    }

    #[test]
    fn memory_is_read_in_percent_and_bytes() {
        let chart = chart(vec![sample(0, 50.0)], Unit::PercentOf(16 << 30), &VIEW);
        assert!(
            chart.points.contains("50.0 % (8.0 GiB)"),
            "{}",
            chart.points
        );
    }
}
