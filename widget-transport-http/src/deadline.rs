//! [`Deadlines`]: the one timer of a connection, for whatever [`Phase`] it is in.

use std::task::{Context, Poll, ready};

use widget_core::runtime::{BoxFuture, Runtime};
use widget_core::time::Mono;

use crate::line::{Line, Phase};

pub(crate) struct Deadlines {
    /// The phase that was seen last, and since when.
    stamp: u64,
    since: Mono,
    /// When all must be over, once the listener stops.
    end: Option<Mono>,
    /// It may fire early, then it is set anew: so no request needs a timer of its own.
    timer: Option<(Mono, BoxFuture<'static, ()>)>,
}

impl Deadlines {
    pub(crate) fn new(line: &Line, runtime: &dyn Runtime) -> Self {
        Self {
            stamp: line.stamp(),
            since: runtime.now(),
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
            self.stamp = line.stamp();
            self.since = runtime.now();
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
                return Poll::Ready(line.phase());
            }
        }
    }

    fn deadline(&self, line: &Line) -> Option<Mono> {
        let limits = &line.limits;
        let time = match line.phase() {
            Phase::New | Phase::Head => Some(limits.head),
            Phase::Idle => Some(limits.idle),
            Phase::Body => Some(limits.body.saturating_add(limits.extra(line.moved()))),
            Phase::Call => None,
            Phase::Answer => Some(limits.write.saturating_add(limits.extra(line.moved()))),
            Phase::Farewell => Some(limits.farewell),
        };
        let by = time.map(|time| self.since.after(time));
        by.into_iter().chain(self.end).min()
    }
}
