//! [`Deadlines`]: the one timer of a connection, for whatever [`Phase`] it is in.
//!
//! Until an agent has proven on it who it is, all phases together have one total besides.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use widget_core::runtime::{BoxFuture, Runtime};
use widget_core::time::Mono;

use crate::line::{Line, Phase};

pub(crate) struct Deadlines {
    /// The phase that was seen last, and since when.
    stamp: u64,
    phase: Phase,
    since: Mono,
    /// How much of the time for the opening a peer took in the phases before.
    spent: Duration,
    /// When all must be over, once the listener stops.
    end: Option<Mono>,
    /// It may fire early, then it is set anew: so no request needs a timer of its own.
    timer: Option<(Mono, BoxFuture<'static, ()>)>,
}

impl Deadlines {
    pub(crate) fn new(line: &Line, runtime: &dyn Runtime) -> Self {
        Self {
            stamp: line.stamp(),
            phase: line.phase(),
            since: runtime.now(),
            spent: Duration::ZERO,
            end: None,
            timer: None,
        }
    }

    /// From now on there is only the time for the end.
    pub(crate) fn stop(&mut self, line: &Line, runtime: &dyn Runtime) {
        self.end = Some(runtime.now().after(line.limits.farewell));
    }

    /// Ready with the phase that took too long.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        line: &Line,
        runtime: &dyn Runtime,
    ) -> Poll<Phase> {
        if self.stamp != line.stamp() {
            self.pass(line, runtime.now());
        }
        loop {
            let Some(by) = self.deadline(line) else {
                return Poll::Pending;
            };
            let timer = match &mut self.timer {
                Some((at, timer)) if *at <= by => timer,
                timer => &mut timer.insert((by, runtime.sleep_until(by))).1,
            };
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if runtime.now() >= by {
                return Poll::Ready(self.phase);
            }
        }
    }

    /// From the phase that was seen last to the one that is now.
    fn pass(&mut self, line: &Line, now: Mono) {
        if self.phase == Phase::Idle && line.is_of_proxy() {
            self.spent = Duration::ZERO;
        } else if self.phase != Phase::Call {
            self.spent = self.spent.saturating_add(now.since(self.since));
        }
        (self.stamp, self.phase, self.since) = (line.stamp(), line.phase(), now);
    }

    /// What is left in this phase of the time until an agent has proven who it is.
    fn left(&self, line: &Line) -> Option<Duration> {
        let limits = &line.limits;
        let time = match self.phase {
            Phase::Call => return None,
            Phase::Idle if line.is_of_proxy() => return None,
            Phase::New | Phase::Idle | Phase::Head | Phase::Body => limits.opening,
            // The last words.
            Phase::Answer | Phase::Farewell => limits.opening.saturating_add(limits.farewell),
        };
        (!line.is_proven()).then(|| time.saturating_sub(self.spent))
    }

    fn deadline(&self, line: &Line) -> Option<Mono> {
        let limits = &line.limits;
        let time = match self.phase {
            Phase::New | Phase::Head => Some(limits.head),
            Phase::Idle => Some(limits.idle),
            Phase::Body => Some(limits.body.saturating_add(limits.extra(line.moved()))),
            Phase::Call => None,
            Phase::Answer => Some(limits.write.saturating_add(limits.extra(line.moved()))),
            Phase::Farewell => Some(limits.farewell),
        };
        let times = time.into_iter().chain(self.left(line));
        let by = times.map(|time| self.since.after(time));
        by.chain(self.end).min()
    }
}
