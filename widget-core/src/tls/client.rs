//! [`TlsClient`]: the agent's side.

use std::io;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};

use super::verify::Pinned;
use super::{Application, NO_VERSION, TlsError, Trust, provider};
use crate::runtime::{BoxFuture, Stream, Wrap};

/// TLS to one server.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    application: Application,
}

impl TlsClient {
    /// To the server with this name or IP address, which its certificate must have.
    ///
    /// # Errors
    /// If the name is none, or a certificate that is to be trusted cannot be used.
    pub fn new(trust: &Trust, host: &str, application: Application) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            TlsError::with("the host is neither a name nor an IP address", error)
        })?;
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::with(NO_VERSION, error))?;
        let builder = match trust {
            Trust::Pin(pin) => {
                let pin = *pin;
                let pinned = Arc::new(Pinned { pin, algorithms });
                builder.dangerous().with_custom_certificate_verifier(pinned)
            }
            Trust::Roots(certificates) => builder.with_root_certificates(roots(certificates)?),
        };
        let mut config = builder.with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = application.names();
        Ok(Self {
            config: Arc::new(config),
            name,
            application,
        })
    }
}

fn roots(certificates: &[Vec<u8>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = CertificateDer::from(certificate.as_slice());
        roots.add(certificate).map_err(|error| {
            TlsError::with("a certificate that is to be trusted cannot be used", error)
        })?;
    }
    if roots.is_empty() {
        return Err(TlsError::new("there is no authority to be trusted"));
    }
    Ok(roots)
}

impl Wrap for TlsClient {
    fn wrap(&self, stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let application = self.application;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let greeting = connector.connect(self.name.clone(), stream);
        Box::pin(async move {
            let stream = greeting.await?;
            application.check(stream.get_ref().1.alpn_protocol())?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
