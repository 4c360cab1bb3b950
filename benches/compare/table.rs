//! [`Tables`]: collects what each round came to, and prints it: ratios first, then figures.

/// What is compared with what, and how good it has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// What is looked at.
    pub(crate) what: &'static str,
    /// What stands beside it in every round.
    pub(crate) floor: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bar: Bar,
}

/// How good a subject has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bar {
    /// At least so many times the floor.
    AtLeast(f64),
    /// At most so many times the floor.
    AtMost(f64),
    /// At most so much, whatever the floor is.
    Below(f64),
    /// At least so much, whatever the floor is.
    Above(f64),
    /// There is none.
    None,
}

/// All subjects so far.
pub(crate) struct Tables {
    only: Option<String>,
    rows: Vec<Row>,
}

struct Row {
    subject: Subject,
    /// Of each round: the subject's figure and the floor's.
    rounds: Vec<(f64, f64)>,
}

impl Tables {
    pub(crate) fn new(only: Option<&str>) -> Self {
        Self {
            only: only.map(str::to_owned),
            rows: Vec::new(),
        }
    }

    /// Runs the rounds of a subject: in each, `ours` and `floor` one after the other, the order
    /// changing from round to round.
    pub(crate) fn compare(
        &mut self,
        subject: Subject,
        rounds: usize,
        mut ours: impl FnMut() -> f64,
        mut floor: impl FnMut() -> f64,
    ) {
        if self
            .only
            .as_ref()
            .is_some_and(|word| !subject.what.contains(word.as_str()))
        {
            return;
        }
        let mut row = Row {
            subject,
            rounds: Vec::new(),
        };
        for round in 0..rounds {
            let (ours, floor) = if round % 2 == 0 {
                let ours = ours();
                (ours, floor())
            } else {
                let floor = floor();
                (ours(), floor)
            };
            eprintln!(
                "{}, round {}: {ours:.2} beside {floor:.2} {}",
                subject.what,
                round + 1,
                subject.unit
            );
            row.rounds.push((ours, floor));
        }
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!("| what | beside | ratio | bar | kept |\n|---|---|---|---|---|");
        for row in &self.rows {
            let Subject {
                what,
                floor,
                unit,
                bar,
            } = row.subject;
            let ratio = row.ratio();
            let (bar, kept) = match bar {
                Bar::AtLeast(least) => (format!("at least {least}"), yes(ratio >= least)),
                Bar::AtMost(most) => (format!("at most {most}"), yes(ratio <= most)),
                Bar::Below(most) => (
                    format!("at most {} {unit}", figure(most)),
                    yes(row.ours().1 <= most),
                ),
                Bar::Above(least) => (
                    format!("at least {} {unit}", figure(least)),
                    yes(row.ours().1 >= least),
                ),
                Bar::None => ("none".to_owned(), ""),
            };
            // Beside nothing, nothing can be said.
            let ratio = if ratio.is_finite() {
                format!("{ratio:.2}")
            } else {
                "none".to_owned()
            };
            println!("| {what} | {floor} | {ratio} | {bar} | {kept} |");
        }
        println!(
            "\n| what | figure | of all rounds | floor | of all rounds | unit |\n|---|---|---|---|---|---|"
        );
        for row in &self.rows {
            let spread = |(least, median, most): (f64, f64, f64)| {
                format!("{} | {} to {}", figure(median), figure(least), figure(most))
            };
            let (ours, floor) = (spread(row.ours()), spread(row.floor()));
            println!(
                "| {} | {ours} | {floor} | {} |",
                row.subject.what, row.subject.unit
            );
        }
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        spread(self.rounds.iter().map(|(ours, floor)| ours / floor)).1
    }

    fn ours(&self) -> (f64, f64, f64) {
        spread(self.rounds.iter().map(|round| round.0))
    }

    fn floor(&self) -> (f64, f64, f64) {
        spread(self.rounds.iter().map(|round| round.1))
    }
}

/// The least, the median and the most.
pub(crate) fn spread(figures: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    (figures[0], median(&figures), figures[figures.len() - 1])
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        f64::midpoint(sorted[half - 1], sorted[half])
    }
}

fn yes(kept: bool) -> &'static str {
    if kept { "yes" } else { "no" }
}

/// With as many digits as mean something.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}
