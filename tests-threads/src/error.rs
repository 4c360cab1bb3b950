//! What the writer says when it has been closed.

use widget_core::store::{StoreError, StoreErrorKind};

pub(crate) fn closed() -> StoreError {
    StoreError::with(StoreErrorKind::Unavailable, "it has been closed")
}
