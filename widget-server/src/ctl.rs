//! The way for `widgetctl` on this host: a socket in the data directory, whatever `--admin` says.

use std::path::Path;

use widget_core::stop::StopSignal;
use widget_core::transport::TransportError;
use widget_server::{AdminSocket, HostRules, ServerHandle, router};

/// The socket, once the store is open. A server is of use without it, so it is only said if it cannot be.
pub(crate) async fn bind(data: &Path) -> Option<AdminSocket> {
    match AdminSocket::bind(data).await {
        Ok(socket) => {
            tracing::info!(socket = %socket.path().display(), "widgetctl finds the server there");
            Some(socket)
        }
        Err(error) => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            let why = why.unwrap_or_else(|| error.to_string());
            tracing::warn!(why, "widgetctl needs --server to find this server");
            None
        }
    }
}

/// Serves it until the stop.
pub(crate) async fn serve(
    socket: Option<AdminSocket>,
    handle: &ServerHandle,
    stop: StopSignal,
) -> Result<(), TransportError> {
    let Some(socket) = socket else {
        return Ok(());
    };
    // Whoever came by the file has said no name, so there is none to check.
    let app = router(handle.clone(), HostRules::default());
    socket.serve(app, handle.clone(), stop).await
}
