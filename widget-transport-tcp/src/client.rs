//! [`TcpTransport`]: connects and says the opening.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use widget_core::codec::{Bincode, ErasedCodec};
use widget_core::frame::{FrameError, GoAway, MAX_OPENING, MAX_TO_AGENT, v2};
use widget_core::message::{Opening, Welcome};
use widget_core::runtime::{Address, Route, RuntimeExt, SharedRuntime, Stream, Wrap};
use widget_core::transport::{Connection, Transport, TransportError, TransportErrorKind, welcomed};

use crate::connection::TcpConnection;
use crate::driver::Driver;
use crate::frames::{self, EncodeError};
use crate::shared::Shared;
use crate::wire::Wire;

/// The request id of the opening; calls count on from here.
const OPENING: u32 = 0;

/// The agent's side of commands over TCP.
///
/// ```
/// use std::sync::Arc;
/// use widget_core::runtime::TokioRuntime;
/// use widget_transport_tcp::TcpTransport;
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// let runtime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
/// let transport = TcpTransport::new(runtime, "127.0.0.1:9004".parse().unwrap());
/// # let _ = transport;
/// ```
#[derive(Clone)]
pub struct TcpTransport {
    runtime: SharedRuntime,
    route: Route,
    codec: &'static dyn ErasedCodec,
    connect: Duration,
    call: Duration,
}

impl TcpTransport {
    /// To this address. A connect may take 5 s with the opening, a call 10 s.
    #[must_use]
    pub fn new(runtime: SharedRuntime, address: Address) -> Self {
        Self {
            runtime,
            route: Route::plain(address),
            codec: &Bincode,
            connect: Duration::from_secs(5),
            call: Duration::from_secs(10),
        }
    }

    /// With other totals for connecting (with the opening) and for a call. A call that asks for
    /// work may take as long as it asks the server to wait besides.
    #[must_use]
    pub fn with_deadlines(mut self, connect: Duration, call: Duration) -> Self {
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

    /// Lays this around the bytes of each connection, such as TLS.
    #[must_use]
    pub fn wrapped_by(mut self, wrap: Arc<dyn Wrap>) -> Self {
        self.route = self.route.wrapped_by(wrap);
        self
    }

    async fn open(
        &self,
        opening: Opening,
    ) -> Result<(Wire<Box<dyn Stream>>, Welcome), TransportError> {
        let stream = self.route.connect(&self.runtime).await;
        let mut wire = Wire::new(stream.map_err(unreached)?);
        let head = (self.codec.id(), v2::Kind::Command, OPENING);
        frames::append(&mut wire.out, head, MAX_OPENING, |out| {
            self.codec.encode_opening(&opening, out)
        })
        .map_err(unsendable)?;
        wire.flush().await.map_err(lost)?;
        loop {
            if let Some(welcome) = answer(&mut wire, self.codec)? {
                return Ok((wire, welcome));
            }
            if wire.fill().await.map_err(lost)? == 0 {
                return Err(TransportError::new(TransportErrorKind::Closed));
            }
        }
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("TcpTransport");
        text.field("address", self.route.address());
        text.finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for TcpTransport {
    fn name(&self) -> &'static str {
        crate::name_of(self.route.is_wrapped())
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let open = self.runtime.timeout(self.connect, self.open(opening)).await;
        let (wire, welcome) = open.ok_or(TransportError::new(TransportErrorKind::Timeout))??;
        let shared = Arc::new(Shared::new(OPENING + 1));
        self.runtime.spawn(Box::pin(
            Driver::new(wire, self.codec, Arc::clone(&shared)).run(),
        ));
        let connection =
            TcpConnection::new(shared, self.codec, Arc::clone(&self.runtime), self.call);
        Ok((Arc::new(connection), welcome))
    }
}

/// The server's answer to the opening, if it is there.
fn answer(
    wire: &mut Wire<Box<dyn Stream>>,
    codec: &dyn ErasedCodec,
) -> Result<Option<Welcome>, TransportError> {
    // The limit of what comes later: the server may send its first answer right behind.
    let Some(frame) = wire.came.next_v2(MAX_TO_AGENT).map_err(broken)? else {
        return Ok(None);
    };
    match frame.head.kind {
        v2::Kind::Response if frame.head.request == OPENING => {}
        v2::Kind::GoAway => return Err(gone_away(frame.payload)),
        _ => {
            return Err(broken(
                "something else came before the answer to the opening",
            ));
        }
    }
    let answer = codec.decode_response(frame.payload).map_err(broken)?;
    welcomed(answer).map(Some)
}

pub(crate) fn gone_away(payload: &[u8]) -> TransportError {
    match GoAway::decode(payload) {
        Ok(bye) => TransportError::new(TransportErrorKind::GoneAway(bye)),
        Err(error) => broken(error),
    }
}

pub(crate) fn broken(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TransportError {
    TransportError::with(TransportErrorKind::Protocol, why)
}

/// Tells a peer that is not the one that was wanted from one that is not there.
fn unreached(error: io::Error) -> TransportError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => TransportErrorKind::Protocol,
        _ => TransportErrorKind::Unreachable,
    };
    TransportError::with(kind, error)
}

pub(crate) fn lost(error: io::Error) -> TransportError {
    TransportError::with(TransportErrorKind::Closed, error)
}

pub(crate) fn unsendable(error: EncodeError) -> TransportError {
    match error {
        EncodeError::Frame(FrameError::Length { limit, .. }) => {
            TransportError::new(TransportErrorKind::TooLarge { limit })
        }
        EncodeError::Frame(error) => broken(error),
        EncodeError::Codec(error) => broken(error),
    }
}
