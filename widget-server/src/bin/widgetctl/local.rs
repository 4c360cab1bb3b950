//! The socket of a server on this host.

#[cfg(unix)]
pub(crate) use self::unix::{connect, path_in};

#[cfg(not(unix))]
pub(crate) use self::elsewhere::{connect, path_in};

#[cfg(unix)]
mod unix {
    //! Where there are such sockets.

    use std::io;
    use std::path::{Path, PathBuf};

    use tokio::net::UnixStream;
    use widget_server::AdminSocket;

    /// Where the socket is, as a path that holds wherever it is read.
    pub(crate) fn path_in(data: &Path) -> PathBuf {
        let path = AdminSocket::path_in(data);
        std::path::absolute(&path).unwrap_or(path)
    }

    pub(crate) async fn connect(data: &Path) -> io::Result<UnixStream> {
        // By the path as it was said, which may be shorter.
        UnixStream::connect(AdminSocket::path_in(data)).await
    }
}

#[cfg(not(unix))]
mod elsewhere {
    //! Where there are none.

    use std::io;
    use std::path::{Path, PathBuf};

    use tokio::net::TcpStream;

    pub(crate) fn path_in(data: &Path) -> PathBuf {
        data.to_path_buf()
    }

    pub(crate) async fn connect(_: &Path) -> io::Result<TcpStream> {
        let why = "this system has no sockets for that: say --server URL";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }
}
