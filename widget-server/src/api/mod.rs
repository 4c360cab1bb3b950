//! The admin API and the page over HTTP, as a router to mount.
//!
//! Every route of the API stands here, every one of the page in `page`. GET has no effects. Errors are `application/problem+json` with a
//! stable `code`.

mod agents;
mod audit;
mod gate;
mod guard;
mod headers;
mod health;
mod legacy;
mod problem;
mod query;
mod routes;
mod shapes;
mod task_shapes;
mod tasks;
mod tokens;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn_with_state, map_response};
pub(crate) use gate::{Asking, COOKIE};
pub use gate::{Client, Need};
pub use guard::HostRules;
pub(crate) use problem::Problem;
pub(crate) use routes::Routes;
pub(crate) use task_shapes::left_out;

use crate::handle::ServerHandle;

/// The longest body of a request, in bytes: the largest input and what is around it.
const MAX_BODY: usize = 512 * 1024;

/// API and page, guarded by `rules`, to be served by the program's own HTTP server: at its root, or
/// under a prefix by [`Router::nest`], which the addresses on the page then begin with.
pub fn router(handle: ServerHandle, rules: HostRules) -> Router {
    all()
        .router
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(handle.clone(), gate::know))
        .layer(from_fn_with_state(rules, guard::check))
        // Around all the others: what they refuse has the headers too.
        .layer(map_response(headers::set))
        .with_state(handle)
}

/// Method, path and need of every route of [`router`], for tests that walk all of them.
#[doc(hidden)]
#[must_use]
pub fn routes() -> Vec<(Method, &'static str, Need)> {
    let known = all().known.into_iter();
    let method = |name: &str| name.parse().unwrap_or_default();
    known
        .map(|(name, path, need)| (method(name), path, need))
        .collect()
}

fn all() -> Routes {
    Routes::default()
        .get("/healthz", Need::Open, health::live)
        .get("/readyz", Need::View, health::ready)
        .get("/api/v1/status", Need::View, health::status)
        .get("/api/v1/agents", Need::View, agents::list)
        .get("/api/v1/agents/{id}", Need::View, agents::one)
        .delete("/api/v1/agents/{id}", Need::Admin, agents::delete)
        .get("/api/v1/agents/{id}/reports", Need::View, agents::reports)
        .post("/api/v1/agents/{id}/tasks", Need::Operate, tasks::create)
        .post(
            "/api/v1/agents/{id}/shutdown",
            Need::Operate,
            tasks::shut_down,
        )
        .post("/api/v1/agents/{id}/purge", Need::Operate, tasks::purge)
        .post(
            "/api/v1/agents/{id}/release",
            Need::Operate,
            agents::release,
        )
        .get("/api/v1/tasks", Need::View, tasks::list)
        .get("/api/v1/tasks/{id}", Need::View, tasks::one)
        .post("/api/v1/tasks/{id}/cancel", Need::Operate, tasks::cancel)
        .get("/api/v1/tasks/{id}/explain", Need::View, tasks::explain)
        .get("/api/v1/tasks/{id}/output", Need::View, tasks::output)
        .post("/api/v1/join-tokens", Need::Admin, tokens::create_join)
        .get("/api/v1/tokens", Need::Admin, tokens::list)
        .post("/api/v1/tokens", Need::Admin, tokens::create)
        .delete("/api/v1/tokens/{number}", Need::Admin, tokens::revoke)
        .get("/api/v1/audit", Need::Admin, audit::list)
        .get("/api/v1/audit/export", Need::Admin, audit::export)
        // The tutorial's.
        .get("/api/all", Need::View, legacy::all)
        .get("/api/collectors", Need::View, legacy::collectors)
        .get("/api/collector/{id}", Need::View, legacy::collector)
        .get(
            "/api/collector/{id}/shutdown",
            Need::Operate,
            legacy::confirm_shutdown,
        )
        .post(
            "/api/collector/{id}/shutdown",
            Need::Operate,
            legacy::shut_down,
        )
        .merge(crate::page::routes())
}
