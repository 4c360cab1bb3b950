//! [`Lazy`]: a stream that connects when it is first used, so that a request can be handed over at
//! once and goes its way whether or not its caller looks on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_lite::io::{AsyncRead, AsyncWrite};
use widget_core::runtime::{BoxFuture, Route, SharedRuntime, Stream};

pub(crate) enum Lazy {
    Connecting(BoxFuture<'static, io::Result<Box<dyn Stream>>>),
    Open(Box<dyn Stream>),
    /// It could not connect, or was closed before it had.
    Closed,
}

impl Lazy {
    pub(crate) fn new(runtime: &SharedRuntime, to: &Route) -> Self {
        let (runtime, to) = (Arc::clone(runtime), to.clone());
        Self::Connecting(Box::pin(async move { to.connect(&runtime).await }))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Stream>>> {
        if let Self::Connecting(connecting) = self {
            match ready!(connecting.as_mut().poll(cx)) {
                Ok(stream) => *self = Self::Open(stream),
                Err(error) => {
                    *self = Self::Closed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match self {
            Self::Open(stream) => Ok(Pin::new(&mut **stream)),
            Self::Connecting(_) | Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for Lazy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_read(cx, into)
    }
}

impl AsyncWrite for Lazy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(stream) => Pin::new(stream).poll_close(cx),
            other => {
                *other = Self::Closed;
                Poll::Ready(Ok(()))
            }
        }
    }
}
