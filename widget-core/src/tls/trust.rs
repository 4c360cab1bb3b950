//! [`Trust`]: by what a client knows its server.

use super::{Pin, TlsError, certificates_from_pem};

/// By what a client knows its server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The authority with this pin, whose certificate the server shows beside its own.
    Pin(Pin),
    /// Any of the authorities with these certificates, in DER.
    Roots(Vec<Vec<u8>>),
}

impl Trust {
    /// The authorities whose certificates are in this text, such as a file of the system's.
    ///
    /// # Errors
    /// If there is none in it, or one cannot be read.
    ///
    /// ```
    /// use widget_core::tls::Trust;
    ///
    /// assert!(Trust::from_pem(b"no certificate").is_err());
    /// ```
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        certificates_from_pem(pem).map(Self::Roots)
    }
}
