//! What the sources find under the name `sync`: locks, flags and threads of shuttle, and stand-ins for
//! event-listener and async-channel.

mod channel;
mod event;

pub use channel::{Closed, Receiver, Sender, bounded};
pub use event::{Event, EventListener};
pub use shuttle::sync::atomic::{AtomicBool, Ordering};
pub use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use shuttle::thread;

/// Lets another thread go first, if the schedule wants that. What follows up to the next step is done
/// at once, as the operation of a crate is that promises to look so.
// Not `yield_now`, which tells the scheduler that there is nothing to do here for a while.
pub fn step() {
    // Whatever is torn down after a failure goes in any order.
    if !thread::panicking() {
        let _ = AtomicBool::new(false).load(Ordering::SeqCst);
    }
}
