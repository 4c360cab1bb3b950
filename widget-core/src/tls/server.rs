//! [`TlsServer`]: the server's side.

use std::io;
use std::sync::Arc;

use futures_rustls::TlsAcceptor;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;

use super::greeting::Greeting;
use super::{Application, NO_VERSION, TlsError, provider};
use crate::runtime::{BoxFuture, Stream, Wrap};

/// TLS for whoever comes.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    application: Application,
}

impl TlsServer {
    /// Shows these certificates, in DER: its own first, then those that lead to the authority, and
    /// that of the authority itself, which clients with a [`Pin`](super::Pin) look for. The key is
    /// that of the first, in DER as PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// If there is no certificate, one of them or the key cannot be read, or they do not belong
    /// together.
    pub fn new(
        chain: Vec<Vec<u8>>,
        key: Vec<u8>,
        application: Application,
    ) -> Result<Self, TlsError> {
        if chain.is_empty() {
            return Err(TlsError::new("there is no certificate to be shown"));
        }
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key)
            .map_err(|error| TlsError::with("the key cannot be read", error))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::with(NO_VERSION, error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| {
                TlsError::with("certificate and key cannot be used together", error)
            })?;
        // Agents stay for long, and what is resumed has to be kept.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = application.names();
        Ok(Self {
            config: Arc::new(config),
            application,
        })
    }
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("TlsServer");
        text.field("application", &self.application);
        text.finish_non_exhaustive()
    }
}

impl Wrap for TlsServer {
    fn wrap(&self, stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let application = self.application;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let greeting = acceptor.accept(Greeting::new(stream));
        Box::pin(async move {
            let mut stream = greeting.await?;
            stream.get_mut().0.is_over();
            application.check(stream.get_ref().1.alpn_protocol())?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
