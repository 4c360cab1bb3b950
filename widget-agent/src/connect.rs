//! The one list of transports that this build knows: from a server's address to a [`Transport`].

use std::error::Error;
use std::sync::Arc;

use widget_core::codec::{self, Bincode, ErasedCodec};
use widget_core::runtime::SharedRuntime;
use widget_core::transport::Transport;

/// A transport that was compiled in.
struct Known {
    scheme: &'static str,
    /// Where a server on this host has its listener, unless it was told otherwise.
    local: &'static str,
    open: fn(&str, SharedRuntime, &'static dyn ErasedCodec) -> Opened,
}

type Opened = Result<Arc<dyn Transport>, Box<dyn Error + Send + Sync>>;

const TRANSPORTS: &[Known] = &[
    #[cfg(feature = "tcp")]
    tcp::KNOWN,
    #[cfg(feature = "http")]
    http::KNOWN,
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
    /// Behind the question mark is something else than a codec.
    #[error("?{0}: an address may end in ?codec=NAME and in nothing else")]
    Option(String),
    /// What follows the scheme is not what its transport needs.
    #[error("{address} is no address of a server")]
    Address {
        /// The address.
        address: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The transport for a server's address.
///
/// | address | leads to |
/// |---|---|
/// | `tcp://host:port` | frames over TCP, with the feature `tcp` |
/// | `http://host[:port][/prefix]` | HTTP with long-poll, with the feature `http` |
///
/// Either may end in `?codec=bincode`, `postcard` or `json`, where those were compiled in; `bincode`
/// is the default.
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
    let codec = codec_of(options)?;
    (known.open)(address, runtime, codec).map_err(|source| ConnectError::Address {
        address: sayable(address),
        source,
    })
}

/// A part of an address for an error, which goes into logs: what stands before an @ may be a password.
fn sayable(text: &str) -> String {
    let secret = text.bytes().any(|byte| byte == b'@');
    if secret { "what has an @" } else { text }.to_owned()
}

/// The codec that the end of an address asks for.
fn codec_of(options: &str) -> Result<&'static dyn ErasedCodec, ConnectError> {
    if options.is_empty() {
        return Ok(&Bincode);
    }
    let Some(name) = options.strip_prefix("codec=") else {
        return Err(ConnectError::Option(sayable(options)));
    };
    codec::by_name(name).ok_or_else(|| ConnectError::UnknownCodec {
        codec: sayable(name),
        known: list(codec::ALL.iter().map(|codec| codec.name())),
    })
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

    use widget_core::codec::ErasedCodec;
    use widget_core::runtime::{Address, SharedRuntime};
    use widget_transport_tcp::TcpTransport;

    use super::{Known, Opened};

    pub(super) const KNOWN: Known = Known {
        scheme: "tcp",
        local: "tcp://127.0.0.1:9004",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, codec: &'static dyn ErasedCodec) -> Opened {
        let address = url.strip_prefix("tcp://").unwrap_or(url);
        let address: Address = address.trim_end_matches('/').parse()?;
        Ok(Arc::new(
            TcpTransport::new(runtime, address).with_codec(codec),
        ))
    }
}

#[cfg(feature = "http")]
mod http {
    //! `http://host[:port][/prefix]`.

    use std::sync::Arc;

    use widget_core::codec::ErasedCodec;
    use widget_core::runtime::SharedRuntime;
    use widget_transport_http::{HttpTransport, HttpUrl};

    use super::{Known, Opened};

    pub(super) const KNOWN: Known = Known {
        scheme: "http",
        local: "http://127.0.0.1:9005",
        open,
    };

    fn open(url: &str, runtime: SharedRuntime, codec: &'static dyn ErasedCodec) -> Opened {
        let url: HttpUrl = url.parse()?;
        Ok(Arc::new(HttpTransport::new(runtime, url).with_codec(codec)))
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
            assert_eq!(opened(known.local).unwrap().name(), known.scheme);
            let json = opened(&format!("{}/?codec=bincode", known.local)).unwrap();
            assert_eq!(json.name(), known.scheme);
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
        for scheme in ["foo", "https", ""] {
            assert_eq!(
                error(&format!("{scheme}://127.0.0.1:9004")),
                format!("unknown scheme {scheme}: this build knows {known}")
            );
        }
    }

    #[test]
    fn each_codec_can_be_asked_for_by_name() {
        for codec in codec::ALL {
            let asked = codec_of(&format!("codec={}", codec.name())).unwrap();
            assert_eq!(asked.id(), codec.id());
        }
        assert_eq!(codec_of("").unwrap().id(), 1);
    }

    #[test]
    fn an_unknown_codec_names_the_known_ones() {
        let error = codec_of("codec=xml").unwrap_err().to_string();
        assert!(error.starts_with("unknown codec xml: this build knows bincode"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(error("127.0.0.1:9004").contains("such as"));
        assert!(error("").contains("such as"));
        assert!(
            codec_of("timeout=5")
                .unwrap_err()
                .to_string()
                .contains("?codec=")
        );
        for known in TRANSPORTS {
            let address = format!("{}://a b:1", known.scheme);
            assert!(error(&address).contains("no address"), "{address}");
        }
    }
}
