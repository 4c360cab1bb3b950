//! [`HttpTransport`]: says the opening.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use widget_core::codec::{Bincode, CodecError, ErasedCodec};
use widget_core::frame::MAX_OPENING;
use widget_core::message::{Opening, Welcome};
use widget_core::runtime::{Route, RuntimeExt, SharedRuntime, Wrap};
use widget_core::transport::{Connection, Transport, TransportError, TransportErrorKind, welcomed};

use crate::answer::broken;
use crate::connection::{HttpConnection, Way};
use crate::outgoing::Addressee;
use crate::paths::path_of_opening;
use crate::socket::Socket;
use crate::url::HttpUrl;

/// The agent's side of commands over HTTP.
///
/// ```
/// use std::sync::Arc;
/// use widget_core::runtime::TokioRuntime;
/// use widget_transport_http::HttpTransport;
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// let runtime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
/// let transport = HttpTransport::new(runtime, "http://127.0.0.1:9005".parse().unwrap());
/// # let _ = transport;
/// ```
#[derive(Clone)]
pub struct HttpTransport {
    runtime: SharedRuntime,
    address: HttpUrl,
    route: Route,
    codec: &'static dyn ErasedCodec,
    connect: Duration,
    call: Duration,
}

impl HttpTransport {
    /// To this address. A connect may take 5 s with the opening, a call 10 s. For `https://` say by
    /// [`wrapped_by`](Self::wrapped_by) what TLS there is to be.
    #[must_use]
    pub fn new(runtime: SharedRuntime, address: HttpUrl) -> Self {
        Self {
            runtime,
            route: Route::plain(address.address().clone()),
            address,
            codec: &Bincode,
            connect: Duration::from_secs(5),
            call: Duration::from_secs(10),
        }
    }

    /// With other totals for connecting (with the opening) and for a call. A call that asks for
    /// work may take as long as it asks the server to wait besides.
    #[must_use]
    pub const fn with_deadlines(mut self, connect: Duration, call: Duration) -> Self {
        self.connect = connect;
        self.call = call;
        self
    }

    /// Speaks this codec, which the server must have, instead of bincode.
    #[must_use]
    pub const fn with_codec(mut self, codec: &'static dyn ErasedCodec) -> Self {
        self.codec = codec;
        self
    }

    /// Lays this around the bytes of each socket, such as TLS.
    #[must_use]
    pub fn wrapped_by(mut self, wrap: Arc<dyn Wrap>) -> Self {
        self.route = self.route.wrapped_by(wrap);
        self
    }

    async fn open(&self, opening: Opening) -> Result<(HttpConnection, Welcome), TransportError> {
        if self.address.is_secure() && !self.route.is_wrapped() {
            let why = "https:// needs TLS, and this transport was given none";
            return Err(TransportError::with(TransportErrorKind::Config, why));
        }
        let body = encode(MAX_OPENING, |out| self.codec.encode_opening(&opening, out))?;
        let path = path_of_opening(&opening);
        drop(opening);
        let mut way = Way {
            runtime: Arc::clone(&self.runtime),
            route: self.route.clone(),
            codec: self.codec,
            to: Addressee::new(&self.address, self.codec)?,
        };
        let socket = Socket::connect(&way.runtime, &way.route).await?;
        let (response, socket) = way.ask(socket, &path, body).await?;
        let mut welcome = welcomed(response)?;
        way.to = way.to.with_session(&std::mem::take(&mut welcome.session))?;
        Ok((HttpConnection::new(way, self.call, socket), welcome))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("HttpTransport");
        text.field("address", &self.address);
        text.finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn name(&self) -> &'static str {
        crate::name_of(self.route.is_wrapped())
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let open = self.runtime.timeout(self.connect, self.open(opening)).await;
        let (connection, welcome) =
            open.ok_or(TransportError::new(TransportErrorKind::Timeout))??;
        Ok((Arc::new(connection), welcome))
    }
}

/// The body of a request, which is refused here if it is too long.
pub(crate) fn encode(
    limit: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), CodecError>,
) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    write(&mut body).map_err(broken)?;
    if body.len() > limit {
        return Err(TransportError::new(TransportErrorKind::TooLarge { limit }));
    }
    Ok(body.freeze())
}
