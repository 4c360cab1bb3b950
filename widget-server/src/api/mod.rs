//! The admin API and the page over HTTP, as a router to mount.
//!
//! Every route stands here. GET has no effects. Errors are `application/problem+json` with a
//! stable `code`.

mod agents;
mod guard;
mod health;
mod legacy;
mod problem;
mod query;
mod shapes;
mod task_shapes;
mod tasks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
pub use guard::HostRules;
pub(crate) use problem::Problem;
pub(crate) use task_shapes::left_out;

use crate::handle::ServerHandle;

/// The longest body of a request, in bytes: the largest input and what is around it.
const MAX_BODY: usize = 512 * 1024;

/// API and page, guarded by `rules`, to be served by the program's own HTTP server: at its root, or
/// under a prefix by [`Router::nest`], which the addresses on the page then begin with.
pub fn router(handle: ServerHandle, rules: HostRules) -> Router {
    let api = Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/api/v1/status", get(health::status))
        .route("/api/v1/agents", get(agents::list))
        .route(
            "/api/v1/agents/{id}",
            get(agents::one).delete(agents::delete),
        )
        .route("/api/v1/agents/{id}/reports", get(agents::reports))
        .route("/api/v1/agents/{id}/tasks", post(tasks::create))
        .route("/api/v1/agents/{id}/shutdown", post(tasks::shut_down))
        .route("/api/v1/agents/{id}/purge", post(tasks::purge))
        .route("/api/v1/tasks", get(tasks::list))
        .route("/api/v1/tasks/{id}", get(tasks::one))
        .route("/api/v1/tasks/{id}/cancel", post(tasks::cancel))
        .route("/api/v1/tasks/{id}/explain", get(tasks::explain))
        .route("/api/v1/tasks/{id}/output", get(tasks::output))
        // The tutorial's.
        .route("/api/all", get(legacy::all))
        .route("/api/collectors", get(legacy::collectors))
        .route("/api/collector/{id}", get(legacy::collector))
        .route(
            "/api/collector/{id}/shutdown",
            get(legacy::confirm_shutdown).post(legacy::shut_down),
        );
    api.merge(crate::page::router())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(rules, guard::check))
        .with_state(handle)
}
