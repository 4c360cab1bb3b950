//! The server's side: answers one request on each connection.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_lite::future::or;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::{UnixListener, UnixStream};
use widget_core::frame::{MAX_TO_AGENT, MAX_TO_SERVER, v2};
use widget_core::message::{Opening, RefusalReason, Response};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::stop::StopSignal;
use widget_core::transport::{
    Listener, Origin, Rejection, Service, TransportError, TransportErrorKind,
};

use super::wire::{Places, Request, closed, frame, late, read};

/// The most requests at a time, of which each waiting agent has one; further ones wait until they
/// are accepted.
const MAX_REQUESTS: usize = 4_096;
/// How long a request may take to come, and its answer to be read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long requests may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// The server's side of commands over a Unix socket.
#[derive(Debug)]
pub struct UnixSocketListener {
    runtime: SharedRuntime,
    socket: UnixListener,
    path: PathBuf,
}

impl UnixSocketListener {
    /// Makes a socket of this path, which is removed again at the end.
    ///
    /// # Errors
    /// [`TransportErrorKind::Bind`] if there is something of this path already, or none may be made.
    pub fn bind(runtime: SharedRuntime, path: &Path) -> Result<Self, TransportError> {
        let cannot = |error| TransportError::with(TransportErrorKind::Bind, error);
        let listener = Self {
            runtime,
            socket: UnixListener::bind(path).map_err(cannot)?,
            path: path.to_owned(),
        };
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(cannot)?;
        Ok(listener)
    }

    async fn accept_all(&self, places: &Places, service: &Arc<dyn Service>, stop: &StopSignal) {
        loop {
            let place = places.take().await;
            let Ok((socket, _)) = self.socket.accept().await else {
                // No more files, say: there may be some later.
                self.runtime.sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (service, stop) = (Arc::clone(service), stop.clone());
            let runtime = Arc::clone(&self.runtime);
            self.runtime.spawn(Box::pin(async move {
                or(stop.asked(), serve_one(socket, &runtime, &*service)).await;
                drop(place);
            }));
        }
    }
}

impl Drop for UnixSocketListener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[async_trait]
impl Listener for UnixSocketListener {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn serve(
        self: Box<Self>,
        service: Arc<dyn Service>,
        stop: StopSignal,
    ) -> Result<(), TransportError> {
        let places = Places::new(MAX_REQUESTS);
        or(stop.asked(), self.accept_all(&places, &service, &stop)).await;
        let runtime = Arc::clone(&self.runtime);
        // From here on nobody can connect any more.
        drop(self);
        let all_ended = async {
            let mut taken = Vec::new();
            for _ in 0..MAX_REQUESTS {
                taken.push(places.take().await);
            }
        };
        runtime.timeout(ENDING, all_ended).await;
        Ok(())
    }
}

async fn serve_one(socket: UnixStream, runtime: &SharedRuntime, service: &dyn Service) {
    let origin = Origin {
        transport: super::NAME,
        address: "this host".into(),
        ip: None,
    };
    let served = answer(socket, runtime, service, &origin).await;
    match served.as_ref().map_err(TransportError::kind) {
        Err(TransportErrorKind::Protocol) => service.refused(&origin, "protocol"),
        Err(TransportErrorKind::Timeout) => service.refused(&origin, "slow"),
        _ => {}
    }
}

async fn answer(
    mut socket: UnixStream,
    runtime: &SharedRuntime,
    service: &dyn Service,
    origin: &Origin,
) -> Result<(), TransportError> {
    let request = read(&mut socket, MAX_TO_SERVER);
    let request = runtime.timeout(PATIENCE, request).await;
    let response = match request.ok_or_else(late)?? {
        Request::Open(opening) => open(service, origin, opening).await,
        Request::Call { session, command } => match service.resume(origin, &session).await {
            Ok(peer) => {
                let call = async { Some(service.call(&peer, command).await) };
                // Nothing more comes but the end, when the agent drops the call.
                let dropped = async {
                    let _ = socket.read(&mut [0]).await;
                    None
                };
                Ok(or(call, dropped).await.ok_or_else(|| closed("dropped"))?)
            }
            Err(rejection) => Err(rejection),
        },
    };
    let response = response.unwrap_or_else(Response::from);
    let kind = v2::Kind::Response;
    let frame = frame(kind, &response, MAX_TO_AGENT).or_else(|error| {
        let refused = Response::refused(RefusalReason::TooLarge, error.to_string());
        frame(kind, &refused, MAX_TO_AGENT)
    })?;
    let written = runtime.timeout(PATIENCE, socket.write_all(&frame)).await;
    written.ok_or_else(late)?.map_err(closed)
}

async fn open(
    service: &dyn Service,
    origin: &Origin,
    opening: Opening,
) -> Result<Response, Rejection> {
    let (peer, mut welcome) = service.open(origin, opening).await?;
    welcome.session = service.session(&peer).await?;
    Ok(Response::Welcome(welcome))
}
