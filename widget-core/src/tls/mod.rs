//! TLS for connections of agents, by rustls: [`TlsClient`] and [`TlsServer`] are a [`Wrap`] for each
//! side.
//!
//! TLS 1.3 only, with the algorithms of ring, which each configuration is given by name: nothing is
//! installed for the process, and a program may use another provider beside. There is no resumption,
//! no early data and no certificate of the client. Both sides say what they are going to speak
//! ([`Application`]), so that a port for one is of no use to the other, or to a browser.
//!
//! A server shows its certificate together with that of the authority that signed it. A client knows
//! that authority by its [`Pin`], or has its certificate ([`Trust`]).
//!
//! ```
//! use std::sync::Arc;
//! use widget_core::runtime::Route;
//! use widget_core::tls::{Application, Pin, TlsClient, TlsServer, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut params = rcgen::CertificateParams::new(Vec::new())?;
//! # params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
//! # let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate()?)?;
//! # let authority_der = authority.der().to_vec();
//! # let own = rcgen::KeyPair::generate()?;
//! # let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
//! # let certificate = rcgen::CertificateParams::new(names)?.signed_by(&own, &authority)?;
//! # let (certificate_der, key_der) = (certificate.der().to_vec(), own.serialize_der());
//! // A server: what it shows and the key that proves it.
//! let chain = vec![certificate_der, authority_der.clone()];
//! let server = TlsServer::new(chain, key_der, Application::Frames)?;
//!
//! // Its agents are told the pin, as a text of 43 characters.
//! let pin: Pin = Pin::of(&authority_der).to_string().parse()?;
//! let client = TlsClient::new(&Trust::Pin(pin), "localhost", Application::Frames)?;
//! let route = Route::plain("localhost:9004".parse()?).wrapped_by(Arc::new(client));
//! # let _ = (server, route);
//! # Ok(())
//! # }
//! ```
//!
//! # When things fail
//!
//! | what | comes to |
//! |---|---|
//! | a certificate, key, name or PEM cannot be used | [`TlsError`], before anything is connected |
//! | another authority, another name, a certificate past its time, a peer that speaks no TLS or for another [`Application`] | an error of the kind [`InvalidData`](std::io::ErrorKind::InvalidData) to the side that notices, while it wraps; the other may see no more than that the stream ends. Nothing of either was sent |
//! | a stream that ends without the word of TLS for that | [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) for whoever reads, and not an end |
//!
//! What is written is taken before it is sent, up to 64 KiB: only a flush says that it went.
//!
//! [`Wrap`]: crate::runtime::Wrap

mod client;
mod greeting;
mod pem;
mod pin;
mod server;
mod trust;
mod verify;

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use self::client::TlsClient;
pub use self::pem::{certificates_from_pem, key_from_pem};
pub use self::pin::{InvalidPin, Pin};
pub use self::server::TlsServer;
pub use self::trust::Trust;

/// What is spoken within TLS, said in its greeting (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Application {
    /// Widget's frames: `widget/2`. Who does not say it is not let in.
    Frames,
    /// `http/1.1`. Who says nothing is let in, as everywhere else with HTTP.
    Http,
}

impl Application {
    fn names(self) -> Vec<Vec<u8>> {
        vec![self.name().to_vec()]
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Frames => b"widget/2",
            Self::Http => b"http/1.1",
        }
    }

    /// Whether both sides have agreed on it. A peer that says only other things was refused before.
    fn check(self, agreed: Option<&[u8]>) -> io::Result<()> {
        match agreed {
            Some(name) if name == self.name() => Ok(()),
            None if self == Self::Http => Ok(()),
            Some(_) | None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer did not say that it speaks what is spoken here",
            )),
        }
    }
}

/// What was given for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TlsError {
    what: &'static str,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TlsError {
    const fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }

    fn with(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            what,
            source: Some(source.into()),
        }
    }
}

/// The one for all configurations, handed to each: what is installed for the process is the
/// program's.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What there is to say if the provider lacks TLS 1.3, which ring's does not.
const NO_VERSION: &str = "TLS 1.3 is not to be had";
