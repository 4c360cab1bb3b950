//! The one list of transports that this build knows: from a server's address to a [`Transport`].

mod options;
#[cfg(feature = "tls")]
mod secure;

use std::error::Error;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;

use widget_core::runtime::SharedRuntime;
use widget_core::transport::Transport;

use self::options::Options;

/// A transport that was compiled in.
struct Known {
    scheme: &'static str,
    /// Where a server on this host has its listener, unless it was told otherwise.
    local: &'static str,
    open: fn(&str, SharedRuntime, Options) -> Opened,
}

type Failed = Box<dyn Error + Send + Sync>;
type Opened = Result<Arc<dyn Transport>, Failed>;

const TRANSPORTS: &[Known] = &[
    #[cfg(feature = "tcp")]
    tcp::KNOWN,
    #[cfg(feature = "http")]
    http::KNOWN,
    #[cfg(all(feature = "tls", feature = "tcp"))]
    secure::tcp::KNOWN,
    #[cfg(all(feature = "tls", feature = "http"))]
    secure::http::KNOWN,
];

/// The address of a server on this host that listens where it does unless told otherwise, by the
/// first transport of this build. Empty if it has none.
pub const LOCAL_SERVER: &str = match TRANSPORTS {
    [first, ..] => first.local,
    [] => "",
};

/// An address leads to no transport.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is nothing of the form `scheme://` at its start.
    #[error("'{0}' is no address of a server, such as {LOCAL_SERVER}")]
    NoScheme(String),
    /// This build has no transport for it.
    #[error("unknown scheme {scheme}: this build knows {known}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// Those that were compiled in.
        known: String,
    },
    /// This build has no such codec.
    #[error("unknown codec {codec}: this build knows {known}")]
    UnknownCodec {
        /// Its name.
        codec: String,
        /// Those that were compiled in.
        known: String,
    },
    /// Behind the question mark is something that is no option of this build.
    #[cfg_attr(
        not(feature = "tls"),
        error("?{0}: an address may end in ?codec=NAME and in nothing else")
    )]
    #[cfg_attr(
        feature = "tls",
        error("?{0}: an address may end in ?codec=NAME, ?pin=PIN or ?ca=FILE, with & in between")
    )]
    Option(String),
    /// What is to be a pin is none.
    #[cfg(feature = "tls")]
    #[error("?pin= is followed by what is not a pin, which has 43 characters")]
    Pin,
    /// The certificates of the authorities to be trusted cannot be read.
    #[cfg(feature = "tls")]
    #[error("cannot take certificates from {path}")]
    Authorities {
        /// Out of which file.
        path: PathBuf,
        /// Why.
        source: Failed,
    },
    /// What follows the scheme is not what its transport needs.
    #[error("{address} is no address of a server")]
    Address {
        /// The address.
        address: String,
        /// Why.
        source: Failed,
    },
}

/// The transport for a server's address.
///
/// | address | leads to |
/// |---|---|
/// | `tcp://host:port` | frames over TCP, with the feature `tcp` |
/// | `http://host[:port][/prefix]` | HTTP with long-poll, with the feature `http` |
/// | `tls://host:port` | the first over TLS, with the features `tcp` and `tls` |
/// | `https://host[:port][/prefix]` | the second over TLS, with the features `http` and `tls` |
///
/// Each may end in `?codec=bincode`, `postcard` or `json`, where those were compiled in; `bincode`
/// is the default. Over TLS it must say by what the server is known: `?pin=` with the pin of its
/// authority, or `?ca=` with a file of certificates in PEM, which is read at once. Options are joined
/// by `&`.
///
/// # Errors
/// [`ConnectError`]; an unknown scheme or codec names those that this build knows.
pub fn connect(url: &str, runtime: SharedRuntime) -> Result<Arc<dyn Transport>, ConnectError> {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let Some((scheme, _)) = address.split_once("://") else {
        return Err(ConnectError::NoScheme(sayable(url)));
    };
    let known = TRANSPORTS.iter().find(|known| known.scheme == scheme);
    let known = known.ok_or_else(|| ConnectError::UnknownScheme {
        scheme: sayable(scheme),
        known: list(TRANSPORTS.iter().map(|known| known.scheme)),
    })?;
    let options = Options::read(options)?;
    (known.open)(address, runtime, options).map_err(|source| ConnectError::Address {
        address: sayable(address),
        source,
    })
}

/// Whether this build has a transport for an address.
#[cfg(feature = "join")]
pub(crate) fn is_known(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    TRANSPORTS.iter().any(|known| known.scheme == scheme)
}

/// A part of an address for an error, which goes into logs: what stands before an @ may be a password.
pub(crate) fn sayable(text: &str) -> String {
    let secret = text.bytes().any(|byte| byte == b'@');
    if secret { "what has an @" } else { text }.to_owned()
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

#[cfg(feature = "tcp")]
mod tcp {
    //! `tcp://host:port`.

    use std::sync::Arc;

    use widget_core::runtime::{Address, SharedRuntime};
    use widget_transport_tcp::TcpTransport;

    use super::{Known, Opened, Options};

    pub(super) const KNOWN: Known = Known {
        scheme: "tcp",
        local: "tcp://127.0.0.1:9004",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, options: Options) -> Opened {
        let address = url.strip_prefix("tcp://").unwrap_or(url);
        let address: Address = address.trim_end_matches('/').parse()?;
        Ok(Arc::new(
            TcpTransport::new(runtime, address).with_codec(options.codec),
        ))
    }
}

#[cfg(feature = "http")]
mod http {
    //! `http://host[:port][/prefix]`.

    use std::sync::Arc;

    use widget_core::runtime::SharedRuntime;
    use widget_transport_http::{HttpTransport, HttpUrl};

    use super::{Known, Opened, Options};

    pub(super) const KNOWN: Known = Known {
        scheme: "http",
        local: "http://127.0.0.1:9005",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, options: Options) -> Opened {
        let url: HttpUrl = url.parse()?;
        Ok(Arc::new(
            HttpTransport::new(runtime, url).with_codec(options.codec),
        ))
    }
}

#[cfg(test)]
mod tests {
    use widget_core::runtime::TokioRuntime;

    use super::*;

    fn opened(url: &str) -> Result<Arc<dyn Transport>, ConnectError> {
        let tokio = tokio::runtime::Builder::new_current_thread();
        let tokio = { tokio }.enable_all().build().unwrap();
        connect(url, Arc::new(TokioRuntime::new(tokio.handle().clone())))
    }

    fn error(url: &str) -> String {
        opened(url).unwrap_err().to_string()
    }

    #[test]
    fn each_transport_has_its_address_on_this_host() {
        for known in TRANSPORTS {
            let pin = format!("pin={}", "A".repeat(43));
            let options = match known.scheme {
                "tls" | "https" => [pin.clone(), format!("codec=bincode&{pin}")],
                _ => [String::new(), "codec=bincode".to_owned()],
            };
            for options in options {
                let transport = opened(&format!("{}/?{options}", known.local)).unwrap();
                assert_eq!(transport.name(), known.scheme);
            }
        }
        assert_eq!(opened(LOCAL_SERVER).unwrap().name(), TRANSPORTS[0].scheme);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn over_tls_it_has_to_be_said_by_what_the_server_is_known() {
        for known in TRANSPORTS
            .iter()
            .filter(|known| ["tls", "https"].contains(&known.scheme))
        {
            let error = opened(known.local).unwrap_err();
            let why = error.source().unwrap().to_string();
            assert!(why.contains("?pin=") && why.contains("?ca="), "{why}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_said_again() {
        for known in TRANSPORTS {
            let error = error(&format!("{}://me:s3cret@a:1", known.scheme));
            assert_eq!(error, "what has an @ is no address of a server");
        }
    }

    #[test]
    fn a_password_is_not_said_again_where_the_address_is_none_at_all() {
        for url in [
            "me:s3cret@a:1",
            "me:s3cret@gopher://a:1",
            "me:s3cret@://a:1",
            "http://me:pass?s3cret@a",
            "tcp://me:pass?codec=s3cret@a",
        ] {
            let error = error(url);
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_unknown_scheme_names_the_known_ones() {
        let known = list(TRANSPORTS.iter().map(|known| known.scheme));
        for scheme in ["foo", "httpss", ""] {
            assert_eq!(
                error(&format!("{scheme}://127.0.0.1:9004")),
                format!("unknown scheme {scheme}: this build knows {known}")
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(error("127.0.0.1:9004").contains("such as"));
        assert!(error("").contains("such as"));
        for known in TRANSPORTS {
            let address = format!("{}://a b:1", known.scheme);
            assert!(error(&address).contains("no address"), "{address}");
        }
    }
}
