//! [`AdminSocket`]: API and page in a file that nobody but its owner can open.

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use widget_core::runtime::BoxFuture;
use widget_core::stop::StopSignal;
use widget_core::transport::{DoorLimits, Doors, Place, TransportError, TransportErrorKind};

use super::accept::{Socket, serve_all};
use super::limits::AdminLimits;
use super::serve::{Ground, Peer, serve};
use crate::access::Caller;
use crate::data;
use crate::handle::ServerHandle;

/// The directory in the data directory, which is its owner's alone.
const DIRECTORY: &str = "ctl";
const NAME: &str = "widget.sock";
/// The longest path that every system takes, in bytes.
const LONGEST: usize = 100;

/// Serves API and page by a UNIX socket in the data directory, to the user whose server it is (and to
/// root). Whoever comes that way is an admin, known by the number of its user: [`Caller::local`].
/// `widgetctl` does.
///
/// ```
/// use std::sync::Arc;
/// use widget_core::runtime::TokioRuntime;
/// use widget_core::stop::Stop;
/// use widget_server::{AdminSocket, HostRules, Server, open, router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let data = directory.path();
/// let runtime = Arc::new(TokioRuntime::current().ok_or("no tokio")?);
/// // First the store: with its lock on the directory there is no other server.
/// let stores = open::store("sqlite", data, &(runtime.clone() as _))?;
/// let handle = Server::builder(runtime, stores).build().handle();
/// let socket = AdminSocket::bind(data).await?;
/// let (app, stop) = (router(handle.clone(), HostRules::default()), Stop::new());
/// let serving = tokio::spawn(socket.serve(app, handle, stop.signal()));
/// # stop.ask();
/// # serving.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AdminSocket {
    socket: UnixListener,
    path: PathBuf,
    limits: AdminLimits,
}

impl AdminSocket {
    /// Where the socket of a server with this data directory is.
    #[must_use]
    pub fn path_in(data: &Path) -> PathBuf {
        data.join(DIRECTORY).join(NAME)
    }

    /// Listens in this data directory, in place of a server that has ended. Say it while the store is
    /// open, whose lock keeps others away. Blocks while the directory is made.
    ///
    /// # Errors
    /// [`TransportErrorKind::Bind`] if another server listens there, the path is too long for a socket,
    /// or the system says no.
    pub async fn bind(data: &Path) -> Result<Self, TransportError> {
        let path = Self::path_in(data);
        let socket = listen(&path).await.map_err(|error| {
            let why = format!("cannot listen on {}: {error}", path.display());
            TransportError::with(TransportErrorKind::Bind, why)
        })?;
        Ok(Self {
            socket,
            path,
            limits: AdminLimits::default(),
        })
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: AdminLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves `app` as [`AdminListener::serve`](super::AdminListener::serve) does. The file stays when it
    /// ends, for the next server to replace: by then it may be that one's.
    ///
    /// # Errors
    /// [`TransportErrorKind::Config`] outside of a tokio runtime.
    pub async fn serve(
        self,
        app: Router,
        handle: ServerHandle,
        stop: StopSignal,
    ) -> Result<(), TransportError> {
        serve_all(self.socket, self.limits, (app, handle), stop).await
    }
}

async fn listen(path: &Path) -> io::Result<UnixListener> {
    let length = path.as_os_str().len();
    if length > LONGEST {
        let why = format!("a path of {length} bytes is too long for a socket, {LONGEST} at most");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if let Some(directory) = path.parent() {
        make(directory)?;
    }
    remove_stale(path).await?;
    let socket = UnixListener::bind(path)?;
    // Nobody else has come through the directory in between.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(socket)
}

/// A directory that is its owner's alone, whatever it was.
fn make(directory: &Path) -> io::Result<()> {
    if let Some(above) = directory.parent() {
        data::make(above)?;
    }
    match data::make_private(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    // Not where a link leads.
    if !fs::symlink_metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Removes the socket of a server that has ended. A store in memory has no lock, so it is asked.
async fn remove_stale(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another server is there",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            // A file refuses too.
            match fs::symlink_metadata(path)?.file_type().is_socket() {
                true => fs::remove_file(path),
                false => Err(io::ErrorKind::AlreadyExists.into()),
            }
        }
        Err(error) => Err(error),
    }
}

impl Socket for UnixListener {
    /// With the number of its user.
    type Stream = (UnixStream, Option<u32>);

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = Self::accept(self).await?;
        let user = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, user))
    }

    fn admits(&self, (_, user): &Self::Stream) -> bool {
        user.is_some()
    }

    fn doors(&self, _: DoorLimits) -> Option<Arc<Doors>> {
        None
    }

    fn peer(&self, _: &Self::Stream) -> Option<IpAddr> {
        None
    }

    fn say(&self, (stream, _): &Self::Stream, text: &[u8]) {
        let _ = stream.try_write(text);
    }

    fn serve(
        &self,
        (stream, user): Self::Stream,
        ground: Arc<Ground>,
        _: Option<Arc<Place>>,
    ) -> BoxFuture<'static, ()> {
        let peer = Peer {
            caller: Some(user.map_or_else(Caller::nobody, Caller::local)),
            ..Peer::default()
        };
        Box::pin(serve(TokioIo::new(stream), ground, peer))
    }
}
