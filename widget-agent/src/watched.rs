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
    pub(crate) fn look(&self) -> MutexGuard<'_, S> {
        lock(&self.state)
    }

    /// Changes the state and wakes all that wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let result = change(&mut self.look());
        changed(&self.waiting);
        result
    }

    /// Waits until `look` finds in the state what it looks for.
    pub(crate) const fn until<T, L>(&self, look: L) -> Until<'_, S, L>
    where
        L: FnMut(&mut S) -> Option<T>,
    {
        Until {
            state: &self.state,
            look,
            seat: Seat {
                waiting: &self.waiting,
                place: None,
            },
        }
    }
}

/// Wakes all that wait.
fn changed(waiting: &Mutex<Waiting>) {
    let mut waiting = lock(waiting);
    waiting.changes += 1;
    let places = std::mem::take(&mut waiting.places);
    drop(waiting);
    // Other people's code, so not behind the lock.
    for (_, waker) in places {
        waker.wake();
    }
}

/// One that waits. It leaves nothing behind.
struct Seat<'a> {
    waiting: &'a Mutex<Waiting>,
    place: Option<Place>,
}

/// The place of one wait, and after how many changes it has looked at the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u64,
    seen: u64,
}

impl Seat<'_> {
    /// Whether it is time to look at the state: the first time, and after each change. What changes
    /// from then on is not missed.
    fn turn(&mut self, waker: &Waker) -> bool {
        let mut waiting = lock(self.waiting);
        let number = self.place.map_or(waiting.last + 1, |place| place.number);
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
        self.place.replace(now) != Some(now)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else {
            return;
        };
        let mut waiting = lock(self.waiting);
        let mine = waiting
            .places
            .iter()
            .position(|(of, _)| *of == place.number);
        let gone = mine.map(|mine| waiting.places.swap_remove(mine));
        drop(waiting);
        drop(gone);
    }
}

/// Waits for the state, see [`Watched::until`]. By hand, since an agent has many of them: an `async fn`
/// is twice the code.
pub(crate) struct Until<'a, S, L> {
    state: &'a Mutex<S>,
    look: L,
    seat: Seat<'a>,
}

impl<S, L> Unpin for Until<'_, S, L> {}

impl<S, T, L: FnMut(&mut S) -> Option<T>> Future for Until<'_, S, L> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        if this.seat.turn(cx.waker())
            && let Some(found) = (this.look)(&mut lock(this.state))
        {
            return Poll::Ready(found);
        }
        Poll::Pending
    }
}

/// Locks. A panic of a handler or probe never happens with the state half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
