//! [`Watched`]: a state behind a lock, and one wake-up for all that wait until it is as they need it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// A state that is looked at, changed, and waited for.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    state: Mutex<S>,
    waiting: Mutex<Waiting>,
}

/// Who waits for a change. One place for each wait, so that there are never more than that.
// By hand: an agent waits for a dozen things in one task, which is polled for each of them, and mostly
// nothing has changed for the others. To see that costs a lock and a number.
#[derive(Debug, Default)]
struct Waiting {
    /// How often the state was changed.
    changes: u64,
    /// Whom to wake. Who was woken for a change is no longer among them.
    places: Vec<(u64, Waker)>,
    last: u64,
}

impl<S> Watched<S> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state: Mutex::new(state),
            waiting: Mutex::default(),
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
        let mut waiting = self.waiting();
        waiting.changes += 1;
        let places = std::mem::take(&mut waiting.places);
        drop(waiting);
        // Other people's code, so not behind the lock.
        for (_, waker) in places {
            waker.wake();
        }
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
            place: None,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to look at the state: the first time, and after each change. What changes
    /// from then on is not missed.
    fn turn(&self, place: &mut Option<Place>, waker: &Waker) -> bool {
        let mut waiting = self.waiting();
        let number = place.map_or(waiting.last + 1, |place| place.number);
        waiting.last = waiting.last.max(number);
        let now = Place {
            number,
            seen: waiting.changes,
        };
        let mine = waiting.places.iter_mut().find(|(of, _)| *of == number);
        let before = match mine {
            Some((_, mine)) if mine.will_wake(waker) => return false,
            Some((_, mine)) => Some(std::mem::replace(mine, waker.clone())),
            None => {
                waiting.places.push((number, waker.clone()));
                None
            }
        };
        drop(waiting);
        drop(before);
        place.replace(now) != Some(now)
    }

    fn leave(&self, place: Place) {
        let mut waiting = self.waiting();
        let mine = waiting
            .places
            .iter()
            .position(|(of, _)| *of == place.number);
        let gone = mine.map(|mine| waiting.places.swap_remove(mine));
        drop(waiting);
        drop(gone);
    }
}

/// The place of one wait, and after how many changes it has looked at the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u64,
    seen: u64,
}

/// Waits for the state, see [`Watched::until`]. By hand, since an agent has many of them: an `async fn`
/// is twice the code.
pub(crate) struct Until<'a, S, L> {
    watched: &'a Watched<S>,
    look: L,
    place: Option<Place>,
}

impl<S, L> Unpin for Until<'_, S, L> {}

impl<S, T, L: FnMut(&mut S) -> Option<T>> Future for Until<'_, S, L> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        if !this.watched.turn(&mut this.place, cx.waker()) {
            return Poll::Pending;
        }
        match (this.look)(&mut this.watched.look()) {
            Some(found) => Poll::Ready(found),
            None => Poll::Pending,
        }
    }
}

impl<S, L> Drop for Until<'_, S, L> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.watched.leave(place);
        }
    }
}
