//! Listeners by URL and stores by name: the one list of the plugins that were compiled in.
//!
//! | URL or name | what it opens | feature |
//! |---|---|---|
//! | `sqlite` | a database in the data directory | `sqlite` |
//! | `memory` | a store that forgets all when the process ends | |
//! | `tcp://127.0.0.1:9004` | agents over TCP, version 2 and 1 | `tcp` |
//! | `http://127.0.0.1:9005` | agents over HTTP | `http` |

use std::net::SocketAddr;
use std::path::Path;

use widget_core::runtime::{BoxFuture, SharedRuntime};
use widget_core::store::{StoreError, StoreErrorKind, Stores};
use widget_core::transport::{Listener, TransportError, TransportErrorKind};

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
    /// What comes in there, in a few words.
    pub about: &'static str,
    /// Where to listen unless something else is said.
    pub address: &'static str,
    /// The variable of the environment that says something else.
    pub variable: &'static str,
    open: Open,
}

type Bound = Result<Box<dyn Listener>, TransportError>;
type Open = fn(SocketAddr) -> BoxFuture<'static, Bound>;

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

/// Opens a listener by its URL, such as `tcp://127.0.0.1:9004`.
///
/// # Errors
/// [`Config`](TransportErrorKind::Config) for a scheme that this build does not know or an address
/// that cannot be one, [`Bind`](TransportErrorKind::Bind) if it cannot be listened on.
pub async fn listener(url: &str) -> Result<Box<dyn Listener>, TransportError> {
    let config = |text: String| TransportError::with(TransportErrorKind::Config, text);
    let Some((scheme, address)) = url.split_once("://") else {
        let text = "is no URL such as tcp://127.0.0.1:9004";
        return Err(config(format!("{url} {text}")));
    };
    let Some(kind) = LISTENERS.iter().find(|kind| kind.scheme == scheme) else {
        let known = list(LISTENERS.iter().map(|kind| kind.scheme));
        let text = format!("unknown scheme {scheme}: this build knows {known}");
        return Err(config(text));
    };
    let Ok(address) = address.parse() else {
        let like = kind.address;
        let text = format!("{address} is no address and port such as {like}");
        return Err(config(text));
    };
    (kind.open)(address).await
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
    //! `tcp://address:port`.

    use std::net::SocketAddr;

    use widget_core::runtime::BoxFuture;
    use widget_transport_tcp::TcpListener;

    use super::{Bound, ListenerKind};

    pub(super) const KIND: ListenerKind = ListenerKind {
        scheme: "tcp",
        about: "agents over TCP",
        address: "127.0.0.1:9004",
        variable: "WIDGET_TCP",
        open,
    };

    fn open(at: SocketAddr) -> BoxFuture<'static, Bound> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(at).await?) as _) })
    }
}

#[cfg(feature = "http")]
mod http {
    //! `http://address:port`.

    use std::net::SocketAddr;

    use widget_core::runtime::BoxFuture;
    use widget_transport_http::HttpListener;

    use super::{Bound, ListenerKind};

    pub(super) const KIND: ListenerKind = ListenerKind {
        scheme: "http",
        about: "agents over HTTP",
        address: "127.0.0.1:9005",
        variable: "WIDGET_HTTP",
        open,
    };

    fn open(at: SocketAddr) -> BoxFuture<'static, Bound> {
        Box::pin(async move { Ok(Box::new(HttpListener::bind(at).await?) as _) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::chain;

    async fn fault(url: &str) -> String {
        chain(&listener(url).await.err().unwrap())
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
