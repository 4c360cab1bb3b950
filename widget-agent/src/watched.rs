//! [`Watched`]: a state behind a lock, and one wake-up for all that wait until it is as they need it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::sync::{Event, EventListener, Mutex, MutexGuard, PoisonError};

/// A state that is looked at, changed, and waited for.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    state: Mutex<S>,
    changed: Event,
}

impl<S> Watched<S> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state: Mutex::new(state),
            changed: Event::new(),
        }
    }

    /// Looks at the state. Whoever changes it this way wakes nobody.
    // A panic of a handler or probe never happens with the state half changed.
    pub(crate) fn look(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all that wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let result = change(&mut self.look());
        self.changed.notify(usize::MAX);
        result
    }

    /// Waits until `look` finds in the state what it looks for.
    pub(crate) const fn until<T, L>(&self, look: L) -> Until<'_, S, L>
    where
        L: FnMut(&mut S) -> Option<T>,
    {
        Until {
            watched: self,
            look,
            change: None,
        }
    }

    /// Ready when it is time to look at the state: the first time, and after each change. What
    /// changes from then on is not missed.
    fn turn(&self, change: &mut Option<EventListener>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(change) = change
            && Pin::new(change).poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        *change = Some(self.changed.listen());
        Poll::Ready(())
    }
}

/// Waits for the state, see [`Watched::until`]. By hand, since an agent has many of them: an `async fn`
/// is twice the code.
pub(crate) struct Until<'a, S, L> {
    watched: &'a Watched<S>,
    look: L,
    change: Option<EventListener>,
}

impl<S, L> Unpin for Until<'_, S, L> {}

impl<S, T, L: FnMut(&mut S) -> Option<T>> Future for Until<'_, S, L> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        while this.watched.turn(&mut this.change, cx).is_ready() {
            if let Some(found) = (this.look)(&mut this.watched.look()) {
                return Poll::Ready(found);
            }
        }
        Poll::Pending
    }
}
