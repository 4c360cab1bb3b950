//! `tls://host:port` and `https://host[:port][/prefix]`.

use std::path::PathBuf;

use widget_core::tls::Trust;
#[cfg(any(feature = "tcp", feature = "http"))]
use widget_core::tls::{Application, TlsClient};

use super::ConnectError;
#[cfg(any(feature = "tcp", feature = "http"))]
use super::{Failed, Options};

/// The server whose authority has this pin.
pub(super) fn pinned(pin: &str) -> Result<Trust, ConnectError> {
    let read = pin.parse().map(Trust::Pin);
    read.map_err(|_| ConnectError::Pin)
}

/// A server of one of the authorities in this file.
pub(super) fn authorities(path: &str) -> Result<Trust, ConnectError> {
    let failed = |source| ConnectError::Authorities {
        path: PathBuf::from(path),
        source,
    };
    let pem = std::fs::read(path).map_err(|error| failed(error.into()))?;
    Trust::from_pem(&pem).map_err(|error| failed(error.into()))
}

/// TLS to this host.
#[cfg(any(feature = "tcp", feature = "http"))]
fn client(options: Options, host: &str, application: Application) -> Result<TlsClient, Failed> {
    let trust = options.trust.ok_or(
        "it is not said by what the server is known: add ?pin=PIN, which is a part of what \
         `widgetctl join-token create` prints, or ?ca=FILE with the certificate of its authority",
    )?;
    Ok(TlsClient::new(&trust, host, application)?)
}

#[cfg(feature = "tcp")]
pub(super) mod tcp {
    //! `tls://host:port`.

    use std::sync::Arc;

    use widget_core::runtime::{Address, SharedRuntime};
    use widget_core::tls::Application;
    use widget_transport_tcp::TcpTransport;

    use super::super::{Known, Opened, Options};

    pub(in super::super) const KNOWN: Known = Known {
        scheme: "tls",
        local: "tls://127.0.0.1:9004",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, options: Options) -> Opened {
        let address = url.strip_prefix("tls://").unwrap_or(url);
        let address: Address = address.trim_end_matches('/').parse()?;
        let codec = options.codec;
        let tls = super::client(options, &address.host, Application::Frames)?;
        let transport = TcpTransport::new(runtime, address).with_codec(codec);
        Ok(Arc::new(transport.wrapped_by(Arc::new(tls))))
    }
}

#[cfg(feature = "http")]
pub(super) mod http {
    //! `https://host[:port][/prefix]`.

    use std::sync::Arc;

    use widget_core::runtime::SharedRuntime;
    use widget_core::tls::Application;
    use widget_transport_http::{HttpTransport, HttpUrl};

    use super::super::{Known, Opened, Options};

    pub(in super::super) const KNOWN: Known = Known {
        scheme: "https",
        local: "https://127.0.0.1:9005",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, options: Options) -> Opened {
        let url: HttpUrl = url.parse()?;
        let codec = options.codec;
        let tls = super::client(options, &url.address().host, Application::Http)?;
        let transport = HttpTransport::new(runtime, url).with_codec(codec);
        Ok(Arc::new(transport.wrapped_by(Arc::new(tls))))
    }
}
