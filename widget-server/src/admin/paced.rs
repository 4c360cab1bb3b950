//! [`Paced`]: a stream whose other side has to take what is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use widget_core::runtime::BoxFuture;
use widget_core::time::Mono;

use super::serve::Ground;

/// Fails once the other side has not taken for too long what is written.
pub(super) struct Paced<I> {
    inner: I,
    ground: Arc<Ground>,
    /// Set with whatever comes.
    is_asked: Arc<AtomicBool>,
    waits: Option<Waits>,
}

/// The other side takes less than there is.
struct Waits {
    since: Mono,
    /// Bytes that it has taken since.
    taken: u64,
    limit: BoxFuture<'static, ()>,
}

impl<I: Unpin> Paced<I> {
    pub(super) const fn new(inner: I, ground: Arc<Ground>, is_asked: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            ground,
            is_asked,
            waits: None,
        }
    }

    fn inner(&mut self) -> Pin<&mut I> {
        Pin::new(&mut self.inner)
    }

    fn took(&mut self, bytes: usize) {
        if let Some(waits) = &mut self.waits {
            waits.taken = waits.taken.saturating_add(bytes as u64);
        }
    }

    /// Waits on, or fails if that has been for too long.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let ground = &self.ground;
        let sleep = |until| -> BoxFuture<'static, ()> {
            let runtime = Arc::clone(&ground.runtime);
            Box::pin(async move { runtime.sleep_until(until).await })
        };
        let now = ground.runtime.now();
        let waits = self.waits.get_or_insert_with(|| Waits {
            since: now,
            taken: 0,
            limit: sleep(now.after(ground.limits.write)),
        });
        while waits.limit.as_mut().poll(cx).is_ready() {
            let allowed = waits.since.after(ground.limits.write);
            let end = allowed.after(ground.limits.extra(waits.taken));
            if end <= now {
                ground.refused("admin_unread");
                let why = "the answer was not read in time";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
            waits.limit = sleep(end);
        }
        Poll::Pending
    }
}

impl<I: Read + Unpin> Read for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.inner().poll_read(cx, buf))?;
        self.is_asked.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<I: Write + Unpin> Write for Paced<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.inner().poll_write(cx, buf) {
            Poll::Ready(Ok(count)) => {
                self.took(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.wait(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.inner().poll_write_vectored(cx, bufs) {
            Poll::Ready(Ok(count)) => {
                self.took(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.wait(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    // hyper calls this behind each write that has taken all there was.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.inner().poll_flush(cx) {
            Poll::Ready(done) => {
                self.waits = None;
                Poll::Ready(done)
            }
            Poll::Pending => self.wait(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.inner().poll_shutdown(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.wait(cx),
        }
    }
}
