//! [`TokioRuntime`]: the adapter for tokio.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::compat::TokioAsyncReadCompatExt;

use super::{Address, BoxFuture, Runtime, Stream};
use crate::time::{Mono, Timestamp};

/// Runs on a tokio runtime of the program's, which must have its I/O and time drivers enabled.
/// Follows tokio's paused clock in tests.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    handle: Handle,
    start: Instant,
}

impl TokioRuntime {
    /// On the runtime with this handle.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        let start = {
            let _context = handle.enter();
            Instant::now()
        };
        Self { handle, start }
    }

    /// On the runtime that this is called in; `None` outside of any.
    #[must_use]
    pub fn current() -> Option<Self> {
        Handle::try_current().ok().map(Self::new)
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.handle.spawn(work);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.handle.spawn_blocking(work);
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        let _context = self.handle.enter();
        Box::pin(tokio::time::sleep_until(self.start + at.since_start()))
    }

    fn now(&self) -> Mono {
        let _context = self.handle.enter();
        Mono::from_start(self.start.elapsed())
    }

    fn wall(&self) -> Timestamp {
        super::wall()
    }

    fn uptime(&self) -> Option<Duration> {
        super::uptime()
    }

    fn random(&self) -> u64 {
        super::random()
    }

    fn secret(&self) -> Option<[u8; 32]> {
        super::secret()
    }

    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect((to.host.as_str(), to.port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream.compat()) as Box<dyn Stream>)
        })
    }
}
