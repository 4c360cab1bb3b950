//! Whether the server lives, is ready, and how it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use widget_core::store::AgentQuery;
use widget_core::time::Timestamp;

use super::Problem;
use super::gate::Asking;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// How the server is.
#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    started: Timestamp,
    now: Timestamp,
    /// How far the clock of the host was set ahead since the start, in milliseconds; negative if it
    /// was set back. Tasks do not notice.
    clock_set_by_ms: i64,
    store_trouble: Option<String>,
    refusals: BTreeMap<&'static str, u64>,
}

pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ready is a server whose store can be read and written.
pub(super) async fn ready(Asking(handle): Asking) -> Result<Json<Health>, Problem> {
    handle.agents(&AgentQuery { after: 0, limit: 1 }).await?;
    match handle.store_trouble() {
        None => Ok(Json(Health { status: "ok" })),
        Some(text) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            text,
        )),
    }
}

pub(super) async fn status(Asking(handle): Asking) -> Json<Status> {
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started: handle.started(),
        now: handle.wall(),
        clock_set_by_ms: handle.wall_is_ahead(),
        store_trouble: handle.store_trouble(),
        refusals: handle.refusals(),
    })
}
