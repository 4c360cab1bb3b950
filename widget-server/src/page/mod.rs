//! The page: what a person sees of the server, rendered here as HTML and kept up to date by a small
//! script. It works without the script too; then it shows the moment it was loaded.
//!
//! | path | shows |
//! |---|---|
//! | `/` | the agents |
//! | `/agents/{id}` | one agent: charts, facts, tasks; `/shutdown` and `/purge` below it ask before they act |
//! | `/tasks` | the tasks of all agents |
//! | `/tasks/{id}` | one task: why it is where it is, input, output, timeline |
//! | `/events` | hints for the script that something has changed |
//! | `/assets/{name}` | style, script, icon |
//!
//! Invariant: a `GET` changes nothing. Invariant: text of agents is escaped by the templates and
//! nowhere else; no template switches that off.

mod agent;
mod agents;
mod assets;
mod base;
mod chart;
mod curve;
#[expect(
    clippy::disallowed_methods,
    reason = "the page is tokio's, and nothing in a simulation asks it"
)]
mod events;
mod figures;
mod purge;
mod range;
#[expect(
    clippy::disallowed_methods,
    reason = "the page is tokio's, and nothing in a simulation asks it"
)]
mod reply;
mod series;
mod shutdown;
#[expect(
    clippy::disallowed_methods,
    reason = "the page is tokio's, and nothing in a simulation asks it"
)]
mod spark;
mod status;
mod task;
mod tasks;
mod when;

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
pub(crate) use base::Site;
pub(crate) use figures::{LONGEST, cut};
pub(crate) use shutdown::confirm as confirm_shutdown;

#[cfg(test)]
pub(crate) use status::tests::agent as test_agent;

use crate::handle::ServerHandle;

/// The page's routes, to be merged with those of the API.
pub(crate) fn router() -> Router<ServerHandle> {
    Router::new()
        .route("/", get(agents::list))
        .route("/collector.html", get(agent::of_tutorial))
        .route("/agents/{id}", get(agent::show))
        .route(
            "/agents/{id}/shutdown",
            get(shutdown::ask).post(shutdown::order),
        )
        .route("/agents/{id}/purge", get(purge::ask).post(purge::order))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}", get(task::show))
        .route("/tasks/{id}/cancel", post(tasks::cancel))
        .route("/events", get(events::stream))
        .route("/assets/{name}", get(assets::serve))
        .layer(Extension(Arc::new(spark::Sparks::default())))
        .layer(from_fn(reply::show_trouble))
}

/// The page for an address that leads nowhere.
pub(crate) fn not_found(site: &Site) -> Response {
    reply::Trouble::no_page().page(reply::Frame::of(
        site,
        "Nothing here",
        reply::Place::Elsewhere,
    ))
}
