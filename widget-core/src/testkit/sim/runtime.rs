//! [`SimRuntime`]: the runtime of one process of a [`World`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::host::ProcessId;
use super::timers::Sleep;
use super::{World, lock};
use crate::runtime::{Address, BoxFuture, Runtime, Stream};
use crate::time::{Mono, Timestamp};

/// The runtime of one process. Clones are of the same process.
#[derive(Debug, Clone)]
pub struct SimRuntime {
    world: World,
    process: ProcessId,
    host: usize,
}

impl SimRuntime {
    pub(super) const fn new(world: World, process: ProcessId, host: usize) -> Self {
        Self {
            world,
            process,
            host,
        }
    }

    /// Where it runs.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Whose it is.
    #[must_use]
    pub const fn process(&self) -> ProcessId {
        self.process
    }

    /// The name of its host.
    #[must_use]
    pub fn host(&self) -> Arc<str> {
        lock(&self.world.0.hosts).name(self.host)
    }
}

impl Runtime for SimRuntime {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        if self.world.is_alive(self.process) {
            self.world.0.schedule.spawn(self.process, work);
        }
    }

    /// After a while, in one go, as a task of its own. A panic ends it alone.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        let most = self.world.0.blocking.load(Ordering::Relaxed);
        let wait = Duration::from_nanos(self.world.below(most + 1));
        let wait = Sleep::new(self.world.clone(), Some(self.host), self.now().after(wait));
        self.spawn(Box::pin(async move {
            wait.await;
            // It is dropped with what it shared, as a thread that panics does.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }));
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        Box::pin(Sleep::new(self.world.clone(), Some(self.host), at))
    }

    fn now(&self) -> Mono {
        let slept = self.world.slept(self.host);
        let now = self.world.0.now.load(Ordering::Relaxed);
        Mono::from_start(Duration::from_nanos(now - slept))
    }

    fn wall(&self) -> Timestamp {
        self.world.wall(self.host)
    }

    fn uptime(&self) -> Option<Duration> {
        Some(self.world.uptime(self.host))
    }

    fn random(&self) -> u64 {
        self.world.bits()
    }

    fn pid(&self) -> u32 {
        self.process.number() as u32
    }

    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(self.world.connect(self.process, self.host, to))
    }
}
