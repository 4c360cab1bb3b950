//! [`Paced`]: a stream that tells its [`Line`] what phase reading and writing bring it to, and
//! whose end waits for a peer that still sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::line::{Line, Phase};

/// How much is read away at a time, in bytes; and how often, before others have their turn.
const AWAY: usize = 2 * 1024;
const TURNS: usize = 32;

#[derive(Debug)]
pub(crate) struct Paced<I> {
    inner: I,
    line: Arc<Line>,
}

impl<I: Read + Write + Unpin> Paced<I> {
    pub(crate) const fn new(inner: I, line: Arc<Line>) -> Self {
        Self { inner, line }
    }

    fn inner(&mut self) -> Pin<&mut I> {
        Pin::new(&mut self.inner)
    }

    /// Ready when the peer has closed too. A socket that is closed while bytes stand unread in it
    /// is reset, and the peer may never see the answer that it was sent.
    fn poll_read_away(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..TURNS {
            let mut bytes = [0; AWAY];
            let mut away = ReadBuf::new(&mut bytes);
            ready!(self.inner().poll_read(cx, away.unfilled()))?;
            if away.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<I: Read + Write + Unpin> Read for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.inner().poll_read(cx, buf))?;
        // Or the end has come, and the phase no longer matters.
        if matches!(self.line.phase(), Phase::New | Phase::Idle) {
            self.line.enter(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: Read + Write + Unpin> Write for Paced<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.inner().poll_write(cx, buf))?;
        self.line.add_moved(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.inner().poll_write_vectored(cx, bufs))?;
        self.line.add_moved(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    // Called when all of an answer has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.inner().poll_flush(cx))?;
        if self.line.phase() == Phase::Answer {
            self.line.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.line.phase();
        if phase != Phase::Farewell {
            ready!(self.inner().poll_shutdown(cx))?;
            // With headers that were refused, more may come as well.
            if phase != Phase::Head && !self.line.is_rest_refused() {
                return Poll::Ready(Ok(()));
            }
            self.line.enter(Phase::Farewell);
        }
        self.poll_read_away(cx)
    }
}
