//! [`Runtime`]: all that the library asks of the program's async runtime, so that agent, server
//! and connections run unchanged on tokio, on smol and in a simulation.

mod address;
mod route;
#[cfg(feature = "smol")]
#[expect(
    clippy::disallowed_methods,
    reason = "an adapter is what the others ask instead"
)]
mod smol;
mod steady;
#[cfg(feature = "tokio")]
#[expect(
    clippy::disallowed_methods,
    reason = "an adapter is what the others ask instead"
)]
mod tokio;

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

pub use address::{Address, InvalidAddress};
use futures_lite::io::{AsyncRead, AsyncWrite};
pub use route::{Route, Wrap};

#[cfg(feature = "smol")]
pub use self::smol::SmolRuntime;
pub use self::steady::SteadyClock;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;
use crate::stop::Stop;
use crate::time::{Mono, Timestamp};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection's bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What the library asks of an async runtime.
///
/// An implementation
/// - must run what is spawned until it ends, even if nobody waits for it;
/// - must never run [`spawn_blocking`](Self::spawn_blocking) work on a thread that drives futures;
/// - must not wake a sleeper before its time, and soon after it;
/// - must give a clock that never goes back;
/// - must give random bits for a [`secret`](Self::secret) that nobody guesses, or none;
/// - must resolve the name anew at each [`connect`](Self::connect), and try each of its addresses.
pub trait Runtime: Debug + Send + Sync {
    /// Runs a future in the background.
    fn spawn(&self, work: BoxFuture<'static, ()>);

    /// Runs blocking work on a thread that may block.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);

    /// Ends at this time.
    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()>;

    /// The time on the clock that never jumps.
    fn now(&self) -> Mono;

    /// The time on the wall clock.
    fn wall(&self) -> Timestamp;

    /// How long the host has been up, suspended time included, where that can be known: by it a clock
    /// that was set is told from a host that slept.
    fn uptime(&self) -> Option<Duration> {
        None
    }

    /// Sixty-four random bits, good enough for identifiers.
    fn random(&self) -> u64;

    /// Thirty-two random bytes, good enough for a [`Secret`](crate::access::Secret); `None` if the
    /// system has none to give. As it stands they are as good as [`random`](Self::random) is, so a
    /// runtime whose `random` may be guessed must have this too.
    fn secret(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        for part in bytes.as_chunks_mut::<8>().0 {
            *part = self.random().to_le_bytes();
        }
        Some(bytes)
    }

    /// The number that the host gave this process, for people who look at a crash; may repeat.
    #[expect(clippy::disallowed_methods, reason = "what every adapter would say")]
    fn pid(&self) -> u32 {
        std::process::id()
    }

    /// Opens a connection over TCP, without delay for small writes.
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>>;
}

/// Comfort on every [`Runtime`].
pub trait RuntimeExt: Runtime {
    /// Ends after this time.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().after(time))
    }

    /// The future's result, or `None` if it takes longer than this. The work is looked at first.
    fn timeout<T: Send>(
        &self,
        time: Duration,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Option<T>> + Send {
        let mut limit = self.sleep(time);
        async move {
            let mut work = pin!(work);
            poll_fn(|cx| match work.as_mut().poll(cx) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
            })
            .await
        }
    }

    /// The result of blocking work, or `None` if it panicked.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let result = Arc::new(Mutex::new(None));
        let (over, place) = (Stop::new(), Arc::clone(&result));
        let ended = over.signal();
        self.spawn_blocking(Box::new(move || {
            // Says so when it is dropped, even if the work panics or never begins.
            let _over = over;
            let value = work();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }));
        async move {
            ended.asked().await;
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            result.take()
        }
    }

    /// Random bits for an identifier.
    fn random_pair(&self) -> [u64; 2] {
        [self.random(), self.random()]
    }
}

impl<R: Runtime + ?Sized> RuntimeExt for R {}

/// A runtime that is shared.
pub type SharedRuntime = Arc<dyn Runtime>;

#[cfg(any(feature = "tokio", feature = "smol"))]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the adapters ask this"
)]
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The hasher is seeded by the standard library, which has its own way to randomness.
    getrandom::u64().unwrap_or_else(|_| {
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    })
}

/// Without the way out that [`random`] has.
#[cfg(any(feature = "tokio", feature = "smol"))]
#[expect(clippy::disallowed_methods, reason = "the adapters ask this")]
fn secret() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

#[cfg(any(feature = "tokio", feature = "smol"))]
#[expect(clippy::disallowed_methods, reason = "the adapters ask this")]
fn wall() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// As Linux says it in `/proc/uptime` (proc(5)): seconds with two decimals, suspended time included.
#[cfg(any(feature = "tokio", feature = "smol"))]
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let hundredths: u64 = rest.get(..2)?.parse().ok()?;
    let seconds: u64 = seconds.parse().ok()?;
    Some(Duration::from_millis(
        seconds.checked_mul(1_000)?.checked_add(hundredths * 10)?,
    ))
}
