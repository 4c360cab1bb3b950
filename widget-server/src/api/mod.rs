//! The admin API and the page over HTTP, as a router to mount.
//!
//! Every route of the API stands here, every one of the page in `page`. GET has no effects. Errors are `application/problem+json` with a
//! stable `code`.

mod agents;
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

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn_with_state, map_response};
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
        .layer(from_fn_with_state(rules, guard::check))
        // Around all the others: what they refuse has the headers too.
        .layer(map_response(headers::set))
        .with_state(handle)
}

/// Method and path of every route of [`router`], for tests that walk all of them.
#[doc(hidden)]
#[must_use]
pub fn routes() -> Vec<(Method, &'static str)> {
    all().known
}

fn all() -> Routes {
    Routes::default()
        .get("/healthz", health::live)
        .get("/readyz", health::ready)
        .get("/api/v1/status", health::status)
        .get("/api/v1/agents", agents::list)
        .get("/api/v1/agents/{id}", agents::one)
        .delete("/api/v1/agents/{id}", agents::delete)
        .get("/api/v1/agents/{id}/reports", agents::reports)
        .post("/api/v1/agents/{id}/tasks", tasks::create)
        .post("/api/v1/agents/{id}/shutdown", tasks::shut_down)
        .post("/api/v1/agents/{id}/purge", tasks::purge)
        .get("/api/v1/tasks", tasks::list)
        .get("/api/v1/tasks/{id}", tasks::one)
        .post("/api/v1/tasks/{id}/cancel", tasks::cancel)
        .get("/api/v1/tasks/{id}/explain", tasks::explain)
        .get("/api/v1/tasks/{id}/output", tasks::output)
        // The tutorial's.
        .get("/api/all", legacy::all)
        .get("/api/collectors", legacy::collectors)
        .get("/api/collector/{id}", legacy::collector)
        .get("/api/collector/{id}/shutdown", legacy::confirm_shutdown)
        .post("/api/collector/{id}/shutdown", legacy::shut_down)
        .merge(crate::page::routes())
}
