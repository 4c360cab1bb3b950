//! The one list of transports that this build knows: from a server's address to a [`Transport`].

use std::error::Error;
use std::sync::Arc;

use widget_core::runtime::SharedRuntime;
use widget_core::transport::Transport;

type Open = fn(&str, SharedRuntime) -> Result<Arc<dyn Transport>, ConnectError>;

/// By scheme.
const TRANSPORTS: &[(&str, Open)] = &[
    #[cfg(feature = "tcp")]
    ("tcp", tcp::open),
];

/// An address leads to no transport.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is nothing of the form `scheme://` at its start.
    #[error("{0} is no address of a server, such as tcp://127.0.0.1:9004")]
    NoScheme(String),
    /// This build has no transport for it.
    #[error("unknown scheme {scheme}: this build knows {known}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// Those that were compiled in.
        known: String,
    },
    /// What follows the scheme is not what its transport needs.
    #[error("{address} is no address of a server")]
    Address {
        /// The address.
        address: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The transport for a server's address, such as `tcp://127.0.0.1:9004`.
///
/// # Errors
/// [`ConnectError`]; an unknown scheme names those that this build knows.
pub fn connect(url: &str, runtime: SharedRuntime) -> Result<Arc<dyn Transport>, ConnectError> {
    let Some((scheme, _)) = url.split_once("://") else {
        return Err(ConnectError::NoScheme(url.to_owned()));
    };
    let known = TRANSPORTS.iter().find(|(name, _)| *name == scheme);
    let (_, open) = known.ok_or_else(|| ConnectError::UnknownScheme {
        scheme: scheme.to_owned(),
        known: schemes(),
    })?;
    open(url, runtime)
}

fn schemes() -> String {
    let names: Vec<&str> = TRANSPORTS.iter().map(|(name, _)| *name).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

#[cfg(feature = "tcp")]
mod tcp {
    //! `tcp://host:port`.

    use std::sync::Arc;

    use widget_core::runtime::{Address, SharedRuntime};
    use widget_core::transport::Transport;
    use widget_transport_tcp::TcpTransport;

    use super::ConnectError;

    pub(super) fn open(
        url: &str,
        runtime: SharedRuntime,
    ) -> Result<Arc<dyn Transport>, ConnectError> {
        let address = url
            .strip_prefix("tcp://")
            .unwrap_or(url)
            .trim_end_matches('/');
        let address: Address = address.parse().map_err(|error| ConnectError::Address {
            address: url.to_owned(),
            source: Box::new(error),
        })?;
        Ok(Arc::new(TcpTransport::new(runtime, address)))
    }
}

#[cfg(test)]
#[cfg(feature = "tcp")]
mod tests {
    use widget_core::runtime::TokioRuntime;

    use super::*;

    async fn error(url: &str) -> String {
        let runtime = Arc::new(TokioRuntime::current().unwrap());
        connect(url, runtime).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_known_scheme_gives_its_transport() {
        let runtime = Arc::new(TokioRuntime::current().unwrap());
        let transport = connect("tcp://[::1]:9004", runtime).unwrap();
        assert_eq!(transport.name(), "tcp");
    }

    #[tokio::test]
    async fn an_unknown_scheme_names_the_known_ones() {
        assert_eq!(
            error("foo://127.0.0.1:9004").await,
            "unknown scheme foo: this build knows tcp"
        );
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        assert!(error("127.0.0.1:9004").await.contains("such as tcp://"));
        assert!(error("tcp://127.0.0.1").await.contains("no address"));
    }
}
