//! What [`SteadyClock`] makes of clocks that are slewed, set and suspended, on clocks that the test
//! moves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use widget_core::runtime::{Address, BoxFuture, Runtime, SteadyClock, Stream};
use widget_core::time::{Mono, Timestamp};

const START: i64 = 1_795_361_105_000;

#[derive(Debug, Clone, Copy)]
struct Clocks {
    mono: u64,
    wall: i64,
    uptime: Option<u64>,
    /// How long whoever looks at the wall clock is held up then, and how often.
    held_up: (u64, u32),
}

#[derive(Debug)]
struct Manual(Mutex<Clocks>);

impl Manual {
    fn with(&self, change: impl FnOnce(&mut Clocks)) {
        change(&mut self.0.lock().unwrap());
    }

    /// Time that all clocks see.
    fn pass(&self, millis: u64) {
        self.with(|clocks| {
            clocks.mono += millis;
            clocks.wall += i64::try_from(millis).unwrap();
            clocks.uptime = clocks.uptime.map(|uptime| uptime + millis);
        });
    }

    /// Time that the clock which never jumps does not see.
    fn suspend(&self, millis: u64) {
        self.pass(millis);
        self.with(|clocks| clocks.mono -= millis);
    }

    fn set(&self, by: i64) {
        self.with(|clocks| clocks.wall += by);
    }
}

impl Runtime for Manual {
    fn spawn(&self, _: BoxFuture<'static, ()>) {}

    fn spawn_blocking(&self, _: Box<dyn FnOnce() + Send>) {}

    fn sleep_until(&self, _: Mono) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> Mono {
        Mono::from_start(Duration::from_millis(self.0.lock().unwrap().mono))
    }

    fn wall(&self) -> Timestamp {
        let mut clocks = self.0.lock().unwrap();
        let (millis, left) = clocks.held_up;
        if left > 0 {
            clocks.held_up.1 -= 1;
            clocks.mono += millis;
            clocks.wall += i64::try_from(millis).unwrap();
        }
        Timestamp::from_millis(clocks.wall)
    }

    fn uptime(&self) -> Option<Duration> {
        self.0.lock().unwrap().uptime.map(Duration::from_millis)
    }

    fn random(&self) -> u64 {
        4
    }

    fn connect<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

fn clocks(uptime: Option<u64>) -> (Arc<Manual>, SteadyClock) {
    let clocks = Clocks {
        mono: 0,
        wall: START,
        uptime,
        held_up: (0, 0),
    };
    let manual = Arc::new(Manual(Mutex::new(clocks)));
    let clock = SteadyClock::new(manual.clone());
    (manual, clock)
}

/// Both sorts of hosts: those that say how long they are up, and those that do not.
fn both(test: impl Fn(Arc<Manual>, SteadyClock)) {
    for uptime in [Some(77_000), None] {
        let (manual, clock) = clocks(uptime);
        test(manual, clock);
    }
}

/// Milliseconds since the start.
fn since(clock: &SteadyClock) -> i64 {
    clock.now().as_millis() - START
}

#[test]
fn it_goes_with_the_wall_clock() {
    both(|manual, clock| {
        manual.pass(3_600_000);
        assert_eq!(since(&clock), 3_600_000);
        assert_eq!(clock.wall_is_ahead(), 0);
    });
}

#[test]
fn a_clock_that_is_slewed_is_followed() {
    both(|manual, clock| {
        for _ in 0..100 {
            manual.pass(1_000);
            manual.set(10);
            let _ = clock.now();
        }
        assert_eq!(since(&clock), 101_000);
        assert_eq!(clock.wall_is_ahead(), 0);
    });
}

#[test]
fn a_clock_that_is_set_ahead_changes_nothing_where_uptime_is_known() {
    let (manual, clock) = clocks(Some(77_000));
    manual.set(3_600_000);
    manual.pass(1_000);
    assert_eq!(since(&clock), 1_000);
    assert_eq!(clock.wall_is_ahead(), 3_600_000);
    manual.pass(1_000);
    assert_eq!(since(&clock), 2_000);
}

#[test]
fn a_step_ahead_is_taken_for_a_suspension_where_uptime_is_not_known() {
    let (manual, clock) = clocks(None);
    manual.set(3_600_000);
    manual.pass(1_000);
    assert_eq!(since(&clock), 3_601_000);
    assert_eq!(clock.wall_is_ahead(), 0);
}

#[test]
fn a_clock_that_is_set_back_changes_nothing() {
    both(|manual, clock| {
        manual.pass(10_000);
        manual.set(-3_600_000);
        manual.pass(1_000);
        assert_eq!(since(&clock), 11_000);
        assert_eq!(clock.wall_is_ahead(), -3_600_000);
        // And forward again, as far as it was.
        manual.set(3_600_000);
        manual.pass(1_000);
        let taken_for_sleep = manual.uptime().is_none();
        let expected = if taken_for_sleep { 3_612_000 } else { 12_000 };
        assert_eq!(since(&clock), expected);
    });
}

#[test]
fn suspended_time_counts() {
    both(|manual, clock| {
        manual.pass(1_000);
        manual.suspend(3_600_000);
        assert_eq!(since(&clock), 3_601_000);
        assert_eq!(clock.wall_is_ahead(), 0);
    });
}

#[test]
fn a_suspension_and_a_set_clock_are_told_apart() {
    let (manual, clock) = clocks(Some(77_000));
    manual.suspend(600_000);
    manual.set(-3_600_000);
    assert_eq!(since(&clock), 600_000);
    assert_eq!(clock.wall_is_ahead(), -3_600_000);
}

#[test]
fn many_short_suspensions_are_not_counted_once_more_with_the_next_step() {
    let (manual, clock) = clocks(Some(77_000));
    for _ in 0..100 {
        manual.suspend(1_000);
        let _ = clock.now();
    }
    assert_eq!(since(&clock), 100_000);
    manual.set(3_600_000);
    assert_eq!(since(&clock), 100_000);
    assert_eq!(clock.wall_is_ahead(), 3_600_000);
}

#[test]
fn it_never_goes_back_nor_slower_than_the_clock_that_never_jumps() {
    both(|manual, clock| {
        let mut last = clock.now();
        for step in [
            -1_500,
            1_900,
            -1_900,
            -60_000,
            1_500,
            86_400_000,
            -86_400_000,
        ] {
            manual.set(step);
            let now = clock.now();
            assert!(now >= last, "after {step}");
            last = now;
        }
        let before = since(&clock);
        manual.pass(60_000);
        assert!(since(&clock) >= before + 60_000 - 2_000);
    });
}

#[test]
fn a_reader_that_is_held_up_between_two_looks_sees_no_step() {
    both(|manual, clock| {
        manual.with(|clocks| clocks.held_up = (5_000, 2));
        assert_eq!(since(&clock), 10_000);
        assert_eq!(clock.wall_is_ahead(), 0);
    });
}
