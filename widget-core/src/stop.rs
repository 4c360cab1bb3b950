//! [`Stop`] and [`StopSignal`]: how a program asks its parts to end, and how they hear it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::sync::{Arc, AtomicBool, Event, Ordering};

/// The side that asks. Dropping it asks as well, so that nothing outlives its owner by accident.
#[derive(Debug, Default)]
pub struct Stop(StopSignal);

/// The side that hears. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    event: Event,
}

impl Stop {
    /// Nothing asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For whoever is to hear.
    #[must_use]
    pub fn signal(&self) -> StopSignal {
        self.0.clone()
    }

    /// Asks all that hear to end. Asking again changes nothing.
    pub fn ask(&self) {
        self.0.0.asked.store(true, Ordering::SeqCst);
        self.0.0.event.notify(usize::MAX);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.ask();
    }
}

impl StopSignal {
    /// Whether it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Ends when it is asked.
    pub async fn asked(&self) {
        let (mut listener, mut told) = (None, None::<Waker>);
        poll_fn(|cx| {
            if self.is_asked() {
                return Poll::Ready(());
            }
            // Many look often, beside what else their task waits for, and have said already whom to wake.
            if told.as_ref().is_some_and(|told| told.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            let listener = listener.get_or_insert_with(|| self.0.event.listen());
            if self.is_asked() {
                return Poll::Ready(());
            }
            told = Some(cx.waker().clone());
            Pin::new(listener).poll(cx)
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn everyone_hears_it_early_or_late() {
        let stop = Stop::new();
        let (early, late) = (stop.signal(), stop.signal());
        block_on(async {
            let mut waiting = Box::pin(early.asked());
            assert!(poll_once(&mut waiting).await.is_none());
            stop.ask();
            waiting.await;
            late.asked().await;
        });
    }

    #[test]
    fn dropping_asks() {
        let stop = Stop::new();
        let signal = stop.signal();
        drop(stop);
        assert!(signal.is_asked());
    }
}
