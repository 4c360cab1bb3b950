//! [`SqliteOptions`]: where the store is and how large it may get.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to open a [`SqliteStore`](crate::SqliteStore).
///
/// ```
/// use widget_store_sqlite::SqliteOptions;
///
/// let mut options = SqliteOptions::new("widget-data");
/// options.max_bytes = Some(10 << 30);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The data directory, made if it is missing. It gets `widget.db`, two files that SQLite keeps
    /// beside it, and `lock`.
    pub directory: PathBuf,
    /// The largest that the database may get, in bytes; none is as large as the disk. What does not
    /// fit is answered as on a full disk. Up to about 64 MiB that wait to be written into the
    /// database come on top.
    pub max_bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new("widget-data")
    }
}

impl SqliteOptions {
    /// The defaults, with this data directory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            max_bytes: None,
        }
    }
}
