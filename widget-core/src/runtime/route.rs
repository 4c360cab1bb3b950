//! [`Route`]: an address, and the [`Wrap`] that is laid around whatever is sent there.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use super::{Address, BoxFuture, SharedRuntime, Stream};

/// What is laid around the bytes of a connection, on either side: TLS, or whatever else a transport
/// need not know.
///
/// An implementation
/// - must end if the stream does, and must fail rather than pass bytes on as they are;
/// - must deliver all that was written once it is flushed;
/// - must tell an end that the peer said from a stream that was cut.
///
/// How long it takes is bounded by whoever asks for it. It fails with
/// [`InvalidData`](io::ErrorKind::InvalidData) if the peer is not the one that was wanted, or speaks
/// something else.
pub trait Wrap: Debug + Send + Sync {
    /// Lays it around a connection that is open, and greets the other side.
    fn wrap(&self, stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>>;
}

/// Where a connection goes: an address, and what is laid around the bytes.
///
/// ```
/// use widget_core::runtime::Route;
///
/// let route = Route::plain("127.0.0.1:9004".parse().unwrap());
/// assert_eq!(route.address().port, 9004);
/// ```
#[derive(Debug, Clone)]
pub struct Route {
    address: Address,
    wrap: Option<Arc<dyn Wrap>>,
}

impl Route {
    /// To this address, with the bytes as they are.
    #[must_use]
    pub const fn plain(address: Address) -> Self {
        Self {
            address,
            wrap: None,
        }
    }

    /// The same way with this around the bytes, in place of what was.
    #[must_use]
    pub fn wrapped_by(mut self, wrap: Arc<dyn Wrap>) -> Self {
        self.wrap = Some(wrap);
        self
    }

    /// Where it goes.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Whether anything is laid around the bytes.
    #[must_use]
    pub const fn is_wrapped(&self) -> bool {
        self.wrap.is_some()
    }

    /// Opens a connection, and wraps it.
    ///
    /// # Errors
    /// As [`Runtime::connect`](super::Runtime::connect) and [`Wrap::wrap`] say.
    pub async fn connect(&self, runtime: &SharedRuntime) -> io::Result<Box<dyn Stream>> {
        let stream = runtime.connect(&self.address).await?;
        match &self.wrap {
            Some(wrap) => wrap.wrap(stream).await,
            None => Ok(stream),
        }
    }
}
