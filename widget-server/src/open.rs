//! Listeners by URL and stores by name: the one list of the plugins that were compiled in.
//!
//! | URL or name | what it opens | feature |
//! |---|---|---|
//! | `sqlite` | a database in the data directory | `sqlite` |
//! | `memory` | a store that forgets all when the process ends | |
//! | `tcp://127.0.0.1:9004` | agents over TCP, version 2 and 1 | `tcp` |
//! | `http://127.0.0.1:9005` | agents over HTTP | `http` |
//! | `tls://0.0.0.0:9004` | agents over TCP and TLS, through [`Door::Tls`] | `tcp` and `tls` |
//! | `https://0.0.0.0:9005` | agents over HTTP and TLS, through [`Door::Tls`] | `http` and `tls` |

mod door;

use std::net::SocketAddr;
use std::path::Path;

use widget_core::runtime::{BoxFuture, SharedRuntime};
use widget_core::store::{StoreError, StoreErrorKind, Stores};
use widget_core::transport::{Exposure, Listener, TransportError, TransportErrorKind};

use crate::limits::Limits;

pub use door::Door;

/// The stores that this build can open, the one to prefer first.
pub const STORES: &[StoreKind] = &[
    #[cfg(feature = "sqlite")]
    sqlite::KIND,
    memory::KIND,
];

/// The listeners that this build can open.
pub const LISTENERS: &[ListenerKind] = &[
    #[cfg(feature = "tcp")]
    tcp::KIND,
    #[cfg(feature = "http")]
    http::KIND,
];

/// A kind of store.
#[derive(Debug, Clone, Copy)]
pub struct StoreKind {
    /// Its name.
    pub name: &'static str,
    open: fn(&Path, &SharedRuntime) -> Result<Stores, StoreError>,
}

/// A kind of listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerKind {
    /// The scheme of its URLs, which is the transport's name too.
    pub scheme: &'static str,
    /// The same over TLS.
    pub secure: &'static str,
    /// What comes in there, in a few words.
    pub about: &'static str,
    /// Where to listen unless something else is said.
    pub address: &'static str,
    /// The variable of the environment that says something else.
    pub variable: &'static str,
    /// Its agents speak HTTP, and else frames.
    is_http: bool,
    open: Open,
}

type Bound = Result<Box<dyn Listener>, TransportError>;
type Open = fn(SocketAddr, Exposure, Limits) -> BoxFuture<'static, Bound>;

impl ListenerKind {
    /// The scheme of its URLs where agents come through this door.
    #[must_use]
    pub const fn scheme_at(&self, door: &Door) -> &'static str {
        if door.is_secure() {
            self.secure
        } else {
            self.scheme
        }
    }
}

/// Opens a store by its name. `data` is the directory of those that keep files.
///
/// # Errors
/// [`Config`](StoreErrorKind::Config) for a name that this build does not know, and whatever the
/// store says. Blocks while files are opened.
pub fn store(name: &str, data: &Path, runtime: &SharedRuntime) -> Result<Stores, StoreError> {
    let Some(kind) = STORES.iter().find(|kind| kind.name == name) else {
        let known = list(STORES.iter().map(|kind| kind.name));
        let text = format!("unknown store {name}: this build knows {known}");
        return Err(StoreError::with(StoreErrorKind::Config, text));
    };
    (kind.open)(data, runtime)
}

/// Opens a listener for this host by its URL, such as `tcp://127.0.0.1:9004`. As [`listener_at`] with
/// [`Door::Near`].
///
/// # Errors
/// As there.
pub async fn listener(url: &str) -> Result<Box<dyn Listener>, TransportError> {
    listener_at(url, &Door::Near).await
}

/// Opens a listener by its URL, for agents that come through this door. TLS proves to agents who the
/// server is; who an agent is, it does not prove to the server.
///
/// # Errors
/// [`Config`](TransportErrorKind::Config) for a scheme that this build does not know or that is not
/// the door's, and for an address that cannot be one; [`Bind`](TransportErrorKind::Bind) if it cannot
/// be listened on.
pub async fn listener_at(url: &str, door: &Door) -> Result<Box<dyn Listener>, TransportError> {
    listener_within(url, door, &Limits::default()).await
}

/// The same with other limits on its connections.
///
/// # Errors
/// As there.
pub async fn listener_within(
    url: &str,
    door: &Door,
    limits: &Limits,
) -> Result<Box<dyn Listener>, TransportError> {
    let config = |text: String| TransportError::with(TransportErrorKind::Config, text);
    let Some((scheme, address)) = url.split_once("://") else {
        let text = "is no URL such as tcp://127.0.0.1:9004";
        return Err(config(format!("{url} {text}")));
    };
    let found = |kind: &&ListenerKind| kind.scheme_at(door) == scheme;
    let Some(kind) = LISTENERS.iter().find(found) else {
        let known = list(LISTENERS.iter().map(|kind| kind.scheme_at(door)));
        let is_other = LISTENERS
            .iter()
            .any(|kind| [kind.scheme, kind.secure].contains(&scheme));
        let text = match (is_other, door.is_secure()) {
            (false, _) => format!("unknown scheme {scheme}: this build knows {known}"),
            (true, true) => format!("{scheme} has no TLS, which is asked for here: say {known}"),
            (true, false) => format!("{scheme} needs TLS, which is not switched on: say {known}"),
        };
        return Err(config(text));
    };
    let Ok(address) = address.parse() else {
        let like = kind.address;
        let text = format!("{address} is no address and port such as {like}");
        return Err(config(text));
    };
    (kind.open)(address, door.exposure(kind.is_http)?, *limits).await
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

mod memory {
    //! `memory`.

    use std::path::Path;
    use std::sync::Arc;

    use widget_core::id::StoreEpoch;
    use widget_core::runtime::{RuntimeExt, SharedRuntime};
    use widget_core::store::{MemoryStore, StoreError, Stores};

    use super::StoreKind;

    pub(super) const KIND: StoreKind = StoreKind {
        name: "memory",
        open,
    };

    fn open(_: &Path, runtime: &SharedRuntime) -> Result<Stores, StoreError> {
        let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
        Ok(Arc::new(MemoryStore::new(epoch)).into())
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    //! `sqlite`.

    use std::path::Path;
    use std::sync::Arc;

    use widget_core::runtime::SharedRuntime;
    use widget_core::store::{StoreError, Stores};
    use widget_store_sqlite::{SqliteOptions, SqliteStore};

    use super::StoreKind;

    pub(super) const KIND: StoreKind = StoreKind {
        name: "sqlite",
        open,
    };

    fn open(data: &Path, _: &SharedRuntime) -> Result<Stores, StoreError> {
        Ok(Arc::new(SqliteStore::open(&SqliteOptions::new(data))?).into())
    }
}

#[cfg(feature = "tcp")]
mod tcp {
    //! `tcp://address:port`, `tls://address:port`.

    use std::net::SocketAddr;

    use widget_core::runtime::BoxFuture;
    use widget_core::transport::Exposure;
    use widget_transport_tcp::TcpListener;

    use super::{Bound, Limits, ListenerKind};

    pub(super) const KIND: ListenerKind = ListenerKind {
        scheme: "tcp",
        secure: "tls",
        about: "agents over TCP",
        address: "127.0.0.1:9004",
        variable: "WIDGET_TCP",
        is_http: false,
        open,
    };

    fn open(at: SocketAddr, exposure: Exposure, limits: Limits) -> BoxFuture<'static, Bound> {
        Box::pin(async move {
            let listener = TcpListener::bind_exposed(at, exposure).await?;
            let listener = listener.with_max_connections(limits.connections);
            Ok(Box::new(listener.with_doors((&limits).into())) as _)
        })
    }
}

#[cfg(feature = "http")]
mod http {
    //! `http://address:port`, `https://address:port`.

    use std::net::SocketAddr;

    use widget_core::runtime::BoxFuture;
    use widget_core::transport::Exposure;
    use widget_transport_http::HttpListener;

    use super::{Bound, Limits, ListenerKind};

    pub(super) const KIND: ListenerKind = ListenerKind {
        scheme: "http",
        secure: "https",
        about: "agents over HTTP",
        address: "127.0.0.1:9005",
        variable: "WIDGET_HTTP",
        is_http: true,
        open,
    };

    fn open(at: SocketAddr, exposure: Exposure, limits: Limits) -> BoxFuture<'static, Bound> {
        Box::pin(async move {
            let listener = HttpListener::bind_exposed(at, exposure).await?;
            let listener = listener.with_max_connections(limits.connections);
            Ok(Box::new(listener.with_doors((&limits).into())) as _)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::chain;

    async fn fault(url: &str) -> String {
        chain(&listener(url).await.err().unwrap())
    }

    /// All doors of this build.
    fn doors() -> Vec<Door> {
        vec![
            Door::Near,
            Door::Behind("10.0.0.0/8".parse().unwrap()),
            #[cfg(feature = "tls")]
            {
                let data = tempfile::tempdir().unwrap();
                let names = ["127.0.0.1".to_owned()];
                let now = widget_core::time::Timestamp::default();
                let authority = crate::tls::Authority::open(data.path(), &names, now).unwrap();
                Door::Tls(std::sync::Arc::new(authority))
            },
        ]
    }

    #[tokio::test]
    async fn every_listener_in_the_list_opens_behind_every_door() {
        for (kind, door) in LISTENERS
            .iter()
            .flat_map(|kind| doors().into_iter().map(move |door| (kind, door)))
        {
            let scheme = kind.scheme_at(&door);
            let url = format!("{scheme}://127.0.0.1:0");
            let listener = listener_at(&url, &door).await.unwrap();
            assert_eq!(listener.name(), scheme, "{door:?}");
        }
    }

    #[tokio::test]
    async fn a_scheme_that_is_not_the_doors_is_told_from_an_unknown_one() {
        for kind in LISTENERS {
            for door in doors() {
                let other = if door.is_secure() {
                    kind.scheme
                } else {
                    kind.secure
                };
                let url = format!("{other}://127.0.0.1:0");
                let text = chain(&listener_at(&url, &door).await.err().unwrap());
                assert!(text.contains("TLS, which is"), "{text}");
                assert!(text.contains(kind.scheme_at(&door)), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn every_listener_in_the_list_opens_by_its_url() {
        for kind in LISTENERS {
            let url = format!("{}://127.0.0.1:0", kind.scheme);
            let listener = listener(&url).await.unwrap();
            assert_eq!(listener.name(), kind.scheme);
            assert!(listener.local_addr().is_some(), "{url}");
            assert!(kind.address.parse::<SocketAddr>().is_ok());
        }
    }

    #[tokio::test]
    async fn an_unknown_scheme_names_those_that_were_compiled_in() {
        let known = list(LISTENERS.iter().map(|kind| kind.scheme));
        let text = format!("unknown scheme gopher: this build knows {known}");
        assert!(fault("gopher://127.0.0.1:1").await.ends_with(&text));
        assert!(fault("127.0.0.1:1").await.contains("no URL"));
        for kind in LISTENERS {
            let text = fault(&format!("{}://localhost", kind.scheme)).await;
            assert!(text.contains(kind.address), "{text}");
        }
    }

    #[tokio::test]
    async fn an_unknown_store_names_those_that_were_compiled_in() {
        let runtime: SharedRuntime =
            std::sync::Arc::new(widget_core::runtime::TokioRuntime::current().unwrap());
        let error = store("paper", Path::new("."), &runtime).unwrap_err();
        let known = list(STORES.iter().map(|kind| kind.name));
        let text = format!("unknown store paper: this build knows {known}");
        assert!(chain(&error).ends_with(&text), "{error:?}");
        assert!(store("memory", Path::new("."), &runtime).is_ok());
    }
}
