//! Who waits for which time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::{World, lock};
use crate::time::Mono;

/// All sleepers of a world by the time, in nanoseconds, and the order in which they began.
#[derive(Default)]
pub(super) struct Timers {
    waiting: Mutex<BTreeMap<(u64, u64), Waker>>,
    last: AtomicU64,
}

impl Timers {
    /// Everybody whose time is the next one, and that time.
    pub(super) fn next(&self) -> Option<(u64, Vec<Waker>)> {
        let mut waiting = lock(&self.waiting);
        let (&(at, _), _) = waiting.first_key_value()?;
        let mut wakers = Vec::new();
        while let Some(entry) = waiting.first_entry()
            && entry.key().0 == at
        {
            wakers.push(entry.remove());
        }
        Some((at, wakers))
    }

    fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }
}

/// Ends at a time of a host's clock, or of the world's.
pub(super) struct Sleep {
    world: World,
    /// Whose clock; the world's if none.
    host: Option<usize>,
    at: Mono,
    number: u64,
    /// When it is to be woken, in the world's time, and who, if it waits.
    due: Option<(u64, Waker)>,
}

impl Sleep {
    pub(super) fn in_world(world: World, at: Mono) -> Self {
        Self::new(world, None, at)
    }

    pub(super) fn new(world: World, host: Option<usize>, at: Mono) -> Self {
        let number = world.0.timers.number();
        Self {
            world,
            host,
            at,
            number,
            due: None,
        }
    }

    fn forget(&mut self) {
        if let Some((due, _)) = self.due.take() {
            let gone = lock(&self.world.0.timers.waiting).remove(&(due, self.number));
            drop(gone);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let slept = self.host.map_or(0, |host| self.world.slept(host));
        let due = nanos(self.at).saturating_add(slept);
        if due <= self.world.0.now.load(Ordering::Relaxed) {
            self.forget();
            return Poll::Ready(());
        }
        // A future that waits for much is polled for each of it, and nothing has changed for the others.
        if let Some((before, waker)) = &self.due
            && *before == due
            && waker.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        self.forget();
        self.due = Some((due, cx.waker().clone()));
        let key = (due, self.number);
        let earlier = lock(&self.world.0.timers.waiting).insert(key, cx.waker().clone());
        drop(earlier);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

fn nanos(at: Mono) -> u64 {
    u64::try_from(at.since_start().as_nanos()).unwrap_or(u64::MAX)
}
