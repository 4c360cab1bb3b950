//! [`Greeting`]: the stream below a handshake, of which only so much is read until that is over.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::io::{AsyncRead, AsyncWrite};

use crate::runtime::Stream;

/// A client's side of a handshake has about 2 KiB, also with keys of the newest kind, and behind it there may
/// come a record of the first request, which is read along until it is whole: 16 KiB and a little more. rustls
/// itself would keep a greeting of 64 KiB for whoever sends it.
const MOST: usize = 24 * 1024;

/// A stream that fails when a handshake needs more than [`MOST`] bytes.
pub(super) struct Greeting {
    inner: Box<dyn Stream>,
    /// What may still be read; none once the handshake is over.
    left: Option<usize>,
}

impl Greeting {
    pub(super) fn new(inner: Box<dyn Stream>) -> Self {
        Self {
            inner,
            left: Some(MOST),
        }
    }

    /// The handshake is over: all the rest is read.
    pub(super) const fn is_over(&mut self) {
        self.left = None;
    }
}

impl AsyncRead for Greeting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Some(left) = self.left else {
            return Pin::new(&mut self.inner).poll_read(cx, bytes);
        };
        if left == 0 {
            let why = "the greeting of TLS is too long";
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, why)));
        }
        let most = bytes.len().min(left);
        let bytes = bytes.get_mut(..most).unwrap_or_default();
        let count = ready!(Pin::new(&mut self.inner).poll_read(cx, bytes))?;
        self.left = Some(left.saturating_sub(count));
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Greeting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;
    use futures_lite::io::{AsyncReadExt, Cursor};

    use super::*;

    #[test]
    fn a_greeting_ends_where_it_is_too_long() {
        let mut greeting = Greeting::new(Box::new(Cursor::new(vec![7; MOST + 1])));
        let mut bytes = vec![0; MOST * 2];
        assert_eq!(block_on(greeting.read(&mut bytes)).unwrap(), MOST);
        let error = block_on(greeting.read(&mut bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn after_the_handshake_all_is_read() {
        let mut greeting = Greeting::new(Box::new(Cursor::new(vec![7; MOST * 3])));
        greeting.is_over();
        let mut bytes = Vec::new();
        block_on(greeting.read_to_end(&mut bytes)).unwrap();
        assert_eq!(bytes.len(), MOST * 3);
    }
}
