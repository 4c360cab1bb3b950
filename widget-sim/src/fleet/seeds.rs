//! Runs a story with one seed after the other, and says how to come back to the one that failed.

use std::any::Any;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use widget_core::runtime::BoxFuture;

use super::Fleet;
use super::builder::{FleetBuilder, Ran};

/// The variable that names the one seed to run.
const SEED: &str = "WIDGET_SEED";
/// How many of the last lines of a trace are shown.
const LINES: usize = 100;

pub(super) fn run(builder: &FleetBuilder, story: impl Fn(Fleet) -> BoxFuture<'static, ()>) -> Ran {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever starts a test says so which seed is to be run again"
    )]
    let only = std::env::var(SEED).ok();
    let only: Option<u64> = only.map(|seed| match seed.parse() {
        Ok(seed) => seed,
        Err(_) => panic!("{SEED} is to be a number, and is {seed}"),
    });
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => builder.first..builder.first + builder.count,
    };
    let mut ran = Ran::default();
    for seed in seeds {
        let (hash, time) = once(builder, seed, only.is_some(), &story);
        if builder.twice {
            let (again, _) = once(builder, seed, only.is_some(), &story);
            assert!(
                hash == again,
                "seed {seed} gave {hash:016x}, then {again:016x}: something in this world takes time, order \
                 or randomness from elsewhere, such as Instant, a thread or a HashMap\n{}",
                replay(seed)
            );
        }
        ran.hashes.push((seed, hash));
        ran.time += time;
    }
    ran
}

/// One world from its beginning to its end: its hash, and the time in it.
fn once(
    builder: &FleetBuilder,
    seed: u64,
    traced: bool,
    story: &impl Fn(Fleet) -> BoxFuture<'static, ()>,
) -> (u64, std::time::Duration) {
    let fleet = builder.fleet(seed);
    let world = fleet.world().clone();
    if traced {
        world.trace();
    }
    let told = story(fleet.clone());
    let result = catch_unwind(AssertUnwindSafe(|| world.run(told)));
    // Whatever still runs in it keeps the world.
    let ended = catch_unwind(AssertUnwindSafe(|| fleet.end()));
    let panic = match (result, ended) {
        (Ok(()), Ok(())) => return (world.hash(), world.now().since_start()),
        (Err(panic), _) | (_, Err(panic)) => panic,
    };
    let mut text = format!("seed {seed}: {}\n{}", text_of(&*panic), replay(seed));
    let lines = world.told();
    if !lines.is_empty() {
        let skipped = lines.len().saturating_sub(LINES);
        let _ = write!(text, "\nthe last of {} lines of its trace:", lines.len());
        for line in &lines[skipped..] {
            let _ = write!(text, "\n{line}");
        }
    }
    panic!("{text}");
}

/// How a seed is run alone.
fn replay(seed: u64) -> String {
    let current = std::thread::current();
    // Each test has a thread of its name.
    match current.name().filter(|name| *name != "main") {
        Some(test) => format!("run it alone, with its trace: {SEED}={seed} cargo test {test}"),
        None => format!("run it alone, with its trace: {SEED}={seed}"),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked")
}
