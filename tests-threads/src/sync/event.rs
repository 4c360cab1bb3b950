//! Stands in for event-listener's `Event`, as far as it is used: all that listen are notified at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::step;

/// Tells all that listen.
#[derive(Debug, Default)]
pub struct Event(Arc<Mutex<Listeners>>);

/// Those who listen, in the order in which they began.
#[derive(Debug, Default)]
struct Listeners {
    last_number: u64,
    each: BTreeMap<u64, Listener>,
}

#[derive(Debug)]
enum Listener {
    Waits(Option<Waker>),
    /// It was notified, and does not know it yet.
    Notified,
}

impl Listeners {
    /// Notifies as many of those who wait, and returns whom to wake.
    fn notify(&mut self, count: usize) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let waits = |listener: &&mut Listener| matches!(listener, Listener::Waits(_));
        for listener in self.each.values_mut().filter(waits).take(count) {
            if let Listener::Waits(waker) = std::mem::replace(listener, Listener::Notified) {
                wakers.extend(waker);
            }
        }
        wakers
    }
}

/// Ends when the event is notified after it was made. If it is dropped without having noticed, the next
/// one is notified in its place, perhaps one that began to listen later.
#[derive(Debug)]
pub struct EventListener {
    listeners: Arc<Mutex<Listeners>>,
    number: u64,
}

impl Event {
    /// Nobody listens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens from here on.
    #[must_use]
    pub fn listen(&self) -> EventListener {
        step();
        let mut listeners = lock(&self.0);
        listeners.last_number += 1;
        let number = listeners.last_number;
        listeners.each.insert(number, Listener::Waits(None));
        EventListener {
            listeners: Arc::clone(&self.0),
            number,
        }
    }

    /// Notifies everyone.
    ///
    /// # Panics
    /// If it is to notify less than everyone, which nothing here does.
    pub fn notify(&self, count: usize) {
        assert_eq!(count, usize::MAX, "only all at once");
        step();
        let wakers = lock(&self.0).notify(count);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        step();
        let mut listeners = lock(&self.listeners);
        if let Some(Listener::Waits(waker)) = listeners.each.get_mut(&self.number) {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        listeners.each.remove(&self.number);
        Poll::Ready(())
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        step();
        let mut listeners = lock(&self.listeners);
        let unnoticed = matches!(
            listeners.each.remove(&self.number),
            Some(Listener::Notified)
        );
        let mut others = listeners.each.values();
        let passes_on = unnoticed && !others.any(|other| matches!(other, Listener::Notified));
        let wakers = listeners.notify(usize::from(passes_on));
        drop(listeners);
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn lock(listeners: &Mutex<Listeners>) -> MutexGuard<'_, Listeners> {
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}
