//! Any bytes as the certificates and the key of a server, in PEM, and as what a client trusts.

use super::Seed;
use crate::tls::{
    Application, Pin, TlsClient, TlsServer, Trust, certificates_from_pem, key_from_pem,
};

/// Certificates, a key, or an error of a few words; a client and a server of them, or an error.
pub fn certificates(bytes: &[u8]) {
    let trust = Trust::from_pem(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(pin) = text.parse::<Pin>()
    {
        assert_eq!(pin.to_string(), text);
    }
    if let Ok(trust) = &trust
        && let Err(error) = TlsClient::new(trust, "fleet.example", Application::Http)
    {
        assert!(error.to_string().len() < 300);
    }
    let (Ok(chain), Ok(key)) = (certificates_from_pem(bytes), key_from_pem(bytes)) else {
        return;
    };
    assert!(trust.is_ok() && !chain.is_empty());
    if let Err(error) = TlsServer::new(chain, key, Application::Frames) {
        assert!(error.to_string().len() < 300);
    }
}

pub(super) fn seeds() -> Vec<Seed> {
    // The public half of a certificate that nobody has the key of, and a key that is none.
    let body = "MIIBSjCB8aADAgECAhQBAgMEBQYHCAkKCwwNDg8QERITFDAKBggqhkjOPQQDAjAU\n";
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
    let key = format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n");
    let texts = [
        certificate.clone(),
        format!("{certificate}{key}"),
        format!(
            "Subject: a\r\n\r\n{}{certificate}",
            key.replace('\n', "\r\n")
        ),
        key.replace("PRIVATE KEY", "EC PRIVATE KEY"),
        certificate[..certificate.len() - 9].to_owned(),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        Pin::from_bytes([7; 32]).to_string(),
    ];
    let named = texts.into_iter().enumerate();
    named
        .map(|(at, text)| (format!("pem-{at}"), text.into_bytes()))
        .collect()
}
