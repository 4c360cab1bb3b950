//! An authority, and the certificate of a server on this host.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use widget_core::tls::{Application, Pin, TlsClient, TlsServer, Trust};

/// What a server shows and what its agents know, for `localhost` and 127.0.0.1.
pub(crate) struct Papers {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
    pin: Pin,
}

impl Papers {
    /// Each call makes another authority.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let own = params.signed_by(&key, &authority).unwrap();
        Self {
            chain: vec![own.der().to_vec(), authority.der().to_vec()],
            key: key.serialize_der(),
            pin: Pin::of(authority.der()),
        }
    }

    pub(crate) fn server(&self, application: Application) -> TlsServer {
        TlsServer::new(self.chain.clone(), self.key.clone(), application).unwrap()
    }

    /// By what its agents know it.
    #[allow(
        dead_code,
        reason = "not every test that has this file says it in a text"
    )]
    pub(crate) const fn pin(&self) -> [u8; 32] {
        *self.pin.as_bytes()
    }

    #[allow(dead_code, reason = "nor has every test a client of its own")]
    pub(crate) fn client(&self, application: Application) -> TlsClient {
        TlsClient::new(&Trust::Pin(self.pin), "127.0.0.1", application).unwrap()
    }
}
