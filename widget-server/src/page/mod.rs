//! The page: what a person sees of the server, rendered here as HTML and kept up to date by a small
//! script. It works without the script too; then it shows the moment it was loaded.
//!
//! | path | shows |
//! |---|---|
//! | `/` | the agents |
//! | `/agents/{id}` | one agent: charts, facts, tasks; `/shutdown` and `/purge` below it ask before they act |
//! | `/tasks` | the tasks of all agents |
//! | `/tasks/{id}` | one task: why it is where it is, input, output, timeline |
//! | `/audit` | what was done, by whom |
//! | `/sign-in` | the form for a token, on a server that wants to know who asks; `/sign-out` ends that |
//! | `/events` | hints for the script that something has changed |
//! | `/assets/{name}` | style, script, icon |
//!
//! Invariant: a `GET` changes nothing. Invariant: text of agents is escaped by the templates and
//! nowhere else; no template switches that off.

mod agent;
mod agents;
mod assets;
mod audit;
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
mod sign_in;
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

use axum::Extension;
use axum::middleware::from_fn;
use axum::response::Response;
pub(crate) use base::{Site, encode};
pub(crate) use figures::{LONGEST, cut};
pub(crate) use shutdown::confirm as confirm_shutdown;

#[cfg(test)]
pub(crate) use status::tests::agent as test_agent;

use crate::api::{Need, Routes};

/// The page's routes, to be merged with those of the API.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/", Need::View, agents::list)
        .get("/collector.html", Need::View, agent::of_tutorial)
        .get("/agents/{id}", Need::View, agent::show)
        .post("/agents/{id}/release", Need::Operate, agent::release)
        .get("/agents/{id}/shutdown", Need::Operate, shutdown::ask)
        .post("/agents/{id}/shutdown", Need::Operate, shutdown::order)
        .get("/agents/{id}/purge", Need::Operate, purge::ask)
        .post("/agents/{id}/purge", Need::Operate, purge::order)
        .get("/tasks", Need::View, tasks::list)
        .get("/tasks/{id}", Need::View, task::show)
        .post("/tasks/{id}/cancel", Need::Operate, tasks::cancel)
        .get("/audit", Need::Admin, audit::list)
        .get("/sign-in", Need::Open, sign_in::ask)
        .post("/sign-in", Need::Open, sign_in::order)
        .post("/sign-out", Need::Open, sign_in::out)
        .get("/events", Need::View, events::stream)
        .get("/assets/{name}", Need::Open, assets::serve)
        .within(|router| {
            router
                .layer(Extension(Arc::new(spark::Sparks::default())))
                .layer(from_fn(reply::show_trouble))
        })
}

/// The page for an address that leads nowhere.
pub(crate) fn not_found(site: &Site) -> Response {
    reply::Trouble::no_page().page(reply::Frame::of(
        site,
        "Nothing here",
        reply::Place::Elsewhere,
    ))
}
