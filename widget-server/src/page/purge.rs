//! Cancelling all that is queued for an agent: the page that asks for one more click, and the order.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use widget_core::id::AgentId;
use widget_core::task::Actor;

use super::base::Site;
use super::reply::{Frame, Place, Reply, Trouble, html, see};
use super::status::AgentView;

#[derive(Template)]
#[template(path = "purge.html")]
struct PurgePage {
    frame: Frame,
    agent: AgentView,
}

/// One click does it, without any script.
pub(super) async fn ask(site: Site, Path(id): Path<String>) -> Reply {
    let id: AgentId = id.parse().map_err(|_| Trouble::no_agent())?;
    let agent = site.handle.agent(id).await?.ok_or_else(Trouble::no_agent)?;
    let agent = AgentView::new(&agent, site.handle.wall());
    let title = format!("Cancel what waits for {}?", agent.name);
    let frame = Frame::of(&site, title, Place::Elsewhere);
    Ok(html(StatusCode::OK, &PurgePage { frame, agent }))
}

pub(super) async fn order(site: Site, Path(id): Path<String>) -> Reply {
    let id: AgentId = id.parse().map_err(|_| Trouble::no_agent())?;
    if site.handle.agent(id).await?.is_none() {
        return Err(Trouble::no_agent());
    }
    let purged = site.handle.purge(id, Actor::Page).await?;
    let (cancelled, untouched) = (purged.cancelled, purged.untouched);
    let path = format!("/agents/{id}?cancelled={cancelled}&untouched={untouched}#tasks");
    Ok(see(site.base.to(&path)))
}
