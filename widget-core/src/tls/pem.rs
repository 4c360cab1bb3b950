//! Certificates and keys from their text form, PEM (RFC 7468).

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// The certificates in a text, in their order, each in DER.
///
/// # Errors
/// If there is none in it, or one cannot be read.
///
/// ```
/// assert!(widget_core::tls::certificates_from_pem(b"no certificate").is_err());
/// ```
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .map(|found| found.map(|certificate| certificate.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::with("the certificates cannot be read from their PEM", error))?;
    if found.is_empty() {
        return Err(TlsError::new("there is no certificate in the PEM"));
    }
    Ok(found)
}

/// The first private key in a text, in DER.
///
/// # Errors
/// If there is none in it, or it cannot be read, as one with a password cannot.
///
/// ```
/// assert!(widget_core::tls::key_from_pem(b"no key").is_err());
/// ```
pub fn key_from_pem(pem: &[u8]) -> Result<Vec<u8>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| TlsError::with("there is no key in the PEM that can be read", error))?;
    Ok(key.secret_der().to_vec())
}
