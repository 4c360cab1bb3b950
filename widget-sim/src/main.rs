//! `widget-sim`: the long proof from the command line, and the replay of one of its worlds.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use widget_sim::proof::{Coverage, Findings, Plan, run, run_traced, shrink};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: widget-sim run [--seeds N] [--from SEED] [--first] [--gaps] [--bars]
       widget-sim replay SEED [--trace] [--plan]
       widget-sim shrink SEED
       widget-sim hashes [--seeds N] [--from SEED]

run      goes through N worlds (1,000 unless said otherwise) on all cores, prints what happened in
         them, and fails if a promise was broken in one of them; --first ends at the first such one;
         --gaps fails as well if something that can happen never did; --bars if there were fewer than 100
         tasks or 20 faults to a world
replay   goes through one world and prints its hash; --trace prints what happened in it, --plan what
         was to happen
shrink   leaves out tasks and faults of a world that fails, as long as it still does
hashes   prints the hash of each of N worlds (100 unless said otherwise)";

/// So many tasks and faults there are to a world at least, on average.
const LEAST_TASKS: u64 = 100;
const LEAST_FAULTS: u64 = 20;
/// How long a world takes at most, on average and two cores, in seconds. Printed only: other things run too.
const MOST_SECONDS: f64 = 0.012;

/// At most so many failing seeds are told.
const MOST_TOLD: usize = 20;

struct Options {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    flags: Vec<String>,
}

fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        seeds: None,
        from: 0,
        seed: None,
        flags: Vec::new(),
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => options.seeds = Some(arguments.next()?.parse().ok()?),
            "--from" => options.from = arguments.next()?.parse().ok()?,
            flag @ ("--first" | "--gaps" | "--bars" | "--trace" | "--plan") => {
                options.flags.push(flag.to_owned());
            }
            seed => options.seed = Some(seed.parse().ok()?),
        }
    }
    Some(options)
}

impl Options {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|had| had == flag)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = arguments.split_first();
    let parsed = parsed.and_then(|(word, rest)| Some((word.as_str(), options(rest)?)));
    let passed = match parsed {
        Some(("run", options)) if options.seed.is_none() => many(&options),
        Some(("hashes", options)) if options.seed.is_none() => hashes(&options),
        Some(("replay", options)) if options.seed.is_some() => replay(&options),
        Some(("shrink", options)) if options.seed.is_some() => shrunk(&options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[derive(Default)]
struct Sum {
    coverage: Coverage,
    tasks: u64,
    calm_tasks: u64,
    faults: u64,
    time: Duration,
    broken: Vec<(u64, Vec<String>)>,
}

/// Runs seeds on all cores; `each` hears every result.
fn on_all_cores(from: u64, seeds: u64, stop: &AtomicBool, each: impl Fn(u64, Findings) + Sync) {
    let next = AtomicU64::new(from);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from.saturating_add(seeds) {
                        return;
                    }
                    each(seed, run(&Plan::of(seed)));
                }
            });
        }
    });
}

fn many(options: &Options) -> bool {
    let seeds = options.seeds.unwrap_or(1_000);
    let (first, stop) = (options.has("--first"), AtomicBool::new(false));
    let sum = Mutex::new(Sum::default());
    let start = Instant::now();
    on_all_cores(options.from, seeds, &stop, |seed, findings| {
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.tasks += findings.tasks;
        sum.calm_tasks += findings.calm_tasks;
        sum.faults += findings.faults;
        sum.time += findings.time;
        sum.coverage.add(findings.coverage);
        if let Some(first_said) = findings.broken.first() {
            // At once: a long run may be ended before it has told all.
            eprintln!("seed {seed}: {first_said}");
            sum.broken.push((seed, findings.broken));
            stop.store(first, Ordering::Relaxed);
        }
    });
    let took = start.elapsed();
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.broken.sort();
    if first {
        if let Some((seed, broken)) = sum.broken.first() {
            let nth = seed - options.from + 1;
            let said = broken.first().map_or("", String::as_str);
            println!("caught by seed {seed} (number {nth}): {said}");
            return false;
        }
        println!("not caught in {seeds} seeds");
        return true;
    }
    println!("{}", sum.coverage);
    let beyond = sum.coverage.beyond();
    for sentence in &beyond {
        println!("{sentence}");
    }
    let gaps = sum.coverage.gaps().0;
    for gap in &gaps {
        println!("never happened: {gap}");
    }
    for (seed, broken) in sum.broken.iter().take(MOST_TOLD) {
        for sentence in broken {
            println!("seed {seed}: {sentence}");
        }
    }
    let (hours, seconds) = (sum.time.as_secs() / 3_600, took.as_secs_f64());
    let low = sum.tasks < seeds * LEAST_TASKS || sum.faults < seeds * LEAST_FAULTS;
    println!(
        "bars: {} tasks of at least {}, {} of them asked for when all was mended; {} faults of at least {}; \
         {seconds:.1} s of at most {:.1} on two cores",
        sum.tasks,
        seeds * LEAST_TASKS,
        sum.calm_tasks,
        sum.faults,
        seeds * LEAST_FAULTS,
        seeds as f64 * MOST_SECONDS
    );
    println!(
        "{seeds} seeds, {} tasks, {} faults, {hours} hours of virtual time in {seconds:.1} s: \
         {} seeds with a broken promise, {} things that never happened",
        sum.tasks,
        sum.faults,
        sum.broken.len(),
        gaps.len()
    );
    if low && options.has("--bars") {
        return false;
    }
    sum.broken.is_empty() && beyond.is_empty() && (gaps.is_empty() || !options.has("--gaps"))
}

fn hashes(options: &Options) -> bool {
    let seeds = options.seeds.unwrap_or(100);
    for seed in options.from..options.from.saturating_add(seeds) {
        println!("{seed} {:016x}", run(&Plan::of(seed)).hash);
    }
    true
}

fn replay(options: &Options) -> bool {
    let seed = options.seed.unwrap_or_default();
    let plan = Plan::of(seed);
    if options.has("--plan") {
        println!("{plan:#?}");
    }
    let findings = if options.has("--trace") {
        let (findings, lines) = run_traced(&plan);
        for line in lines {
            println!("{line}");
        }
        findings
    } else {
        run(&plan)
    };
    for sentence in &findings.broken {
        println!("broken: {sentence}");
    }
    println!(
        "seed {seed}: hash {:016x}, {} tasks, {} faults, {:?}, {} broken promises",
        findings.hash,
        findings.tasks,
        findings.faults,
        findings.time,
        findings.broken.len()
    );
    findings.broken.is_empty()
}

fn shrunk(options: &Options) -> bool {
    let seed = options.seed.unwrap_or_default();
    let told = |plan: &Plan| {
        eprintln!("{} tasks, {} faults", plan.tasks.len(), plan.faults.len());
    };
    let Some(plan) = shrink(&Plan::of(seed), told) else {
        println!("seed {seed} keeps every promise");
        return true;
    };
    println!("{plan:#?}");
    let (findings, lines) = run_traced(&plan);
    for line in lines {
        println!("{line}");
    }
    for sentence in findings.broken {
        println!("broken: {sentence}");
    }
    false
}
