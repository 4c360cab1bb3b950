//! [`SmolRuntime`]: the adapter for smol.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use smol::Executor;
use smol::net::TcpStream;

use super::{Address, BoxFuture, Runtime, Stream};
use crate::time::{Mono, Timestamp};

/// Runs on a smol executor of the program's, which the program must drive.
#[derive(Clone)]
pub struct SmolRuntime {
    executor: Arc<Executor<'static>>,
    start: Instant,
}

impl SmolRuntime {
    /// On this executor.
    #[must_use]
    pub fn new(executor: Arc<Executor<'static>>) -> Self {
        Self {
            executor,
            start: Instant::now(),
        }
    }
}

impl fmt::Debug for SmolRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmolRuntime")
    }
}

impl Runtime for SmolRuntime {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.executor.spawn(work).detach();
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        smol::unblock(work).detach();
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        let timer = match self.start.checked_add(at.since_start()) {
            Some(at) => smol::Timer::at(at),
            None => smol::Timer::never(),
        };
        Box::pin(async {
            timer.await;
        })
    }

    fn now(&self) -> Mono {
        Mono::from_start(self.start.elapsed())
    }

    fn wall(&self) -> Timestamp {
        super::wall()
    }

    fn random(&self) -> u64 {
        super::random()
    }

    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect((to.host.as_str(), to.port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
