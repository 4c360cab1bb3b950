//! Runs a check under many schedules, and says how many they were.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Schedules of each kind, unless `WIDGET_SCHEDULES` says another number.
const SCHEDULES: usize = 300;
/// The same where a fault is to be found, after which there are no more.
const SEARCHED: usize = 4_000;
/// Where the random numbers begin, unless `WIDGET_SEED` says.
const SEED: u64 = 1;
/// More schedules than any check may have that is to be gone through completely.
const TOO_MANY: usize = 200_000;
/// How many ordering choices a fault may need to be found by PCT: with a depth of d a schedule changes
/// d - 1 times which thread goes first.
const DEPTHS: [usize; 2] = [2, 4];

/// Runs the check under many schedules: half of them random, half PCT, which finds what needs few
/// changes at just the right steps. Returns how many they were.
///
/// `WIDGET_SCHEDULE` has it run under that one, which a failure printed, and no other.
///
/// # Panics
/// If the check fails or comes to a standstill under one of them.
pub fn many(check: impl Fn() + Send + Sync + 'static) -> usize {
    if let Ok(schedule) = env::var("WIDGET_SCHEDULE") {
        shuttle::replay(check, &schedule);
        return 1;
    }
    let check = Arc::new(check);
    let mut ran = 0;
    for scheduler in schedulers(0) {
        let check = Arc::clone(&check);
        ran += runner(scheduler, FailurePersistence::Print).run(move || check());
    }
    ran
}

/// Runs the check under every schedule there is. Returns how many they were.
///
/// # Panics
/// If the check fails or comes to a standstill under one of them, or if they are too many.
pub fn every(check: impl Fn() + Send + Sync + 'static) -> usize {
    if let Ok(schedule) = env::var("WIDGET_SCHEDULE") {
        shuttle::replay(check, &schedule);
        return 1;
    }
    let scheduler = DfsScheduler::new(Some(TOO_MANY), false);
    let ran = runner(Box::new(scheduler), FailurePersistence::Print).run(check);
    assert!(ran < TOO_MANY, "more than {ran} schedules: too many steps");
    ran
}

/// Runs a check that has one thread only, with other random numbers each time.
///
/// # Panics
/// If the check fails.
pub fn random(check: impl Fn() + Send + Sync + 'static) {
    let scheduler = RandomScheduler::new_from_seed(SEED, SCHEDULES);
    runner(Box::new(scheduler), FailurePersistence::Print).run(check);
}

/// How a wrong double was found out.
#[derive(Debug)]
pub struct Caught {
    /// What failed.
    pub message: String,
    /// Under which schedule, counted from the first.
    pub schedule: usize,
}

/// Runs a check that has to fail, until it does.
///
/// # Panics
/// If it does not, under many more schedules than [`many`] has unless it is told a number.
pub fn caught(check: impl Fn() + Send + Sync + 'static) -> Caught {
    let check = Arc::new(check);
    let ran = Arc::new(AtomicUsize::new(0));
    for scheduler in schedulers(SEARCHED) {
        let (check, counter) = (Arc::clone(&check), Arc::clone(&ran));
        let run = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            check();
        };
        let runner = runner(scheduler, FailurePersistence::None);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| runner.run(run))) {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            return Caught {
                message: text
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default(),
                schedule: ran.load(Ordering::SeqCst),
            };
        }
    }
    panic!("not found under {} schedules", ran.load(Ordering::SeqCst));
}

fn schedulers(at_least: usize) -> Vec<Box<dyn Scheduler + Send>> {
    let schedules = number("WIDGET_SCHEDULES")
        .unwrap_or(SCHEDULES)
        .max(at_least);
    let seed = number("WIDGET_SEED").unwrap_or(SEED);
    let mut all: Vec<Box<dyn Scheduler + Send>> = Vec::new();
    all.push(Box::new(RandomScheduler::new_from_seed(seed, schedules)));
    for depth in DEPTHS {
        let some = schedules.div_ceil(DEPTHS.len());
        all.push(Box::new(PctScheduler::new_from_seed(seed, depth, some)));
    }
    all
}

fn runner(
    scheduler: Box<dyn Scheduler + Send>,
    failing: FailurePersistence,
) -> Runner<Box<dyn Scheduler + Send>> {
    let mut config = Config::new();
    config.failure_persistence = failing;
    config.silence_warnings = true;
    Runner::new(scheduler, config)
}

fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    let text = env::var(name).ok()?;
    let number = text.parse().ok();
    assert!(number.is_some(), "{name} is to be a number, not {text}");
    number
}
