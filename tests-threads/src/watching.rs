//! What is promised of the state of an agent: whoever waits until it is as they need it misses no change.

use std::future::Future;

use shuttle::future::block_on;

use crate::sync::{Arc, Event, Mutex, thread};
use crate::watched::Watched;

/// A state that is waited for, right or wrong. It is a number here.
pub trait Watch: Send + Sync + 'static {
    /// Changes it and wakes all that wait.
    fn change(&self, change: impl FnOnce(&mut u32));

    /// Waits until `look` finds what it looks for.
    fn until(
        &self,
        look: impl FnMut(&mut u32) -> Option<u32> + Send,
    ) -> impl Future<Output = u32> + Send;
}

/// That of the agent.
#[derive(Debug)]
pub struct Real(Watched<u32>);

impl Default for Real {
    fn default() -> Self {
        Self(Watched::new(0))
    }
}

impl Watch for Real {
    fn change(&self, change: impl FnOnce(&mut u32)) {
        self.0.change(change);
    }

    fn until(
        &self,
        look: impl FnMut(&mut u32) -> Option<u32> + Send,
    ) -> impl Future<Output = u32> + Send {
        self.0.until(look)
    }
}

/// However the steps lie, the wait ends, and not before the change.
pub fn one_change_is_not_missed<W: Watch>(watch: W) {
    let watch = Arc::new(watch);
    let waiter = {
        let watch = Arc::clone(&watch);
        thread::spawn(move || block_on(watch.until(|state| (*state > 0).then_some(*state))))
    };
    watch.change(|state| *state += 1);
    assert_eq!(waiter.join().unwrap(), 1);
}

/// Nobody misses a change, however many wait for different things.
pub fn no_change_is_missed<W: Watch>(watch: W) {
    let watch = Arc::new(watch);
    let waiters = [1, 2].map(|wanted| {
        let watch = Arc::clone(&watch);
        thread::spawn(move || {
            let found = block_on(watch.until(|state| (*state >= wanted).then_some(*state)));
            assert!(found >= wanted, "found what was not there");
        })
    });
    watch.change(|state| *state += 1);
    watch.change(|state| *state += 1);
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

/// What one takes out while it looks, another does not find.
pub fn what_is_taken_is_taken_once<W: Watch>(watch: W) {
    let watch = Arc::new(watch);
    let takers = [(); 2].map(|()| {
        let watch = Arc::clone(&watch);
        thread::spawn(move || {
            block_on(watch.until(|state| {
                *state = state.checked_sub(1)?;
                Some(1)
            }))
        })
    });
    watch.change(|state| *state += 1);
    watch.change(|state| *state += 1);
    for taker in takers {
        taker.join().unwrap();
    }
    let left = block_on(watch.until(|state| Some(*state)));
    assert_eq!(left, 0, "taken twice");
}

/// What a wrong double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing. It passes every check, so what another one fails for is its fault.
    None,
    /// It looks before it listens.
    LooksFirst,
    /// It notifies before it changes.
    NotifiesFirst,
    /// It lets go of the state between looking and taking.
    LetsGo,
}

/// A state of a simpler make, with a fault.
#[derive(Debug)]
pub struct Wrong {
    state: Mutex<u32>,
    changed: Event,
    fault: Fault,
}

impl Wrong {
    /// With this fault.
    #[must_use]
    pub fn with(fault: Fault) -> Self {
        Self {
            state: Mutex::new(0),
            changed: Event::new(),
            fault,
        }
    }

    fn look(&self, look: &mut impl FnMut(&mut u32) -> Option<u32>) -> Option<u32> {
        if self.fault != Fault::LetsGo {
            return look(&mut self.state.lock().unwrap());
        }
        let mut seen = *self.state.lock().unwrap();
        let found = look(&mut seen);
        if found.is_some() {
            look(&mut self.state.lock().unwrap());
        }
        found
    }
}

impl Watch for Wrong {
    fn change(&self, change: impl FnOnce(&mut u32)) {
        if self.fault == Fault::NotifiesFirst {
            self.changed.notify(usize::MAX);
            change(&mut self.state.lock().unwrap());
        } else {
            change(&mut self.state.lock().unwrap());
            self.changed.notify(usize::MAX);
        }
    }

    async fn until(&self, mut look: impl FnMut(&mut u32) -> Option<u32> + Send) -> u32 {
        loop {
            let early = self.fault != Fault::LooksFirst;
            let listener = early.then(|| self.changed.listen());
            if let Some(found) = self.look(&mut look) {
                return found;
            }
            listener.unwrap_or_else(|| self.changed.listen()).await;
        }
    }
}
