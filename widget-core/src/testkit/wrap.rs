//! [`Scramble`]: a [`Wrap`] that is no protection, for tests of what carries one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::io::{AsyncRead, AsyncWrite};

use crate::runtime::{BoxFuture, Stream, Wrap};

/// The most bytes that are written at once.
const CHUNK: usize = 1024;

/// Turns over the bits of each byte, on both sides. Whoever wraps all that it sends is understood by
/// one who does the same, and by nobody else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scramble;

impl Wrap for Scramble {
    fn wrap(&self, stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async { Ok(Box::new(Scrambled(stream)) as Box<dyn Stream>) })
    }
}

/// Finds every peer to be another than was wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stranger;

impl Wrap for Stranger {
    fn wrap(&self, _stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let stranger = || io::Error::new(io::ErrorKind::InvalidData, "a stranger answered");
        Box::pin(async move { Err(stranger()) })
    }
}

struct Scrambled(Box<dyn Stream>);

impl AsyncRead for Scrambled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.0).poll_read(cx, into))?;
        into.iter_mut().take(count).for_each(|byte| *byte = !*byte);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Scrambled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turned: Vec<u8> = bytes.iter().take(CHUNK).map(|byte| !byte).collect();
        Pin::new(&mut self.0).poll_write(cx, &turned)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
