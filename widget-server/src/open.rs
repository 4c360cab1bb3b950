//! Listeners and stores by URL: the one list of the plugins that were compiled in.
//!
//! | URL | what it opens | feature |
//! |---|---|---|
//! | `memory` | a store that forgets all when the process ends | |
//! | `sqlite` | a database in the data directory | `sqlite` |
//! | `tcp://127.0.0.1:9004` | agents over TCP, version 2 and 1 | `tcp` |

use std::path::Path;
use std::sync::Arc;

use widget_core::id::StoreEpoch;
use widget_core::runtime::SharedRuntime;
use widget_core::store::{MemoryStore, StoreError, StoreErrorKind, Stores};
use widget_core::transport::{Listener, TransportError, TransportErrorKind};

/// The stores that this build can open.
pub const STORES: &[&str] = &[
    "memory",
    #[cfg(feature = "sqlite")]
    "sqlite",
];

/// The schemes of the listeners that this build can open.
pub const LISTENERS: &[&str] = &[
    #[cfg(feature = "tcp")]
    "tcp",
];

/// Opens a store by its name. `data` is the directory of those that keep files.
///
/// # Errors
/// [`Config`](StoreErrorKind::Config) for a name that this build does not know, and whatever the
/// store says. Blocks while files are opened.
pub fn store(name: &str, data: &Path, runtime: &SharedRuntime) -> Result<Stores, StoreError> {
    match name {
        "memory" => {
            let random = [runtime.random(), runtime.random()];
            let epoch = StoreEpoch::generate(runtime.wall(), random);
            Ok(Arc::new(MemoryStore::new(epoch)).into())
        }
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            use widget_store_sqlite::{SqliteOptions, SqliteStore};
            Ok(Arc::new(SqliteStore::open(&SqliteOptions::new(data))?).into())
        }
        other => {
            let _ = data;
            let known = STORES.join(", ");
            let text = format!("unknown store {other}: this build knows {known}");
            Err(StoreError::with(StoreErrorKind::Config, text))
        }
    }
}

/// Opens a listener by its URL.
///
/// # Errors
/// [`Config`](TransportErrorKind::Config) for a scheme that this build does not know or an address
/// that cannot be one, [`Bind`](TransportErrorKind::Bind) if it cannot be listened on.
pub async fn listener(url: &str) -> Result<Box<dyn Listener>, TransportError> {
    let config = |text: String| TransportError::with(TransportErrorKind::Config, text);
    let Some((scheme, address)) = url.split_once("://") else {
        return Err(config(format!(
            "{url} is no URL such as tcp://127.0.0.1:9004"
        )));
    };
    match scheme {
        #[cfg(feature = "tcp")]
        "tcp" => {
            let address = address.parse().map_err(|_| {
                config(format!(
                    "{address} is no address and port such as 127.0.0.1:9004"
                ))
            })?;
            Ok(Box::new(
                widget_transport_tcp::TcpListener::bind(address).await?,
            ))
        }
        other => {
            let _ = address;
            let known = LISTENERS.join(", ");
            Err(config(format!(
                "unknown scheme {other}: this build knows {known}"
            )))
        }
    }
}
