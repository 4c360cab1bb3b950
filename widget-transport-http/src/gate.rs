//! [`Gate`]: lets so many in at once; the others wait.

use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

#[derive(Debug)]
pub(crate) struct Gate {
    free: AtomicUsize,
    left: Event,
}

impl Gate {
    pub(crate) const fn new(places: usize) -> Self {
        Self {
            free: AtomicUsize::new(places),
            left: Event::new(),
        }
    }

    /// Waits for a place. The one who has waited longest is told first of a place that is free.
    pub(crate) async fn enter(&self) -> Place<'_> {
        loop {
            if let Some(place) = self.try_enter() {
                return place;
            }
            let left = self.left.listen();
            // One may have left in between.
            if let Some(place) = self.try_enter() {
                return place;
            }
            left.await;
        }
    }

    fn try_enter(&self) -> Option<Place<'_>> {
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let took = self
            .free
            .fetch_update(set, fetch, |free| free.checked_sub(1));
        took.ok().map(|_| Place(self))
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Gate);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        self.0.left.notify_additional(1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn who_finds_no_place_gets_that_of_one_who_leaves() {
        block_on(async {
            let gate = Gate::new(2);
            let (first, second) = (gate.enter().await, gate.enter().await);
            let (mut third, mut fourth) = (pin!(gate.enter()), pin!(gate.enter()));
            assert!(poll_once(&mut third).await.is_none());
            assert!(poll_once(&mut fourth).await.is_none());
            drop((first, second));
            let third = poll_once(&mut third).await;
            let fourth = poll_once(&mut fourth).await;
            assert!(third.is_some() && fourth.is_some());
            assert!(gate.try_enter().is_none());
        });
    }

    #[test]
    fn who_no_longer_waits_takes_nobodys_place() {
        block_on(async {
            let gate = Gate::new(1);
            let first = gate.enter().await;
            let mut gone = Box::pin(gate.enter());
            let mut waits = pin!(gate.enter());
            assert!(poll_once(&mut gone).await.is_none());
            assert!(poll_once(&mut waits).await.is_none());
            drop(first);
            drop(gone);
            assert!(poll_once(&mut waits).await.is_some());
        });
    }
}
