//! [`Door`]: through what agents come to a server, the same for all of its listeners.

#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(feature = "tls")]
use widget_core::tls::Application;
#[cfg(feature = "tls")]
use widget_core::transport::TransportErrorKind;
use widget_core::transport::{Exposure, Proxies, TransportError};

#[cfg(feature = "tls")]
use crate::tls::Authority;

/// Through what agents come to a server, the same for all of its listeners.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Door {
    /// From this host alone, in plain text: the schemes `tcp` and `http`.
    #[default]
    Near,
    /// From everywhere, over TLS: the schemes `tls` and `https`. With the feature `tls`.
    #[cfg(feature = "tls")]
    Tls(Arc<Authority>),
    /// Through proxies that have TLS on their other side, in plain text, and from nobody else: the
    /// schemes `tcp` and `http`.
    Behind(Proxies),
}

impl Door {
    /// The same for API and page.
    ///
    /// # Errors
    /// [`Config`](widget_core::transport::TransportErrorKind::Config) if key and certificate do not
    /// belong together, which an authority has looked at before.
    pub fn for_pages(&self) -> Result<Exposure, TransportError> {
        self.exposure(true)
    }

    /// Whether it has TLS of its own.
    pub(super) const fn is_secure(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
            Self::Near | Self::Behind(_) => false,
        }
    }

    /// The same for one listener, whose agents speak HTTP or frames.
    pub(super) fn exposure(&self, is_http: bool) -> Result<Exposure, TransportError> {
        // Without TLS it does not matter.
        let _ = is_http;
        Ok(match self {
            Self::Near => Exposure::Loopback,
            Self::Behind(proxies) => Exposure::Proxied(proxies.clone()),
            #[cfg(feature = "tls")]
            Self::Tls(authority) => {
                let application = if is_http {
                    Application::Http
                } else {
                    Application::Frames
                };
                let server = authority
                    .server(application)
                    .map_err(|error| TransportError::with(TransportErrorKind::Config, error))?;
                Exposure::Wrapped(Arc::new(server))
            }
        })
    }
}
