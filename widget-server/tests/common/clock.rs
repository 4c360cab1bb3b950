//! A runtime whose wall clock a test sets; everything else, and how time passes, is tokio's.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use widget_core::runtime::{Address, BoxFuture, Runtime, Stream, TokioRuntime};
use widget_core::time::{Mono, Timestamp};

#[derive(Debug)]
pub(crate) struct SetClock {
    inner: TokioRuntime,
    /// What it would be if no time had passed since it was made.
    wall: Mutex<Timestamp>,
    made: Mono,
}

impl SetClock {
    pub(crate) fn at(wall: Timestamp) -> Self {
        let inner = TokioRuntime::current().unwrap();
        Self {
            made: inner.now(),
            wall: Mutex::new(wall),
            inner,
        }
    }

    /// Sets the wall clock back; the host was not asleep.
    pub(crate) fn set_back(&self, time: Duration) {
        let mut wall = self.wall.lock().unwrap();
        *wall = wall.before(time);
    }

    pub(crate) fn advance(&self, time: Duration) {
        let mut wall = self.wall.lock().unwrap();
        *wall = wall.after(time);
    }
}

impl Runtime for SetClock {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.inner.spawn(work);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.inner.spawn_blocking(work);
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        self.inner.sleep_until(at)
    }

    fn now(&self) -> Mono {
        self.inner.now()
    }

    fn wall(&self) -> Timestamp {
        let passed = self.inner.now().since(self.made);
        self.wall.lock().unwrap().after(passed)
    }

    fn uptime(&self) -> Option<Duration> {
        Some(self.inner.now().since(Mono::default()))
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        self.inner.connect(to)
    }
}
