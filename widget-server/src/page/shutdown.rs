//! Shutting down an agent: the page that asks for one more click, and the order itself.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use widget_core::id::AgentId;
use widget_core::task::Actor;

use super::base::Site;
use super::reply::{Frame, Place, Reply, Trouble, html, see};
use super::status::AgentView;
use crate::handle::AgentStatus;
use crate::presence::Presence;

#[derive(Template)]
#[template(path = "shutdown.html")]
struct ShutdownPage {
    frame: Frame,
    agent: AgentView,
    consequence: &'static str,
}

/// What will come of it, for the dialog and for the page that asks.
pub(super) fn consequence(agent: &AgentStatus) -> &'static str {
    match agent.presence {
        _ if agent.record.protocol < 2 => {
            "It speaks version 1, which cannot confirm: the task will read interrupted, whatever \
             happens."
        }
        Presence::Online | Presence::Stale => {
            "Its process ends after the tasks that run were asked to stop. Nobody here can start \
             it again."
        }
        Presence::Offline | Presence::Left => {
            "It is not there right now. The order waits ten minutes for it and then expires."
        }
    }
}

pub(super) async fn ask(site: Site, Path(id): Path<String>) -> Reply {
    let id: AgentId = id.parse().map_err(|_| Trouble::no_agent())?;
    let agent = site.handle.agent(id).await?;
    Ok(confirm(&site, &agent.ok_or_else(Trouble::no_agent)?))
}

/// The page that asks before an agent is shut down. One click does it, without any script.
pub(crate) fn confirm(site: &Site, agent: &AgentStatus) -> Response {
    let view = AgentView::new(agent, site.handle.wall());
    let page = ShutdownPage {
        frame: Frame::of(site, format!("Shut down {}?", view.name), Place::Elsewhere),
        consequence: consequence(agent),
        agent: view,
    };
    html(StatusCode::OK, &page)
}

pub(super) async fn order(site: Site, Path(id): Path<String>) -> Reply {
    let id: AgentId = id.parse().map_err(|_| Trouble::no_agent())?;
    let task = site.handle.shut_down(id, Actor::Page).await?.task.id;
    Ok(see(site.base.to(&format!("/agents/{id}#task-{task}"))))
}
