//! [`SmolRuntime`]: the adapter for smol.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol::Executor;
use smol::net::TcpStream;

use super::{Address, BoxFuture, Runtime, RuntimeExt, Stream};
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

impl SmolRuntime {
    async fn resolve(&self, to: &Address) -> io::Result<Vec<SocketAddr>> {
        let name = (to.host.clone(), to.port);
        let found = self.blocking(move || name.to_socket_addrs().map(Vec::from_iter));
        let gone = || Err(io::Error::other("there is no thread to look up a name"));
        found.await.unwrap_or_else(gone)
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
        // A thread of its own, since idle ones of smol's pool wake twice a second for good (in its
        // crate blocking, 1.7). Where there is none to be had, the work is dropped, and whoever waits
        // for it hears that.
        let name = "blocking".to_owned();
        drop(std::thread::Builder::new().name(name).spawn(work));
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
            let stream = match to.host.parse::<IpAddr>() {
                Ok(ip) => TcpStream::connect((ip, to.port)).await?,
                Err(_) => TcpStream::connect(&self.resolve(to).await?[..]).await?,
            };
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
