//! What wake-ups are made of. The files that have them name it here, so that the package
//! `widget-tests-threads` can compile them with a lock and an event of which it tries every order of
//! steps.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use event_listener::Event;
