//! [`SteadyClock`]: the time of day, without its jumps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SharedRuntime;
use crate::time::{Mono, Timestamp};

/// A difference between the clocks that is no jump: clocks are slewed by less, and reading two of
/// them takes time.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The time of day as spans of time need it: when somebody sets the wall clock, it goes on as if
/// nothing had happened; when the host was suspended, that time counts.
///
/// It begins with the wall clock and follows it as long as that goes evenly. A step is compared with
/// [`Runtime::uptime`](super::Runtime::uptime), which counts suspended time too. Where that is not
/// known, a step forward is taken for a suspension and a step back for a clock that was set. It never
/// goes back.
#[derive(Debug)]
pub struct SteadyClock {
    runtime: SharedRuntime,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mono: Mono,
    /// When it was read last, and what it was.
    uptime: Option<(Mono, Duration)>,
    steady: Timestamp,
    /// How far the wall clock is ahead, in milliseconds.
    ahead: i64,
}

impl SteadyClock {
    /// A clock that begins with the wall clock as it is now.
    #[must_use]
    pub fn new(runtime: SharedRuntime) -> Self {
        let mono = runtime.now();
        let state = State {
            mono,
            uptime: runtime.uptime().map(|uptime| (mono, uptime)),
            steady: runtime.wall(),
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
        let (mono, wall) = (self.runtime.now(), self.runtime.wall());
        let expected = state.steady.after(mono.since(state.mono));
        let shown = Timestamp::from_millis(wall.as_millis().saturating_sub(state.ahead));
        let apart = shown.since(expected).max(expected.since(shown));
        let now = if apart <= TOLERANCE {
            shown
        } else {
            let uptime = self.runtime.uptime().map(|uptime| (mono, uptime));
            let spans = state.uptime.zip(uptime);
            state.uptime = uptime;
            match spans {
                Some(((then, before), (_, after))) => {
                    let passed = after.saturating_sub(before);
                    expected.after(passed.saturating_sub(mono.since(then)))
                }
                None => expected.max(shown),
            }
        };
        let now = now.max(state.steady);
        state.ahead = if apart <= TOLERANCE {
            state.ahead
        } else {
            wall.as_millis().saturating_sub(now.as_millis())
        };
        (state.mono, state.steady) = (mono, now);
        now
    }

    /// How far the wall clock was set ahead of this one since it began, in milliseconds; negative if
    /// it was set back.
    #[must_use]
    pub fn wall_is_ahead(&self) -> i64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ahead
    }
}
