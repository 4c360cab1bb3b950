//! How fast the simulation is: virtual time by real time, on one core.
//!
//!     cargo bench -p widget-benches --bench simulation
//!
//! A thousand agents with a report a minute for a virtual day, once; and three agents with a report and a
//! task a second for a virtual hour, in rounds that take turns. Agents keep what they have on simulated
//! disks, and in memory. The hash shows that all rounds were the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use widget_sim::{Fleet, FleetBuilder};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ROUNDS: usize = 5;
/// The bars: seconds for the day, and how many times faster than real time the hour is.
const DAY_BAR: f64 = 60.0;
const HOUR_BAR: f64 = 20_000.0;

/// What one run came to.
#[derive(Clone, Copy, Default)]
struct Figures {
    virtual_time: f64,
    real: f64,
    reports: u64,
    tasks: u64,
    calls: u64,
    hash: u64,
}

impl Figures {
    fn factor(&self) -> f64 {
        self.virtual_time / self.real
    }
}

/// Runs a fleet for this time. If there are tasks, each agent gets one each second.
fn measure(fleet: FleetBuilder, time: Duration, tasks: bool) -> Figures {
    let figures = Arc::new(Mutex::new(Figures::default()));
    let place = Arc::clone(&figures);
    let start = Instant::now();
    let ran = fleet.run(move |fleet| {
        let place = Arc::clone(&place);
        async move {
            let mut sent = 0;
            if tasks {
                let server = fleet.server().unwrap();
                let end = fleet.time() + time;
                while fleet.time() < end {
                    for agent in 0..fleet.agents() {
                        let input = widget_core::Payload::from_json_text("7");
                        server.send(fleet.id(agent), "echo", input).await.unwrap();
                        sent += 1;
                    }
                    fleet.after(Duration::from_secs(1)).await;
                }
            } else {
                fleet.after(time).await;
            }
            let of = |agent| fleet.agent(agent).unwrap().status().reports.acknowledged;
            let mut place = place.lock().unwrap();
            place.reports = (0..fleet.agents()).map(of).sum();
            place.tasks = sent;
            place.calls = fleet.calls();
        }
    });
    let mut figures = *figures.lock().unwrap();
    figures.real = start.elapsed().as_secs_f64();
    figures.virtual_time = ran.time.as_secs_f64();
    figures.hash = ran.hashes[0].1;
    figures
}

fn three() -> FleetBuilder {
    let fleet = Fleet::builder().agents(3);
    fleet.handlers(|agent| agent.on_raw("echo", |_cx, input| async { Ok(input) }))
}

fn thousand() -> FleetBuilder {
    let minute = Duration::from_secs(60);
    let fleet = Fleet::builder().agents(1_000).interval(minute);
    fleet.spread(minute)
}

fn print(what: &str, figures: &Figures, bar: &str) {
    let Figures {
        virtual_time,
        real,
        reports,
        tasks,
        calls,
        hash,
    } = figures;
    println!(
        "{what:<44} {virtual_time:>9.0} s in {real:>7.3} s: {:>6.0} times; {reports} reports, {tasks} tasks, \
         {calls} calls; hash {hash:016x}{bar}",
        figures.factor()
    );
}

fn main() {
    if std::env::args().any(|word| word == "--test") {
        let minute = Duration::from_secs(60);
        print("3 agents for a minute", &measure(three(), minute, true), "");
        return;
    }
    // cargo bench passes --bench.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let only = words.next().unwrap_or_default();
    if "hour".contains(&only) {
        let kinds = [
            (
                "3 agents, a report and a task a second each",
                three as fn() -> FleetBuilder,
            ),
            ("the same, spools in memory", || three().without_disks()),
        ];
        let mut rounds = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            for (kind, rounds) in kinds.iter().zip(&mut rounds) {
                rounds.push(measure(kind.1(), HOUR, true));
            }
        }
        for ((what, _), mut rounds) in kinds.into_iter().zip(rounds) {
            assert!(rounds.iter().all(|round| round.hash == rounds[0].hash));
            rounds.sort_by(|one, other| one.real.total_cmp(&other.real));
            let median = rounds[ROUNDS / 2];
            let kept = if median.factor() >= HOUR_BAR {
                "kept"
            } else {
                "missed"
            };
            print(what, &median, &format!("; bar {HOUR_BAR} times: {kept}"));
        }
    }
    if only == "part" {
        // A twentieth of the day, for whoever looks for what is slow.
        print(
            "1000 agents, a report a minute",
            &measure(thousand(), HOUR * 24 / 20, false),
            "",
        );
    }
    if "day".contains(&only) {
        for (what, fleet) in [
            ("1000 agents, a report a minute", thousand()),
            ("the same, spools in memory", thousand().without_disks()),
        ] {
            let day = measure(fleet, HOUR * 24, false);
            let kept = if day.real <= DAY_BAR {
                "kept"
            } else {
                "missed"
            };
            print(what, &day, &format!("; bar {DAY_BAR} s: {kept}"));
        }
    }
}
