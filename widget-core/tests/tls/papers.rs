//! Authorities and certificates for the tests.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use widget_core::tls::{Application, Pin, TlsServer, Trust};

/// One that signs certificates.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// Each call makes another one, and all of them have the same name.
pub(crate) fn authority() -> Authority {
    CertifiedIssuer::self_signed(authority_params(), KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = "An authority";
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub(crate) fn pinned(authority: &Authority) -> Trust {
    Trust::Pin(Pin::of(authority.der()))
}

/// A certificate and its key, in DER.
pub(crate) struct Papers {
    pub(crate) own: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// For `localhost` and 127.0.0.1.
pub(crate) fn papers(authority: &Authority, edit: impl FnOnce(&mut CertificateParams)) -> Papers {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    edit(&mut params);
    let key = KeyPair::generate().unwrap();
    let own = params.signed_by(&key, authority).unwrap();
    Papers {
        own: own.der().to_vec(),
        key: key.serialize_der(),
    }
}

/// A server of this authority, which it shows.
pub(crate) fn server(authority: &Authority, application: Application) -> TlsServer {
    shows(papers(authority, |_| {}), &[authority], application)
}

/// A server that shows its own certificate and then these.
pub(crate) fn shows(papers: Papers, others: &[&Authority], application: Application) -> TlsServer {
    let mut chain = vec![papers.own];
    chain.extend(others.iter().map(|other| other.der().to_vec()));
    TlsServer::new(chain, papers.key, application).unwrap()
}
