//! A world in memory: hosts, processes and a network under one seeded scheduler and one virtual clock.
//!
//! A [`World`] drives everything on the thread that calls [`World::run`]. Which of the tasks that can go
//! on goes on next, how long a message takes, what blocking work waits for: all of it comes from the
//! seed, so the same seed gives the same run, and [`World::hash`] says whether it did. When nobody can
//! go on, the clock jumps to the next timer.
//!
//! A [`SimRuntime`] is the [`Runtime`](crate::runtime::Runtime) of one process on one host. A process
//! can be ended at any moment in which none of its code runs ([`World::kill`]): its tasks are dropped
//! and its connections reset. A host can lose its power, be suspended, and have its wall clock set.
//!
//! ```
//! use std::time::Duration;
//! use widget_core::runtime::{Runtime, RuntimeExt};
//! use widget_core::testkit::sim::World;
//!
//! let world = World::new(7);
//! let runtime = world.process("host");
//! let start = runtime.now();
//! let waited = world.run(async move {
//!     runtime.sleep(Duration::from_secs(3_600)).await;
//!     runtime.now().since(start)
//! });
//! assert_eq!(waited, Duration::from_secs(3_600));
//! ```
//!
//! What runs in a world must take time, randomness and order from its runtime alone: no `Instant`, no
//! threads, no iteration over a `HashMap`.

mod host;
mod net;
mod pipe;
mod runtime;
mod schedule;
mod timers;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host::Hosts;
pub use host::ProcessId;
use net::Net;
pub use net::{Accepted, Incoming, Link, Road};
pub use runtime::SimRuntime;
use schedule::Schedule;
use timers::{Sleep, Timers};

use super::fixtures::Noise;
use crate::time::Mono;

/// A simulated world. Clones are the same world.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    seed: u64,
    /// Nanoseconds since the world began.
    now: AtomicU64,
    hash: AtomicU64,
    /// Where the noise is.
    noise: AtomicU64,
    schedule: Schedule,
    timers: Timers,
    hosts: Mutex<Hosts>,
    /// How many hosts are suspended, and how many ever were.
    asleep: AtomicU64,
    suspensions: AtomicU64,
    net: Mutex<Net>,
    trace: Mutex<Option<Vec<String>>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// The longest that blocking work waits for its thread, in nanoseconds.
    blocking: AtomicU64,
    /// How many steps are still to be taken at most.
    steps: AtomicU64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl World {
    /// A world in which everything follows from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Inner {
            seed,
            now: AtomicU64::new(0),
            hash: AtomicU64::new(seed),
            noise: AtomicU64::new(seed),
            schedule: Schedule::default(),
            timers: Timers::default(),
            hosts: Mutex::new(Hosts::default()),
            asleep: AtomicU64::new(0),
            suspensions: AtomicU64::new(0),
            net: Mutex::new(Net::default()),
            trace: Mutex::new(None),
            counts: Mutex::new(BTreeMap::new()),
            blocking: AtomicU64::new(1_000_000),
            steps: AtomicU64::new(u64::MAX),
        }))
    }

    /// What it was made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// The time since the world began.
    #[must_use]
    pub fn now(&self) -> Mono {
        Mono::from_start(Duration::from_nanos(self.0.now.load(Ordering::Relaxed)))
    }

    /// Drives the world until `main` ends, which belongs to no process.
    ///
    /// # Panics
    /// If nothing can happen any more and `main` has not ended; if the steps are [used up](Self::set_steps);
    /// and if a task panics.
    pub fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        let result = Arc::new((AtomicBool::new(false), Mutex::new(None)));
        let place = Arc::clone(&result);
        let main = async move {
            let value = main.await;
            *lock(&place.1) = Some(value);
            place.0.store(true, Ordering::Relaxed);
        };
        self.0.schedule.spawn(ProcessId::WORLD, Box::pin(main));
        loop {
            if result.0.load(Ordering::Relaxed)
                && let Some(value) = lock(&result.1).take()
            {
                return value;
            }
            let left = self.0.steps.load(Ordering::Relaxed);
            assert!(left > 0, "no end is in sight (seed {})", self.0.seed);
            self.0.steps.store(left - 1, Ordering::Relaxed);
            assert!(
                self.step(),
                "nothing can happen any more (seed {})",
                self.0.seed
            );
        }
    }

    /// How many steps are still taken at most: turns of tasks, and leaps of the clock. Without end unless said.
    pub fn set_steps(&self, most: u64) {
        self.0.steps.store(most, Ordering::Relaxed);
    }

    /// Runs this in the background. It belongs to no process, so it never is killed.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.schedule.spawn(ProcessId::WORLD, Box::pin(work));
    }

    /// Ends after this time.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static {
        let at = self.now().after(time);
        Sleep::in_world(self.clone(), at)
    }

    /// A number below `limit`, which is at least 1.
    #[must_use]
    pub fn below(&self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// Sixty-four random bits.
    fn bits(&self) -> u64 {
        let before = self.0.noise.fetch_add(Noise::STEP, Ordering::Relaxed);
        Noise::new(before).bits()
    }

    /// True so many times of a thousand.
    #[must_use]
    pub fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.below(1_000) < per_mille
    }

    /// A time from `least` to `most`, in steps of a microsecond.
    #[must_use]
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        let steps = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX - 1);
        least + Duration::from_micros(self.below(steps + 1))
    }

    /// The longest that blocking work waits before it is done; 1 ms unless said otherwise.
    pub fn set_blocking(&self, most: Duration) {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        self.0.blocking.store(nanos, Ordering::Relaxed);
    }

    /// What has happened so far as one number: the same seed and the same program give the same.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.0.hash.load(Ordering::Relaxed)
    }

    /// Puts a number of the program's own into the hash.
    pub fn mark(&self, value: u64) {
        let hash = self.0.hash.load(Ordering::Relaxed) ^ value;
        // The multiplier of splitmix64; the rotation lets the upper bits count too.
        let hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29);
        self.0.hash.store(hash, Ordering::Relaxed);
    }

    /// Counts a fault, or whatever else is to be seen to have happened.
    pub fn count(&self, what: &'static str) {
        *lock(&self.0.counts).entry(what).or_default() += 1;
        self.tell(|| what.to_owned());
    }

    /// What was counted, and how often.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0.counts).clone()
    }

    /// Begins to keep what is [told](Self::tell).
    pub fn trace(&self) {
        lock(&self.0.trace).get_or_insert_default();
    }

    /// A line for the trace, made only if there is one.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = lock(&self.0.trace).as_mut() {
            let now = self.now().since_start();
            lines.push(format!("{:>12.6} {}", now.as_secs_f64(), line()));
        }
    }

    /// What was told since the last time, oldest first.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let mut trace = lock(&self.0.trace);
        trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Drops all tasks. They hold the world, which would otherwise never go: for when it is not needed
    /// any more.
    pub fn end(&self) {
        self.0.schedule.end_all();
    }

    /// How many tasks there are.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.schedule.len()
    }

    /// One task has its turn; or, if none can go on, the clock goes on. False if there is no timer
    /// either.
    fn step(&self) -> bool {
        let schedule = &self.0.schedule;
        let Some(turn) = schedule.take(|ready| self.below(ready)) else {
            let Some((at, wakers)) = self.0.timers.next() else {
                return false;
            };
            let now = self.0.now.load(Ordering::Relaxed).max(at);
            self.0.now.store(now, Ordering::Relaxed);
            for waker in wakers {
                waker.wake();
            }
            return true;
        };
        if self.parks(&turn) {
            return true;
        }
        self.mark(self.0.now.load(Ordering::Relaxed) ^ (turn.place() << 40));
        schedule.have(turn);
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
