//! [`Authority`]: by whose word a server is who it says.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use widget_core::time::Timestamp;
use widget_core::tls::{
    Application, Pin, TlsError, TlsServer, certificates_from_pem, key_from_pem,
};

use super::files;

/// How many years the authority lives, and what it signs.
const YEARS: (i32, i32) = (20, 2);
/// A clock that shows an earlier year is wrong: what is made by it would be over before it is shown.
const FIRST_YEAR: i32 = 2026;

/// By whose word a server is who it says, and what the server shows for that.
pub struct Authority {
    /// What is shown, in DER: its own certificate first, that of the authority last.
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
}

/// TLS is not to be had from these files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A file or the directory cannot be read or written.
    #[error("cannot read or write {path}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of the two files of the authority is gone. With another authority every agent would have
    /// to join again, so none is made.
    #[error(
        "{0} is missing: put it back from a backup, or, if it is lost, remove the whole directory; \
         then a new authority is made and every agent has to join again"
    )]
    Lost(PathBuf),
    /// Every user has a right to the file of a key.
    #[error(
        "{0} is open to every user, and whoever has it can be this server: take that right away (chmod \
         o-rwx, or the mode 0440 where a platform mounts it), and make another key if somebody may have \
         read it"
    )]
    Open(PathBuf),
    /// There is something else in a file than there ought to be, or the key is none of the certificate.
    #[error("{path} cannot be used")]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A name cannot be put into a certificate.
    #[error("no certificate can have the names {names}")]
    Names {
        /// The names.
        names: String,
        /// Why.
        source: rcgen::Error,
    },
}

type Result<T> = std::result::Result<T, AuthorityError>;

impl Authority {
    /// That of this data directory, in which it is made if it is missing. The certificate for the server
    /// is made anew: it is good for these names and IP addresses, for one to two years from `now`. Blocks
    /// while files are read and written; one process at a time may do this.
    ///
    /// # Errors
    /// [`AuthorityError`]; nothing that is there is ever replaced.
    pub fn open(data: &Path, names: &[String], now: Timestamp) -> Result<Self> {
        let year = year_of(now).max(FIRST_YEAR);
        let directory = data.join(files::DIRECTORY);
        let (crt, key) = (
            directory.join(files::CERTIFICATE),
            directory.join(files::KEY),
        );
        let read = |path: &PathBuf| files::read(path).map_err(|source| file(path, source));
        let (certificate, key_text) = match (read(&crt)?, read(&key)?) {
            (Some(certificate), Some(text)) => {
                closed(&key)?;
                (certificate, text)
            }
            (Some(_), None) => return Err(AuthorityError::Lost(key)),
            (None, Some(_)) => return Err(AuthorityError::Lost(crt)),
            (None, None) => {
                let made = make(year).map_err(|source| unusable(&directory, source))?;
                files::write(data, &made.0, &made.1).map_err(|source| file(&directory, source))?;
                made
            }
        };
        let own = KeyPair::from_pem(&key_text).map_err(|source| unusable(&key, source))?;
        let authority = first(&crt, certificate.as_bytes())?;
        let raw = own.public_key_raw();
        if !authority.windows(raw.len()).any(|part| part == raw) {
            let why = "it is not the key of the certificate beside it";
            return Err(unusable(&key, why));
        }
        sign(authority, own, names, year)
    }

    /// One's own: a certificate in PEM, with those that lead to its authority behind it, and its key.
    /// Agents know the server by the certificate in the file `ca`, or the last in `chain` if there is
    /// none. Nobody but its owner and a group may have a right to the file of the key. Blocks while the files
    /// are read.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn own(chain: &Path, key: &Path, ca: Option<&Path>) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).map_err(|source| file(path, source));
        let all = |path: &Path| {
            certificates_from_pem(&read(path)?).map_err(|source| unusable(path, source))
        };
        let mut shown = all(chain)?;
        if let Some(ca) = ca {
            let authority = first(ca, &read(ca)?)?;
            shown.retain(|other| *other != authority);
            shown.push(authority);
        }
        closed(key)?;
        let own = Self {
            chain: shown,
            key: key_from_pem(&read(key)?).map_err(|source| unusable(key, source))?,
        };
        // Now, and not when the first agent comes.
        let tried = own.server(Application::Frames);
        tried.map_err(|source| unusable(chain, source))?;
        Ok(own)
    }

    /// By what agents know it.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin::of(self.chain.last().map_or(&[], Vec::as_slice))
    }

    /// The server's side of TLS for one listener.
    ///
    /// # Errors
    /// If key and certificate do not belong together, which was looked at before.
    pub fn server(&self, application: Application) -> std::result::Result<TlsServer, TlsError> {
        TlsServer::new(self.chain.clone(), self.key.clone(), application)
    }
}

/// No key is shown.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Authority");
        text.field("pin", &self.pin());
        text.finish_non_exhaustive()
    }
}

/// A new authority: certificate and key, in PEM.
fn make(year: i32) -> std::result::Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = authority();
    params.not_after = date_time_ymd(year.saturating_add(YEARS.0), 1, 1);
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// All that its certificate says, but its time. What it signs says the same, so that it need not be read
/// from there.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let name = &mut params.distinguished_name;
    name.remove(DnType::CommonName);
    name.push(DnType::CommonName, "Widget CA");
    params
}

fn sign(ca: Vec<u8>, key: KeyPair, names: &[String], year: i32) -> Result<Authority> {
    let signed = || {
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Widget server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_after = date_time_ymd(year.saturating_add(YEARS.1), 1, 1);
        let own = KeyPair::generate()?;
        let certificate = params.signed_by(&own, &Issuer::new(authority(), key))?;
        Ok(Authority {
            chain: vec![certificate.der().to_vec(), ca],
            key: own.serialize_der(),
        })
    };
    signed().map_err(|source| AuthorityError::Names {
        names: names.join(", "),
        source,
    })
}

/// Not every user has a right to the file. A group may have one, as is usual for keys.
fn closed(path: &Path) -> Result<()> {
    if files::is_open(path).map_err(|source| file(path, source))? {
        return Err(AuthorityError::Open(path.to_owned()));
    }
    Ok(())
}

fn first(path: &Path, pem: &[u8]) -> Result<Vec<u8>> {
    let found = certificates_from_pem(pem).map_err(|source| unusable(path, source))?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// The year in UTC.
fn year_of(time: Timestamp) -> i32 {
    let text = time.to_string();
    let year = text.split_once('-').and_then(|(year, _)| year.parse().ok());
    year.unwrap_or(FIRST_YEAR)
}

fn file(path: &Path, source: io::Error) -> AuthorityError {
    let path = path.to_owned();
    AuthorityError::File { path, source }
}

fn unusable(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> AuthorityError {
    AuthorityError::Unusable {
        path: path.to_owned(),
        source: source.into(),
    }
}
