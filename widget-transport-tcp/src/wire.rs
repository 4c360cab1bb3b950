//! [`Wire`]: a stream with what came over it and what is to go, by hand-written polls, so that one
//! task reads and writes at once and an idle connection keeps almost no memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use widget_core::frame::FrameBuffer;
use widget_core::runtime::Stream;

/// How much is read at once. It lies on the stack and only during a poll.
const CHUNK: usize = 8 * 1024;

#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    /// What came and was not taken yet.
    pub(crate) came: FrameBuffer,
    /// What is to be written: whole frames, the first perhaps without its beginning.
    pub(crate) out: BytesMut,
    /// How many bytes were written, ever.
    pub(crate) written: u64,
    flushed: bool,
}

impl<S: Stream> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            came: FrameBuffer::new(),
            out: BytesMut::new(),
            written: 0,
            flushed: true,
        }
    }

    /// Reads once. Zero means that the other side has closed.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; CHUNK];
        let count = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
        self.came.push(chunk.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    /// Writes until there is nothing left to write.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(count);
            self.written = self.written.saturating_add(count as u64);
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
            self.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }
}

#[cfg(feature = "serve")]
impl<S: Stream> Wire<S> {
    /// Says that nothing more will be written, then throws away what comes until the other side
    /// closes too. A socket that is closed with bytes unread resets the connection, and the other
    /// side would lose the last words to it.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_close(cx)).await?;
        poll_fn(|cx| {
            let mut chunk = [0; CHUNK];
            while ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))? > 0 {}
            Poll::Ready(Ok(()))
        })
        .await
    }
}
