//! [`SteadyClock`]: the time of day, without its jumps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SharedRuntime;
use crate::time::{Mono, Timestamp};

/// A difference between the clocks that is no jump: clocks are slewed by less, and reading two of
/// them takes time.
const TOLERANCE: Duration = Duration::from_secs(2);
/// Two looks at clocks that lie further apart are no look at one moment.
const HELD_UP: Duration = Duration::from_millis(100);

/// The time of day as spans of time need it: when somebody sets the wall clock, it goes on as if
/// nothing had happened; when the host was suspended, that time counts.
///
/// It begins with the wall clock and follows it as long as that goes evenly. A step of more than two
/// seconds is compared with [`Runtime::uptime`](super::Runtime::uptime), which counts suspended time
/// too. Where that is not known, a step forward is taken for a suspension and a step back for a clock
/// that was set. It never goes back, and never slower than [`Runtime::now`](super::Runtime::now) but
/// by what the wall clock is corrected without a step.
///
/// A step is found when the clock is read, so whoever keeps one reads it now and then.
#[derive(Debug)]
pub struct SteadyClock {
    runtime: SharedRuntime,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mono: Mono,
    steady: Timestamp,
    /// What uptime and this clock were when uptime was read last: at the start, then at each step.
    up: Option<(Duration, Timestamp)>,
    /// How far the wall clock is ahead, in milliseconds.
    ahead: i64,
}

impl SteadyClock {
    /// A clock that begins with the wall clock as it is now.
    #[must_use]
    pub fn new(runtime: SharedRuntime) -> Self {
        let (mono, steady) = read(&runtime);
        let state = State {
            mono,
            steady,
            up: runtime.uptime().map(|uptime| (uptime, steady)),
            ahead: 0,
        };
        Self {
            runtime,
            state: Mutex::new(state),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mono, wall) = read(&self.runtime);
        let expected = state.steady.after(mono.since(state.mono));
        let shown = Timestamp::from_millis(wall.as_millis().saturating_sub(state.ahead));
        let apart = shown.since(expected).max(expected.since(shown));
        let now = if apart <= TOLERANCE {
            shown.max(state.steady)
        } else {
            let uptime = self.runtime.uptime();
            let now = match state.up.zip(uptime) {
                // Counted from where uptime was read last, so that no suspension counts twice.
                Some(((before, then), after)) => then.after(after.saturating_sub(before)),
                None => shown,
            };
            let now = now.max(expected);
            state.up = uptime.map(|uptime| (uptime, now));
            state.ahead = wall.as_millis().saturating_sub(now.as_millis());
            now
        };
        (state.mono, state.steady) = (mono, now);
        now
    }

    /// How far the wall clock was set ahead of this one since it began, in milliseconds; negative if
    /// it was set back. As it was when [`now`](Self::now) was asked last.
    #[must_use]
    pub fn wall_is_ahead(&self) -> i64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ahead
    }
}

/// Both clocks at one moment: a thread that is held up between the two looks would take that for a
/// step. Who is held up each time gets the last look.
fn read(runtime: &SharedRuntime) -> (Mono, Timestamp) {
    let mut before = runtime.now();
    for _ in 0..3 {
        let wall = runtime.wall();
        let after = runtime.now();
        if after.since(before) < HELD_UP {
            return (before, wall);
        }
        before = after;
    }
    (before, runtime.wall())
}
