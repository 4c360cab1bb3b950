//! What the threads of the store are made of. Those that write name it here, so that the package
//! `widget-tests-threads` can compile them with threads whose every order of steps it may try.

pub(crate) use std::thread;

pub(crate) use async_channel::{Receiver, Sender, bounded};
