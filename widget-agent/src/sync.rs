//! What the wake-up of an agent is made of. It is named here, so that the package
//! `widget-tests-threads` can compile `watched` with a lock of which it tries every order of steps.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
