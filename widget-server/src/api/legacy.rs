//! The tutorial's addresses, with the tutorial's shapes: bare arrays, times in unix seconds.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use widget_core::id::AgentId;
use widget_core::store::{AgentQuery, ReportQuery, StoredReport};
use widget_core::task::Actor;
use widget_core::time::Timestamp;

use super::Problem;
use super::gate::Asking;
use super::query::AgentPath;
use super::task_shapes::Task;
use crate::handle::ServerHandle;
use crate::page::Site;

/// How many samples the tutorial's lists give at most: the newest.
const SAMPLES: usize = 10_000;
/// How many agents are read at once.
const BATCH: usize = 1_000;

#[derive(Debug, Serialize)]
pub(super) struct Collector {
    id: u64,
    collector_id: AgentId,
    last_seen: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Sample {
    id: u64,
    collector_id: AgentId,
    received: i64,
    total_memory: u64,
    used_memory: u64,
    average_cpu: f32,
}

impl From<StoredReport> for Sample {
    fn from(row: StoredReport) -> Self {
        Self {
            id: row.number,
            collector_id: row.agent,
            received: row.received.as_secs(),
            total_memory: row.report.total_memory,
            used_memory: row.report.used_memory,
            average_cpu: row.report.average_cpu,
        }
    }
}

pub(super) async fn all(Asking(handle): Asking) -> Result<Json<Vec<Sample>>, Problem> {
    samples(&handle, None).await
}

pub(super) async fn collector(
    Asking(handle): Asking,
    AgentPath(id): AgentPath,
) -> Result<Json<Vec<Sample>>, Problem> {
    if handle.agent(id).await?.is_none() {
        return Err(Problem::unknown("agent"));
    }
    samples(&handle, Some(id)).await
}

pub(super) async fn collectors(Asking(handle): Asking) -> Result<Json<Vec<Collector>>, Problem> {
    let (mut rows, mut after) = (Vec::new(), Some(0));
    while let Some(number) = after {
        let list = handle
            .agents(&AgentQuery {
                after: number,
                limit: BATCH,
            })
            .await?;
        rows.extend(list.items.into_iter().map(|status| Collector {
            id: status.record.number,
            collector_id: status.record.id,
            last_seen: status.record.last_seen.as_secs(),
        }));
        after = list.next;
    }
    Ok(Json(rows))
}

/// A page with one button: opening an address must not end anything.
pub(super) async fn confirm_shutdown(
    site: Site,
    AgentPath(id): AgentPath,
) -> Result<Response, Problem> {
    let status = site.handle.agent(id).await?;
    let status = status.ok_or_else(|| Problem::unknown("agent"))?;
    Ok(crate::page::confirm_shutdown(&site, &status))
}

/// A form is sent on to the agent's page; everybody else gets the task.
pub(super) async fn shut_down(
    site: Site,
    AgentPath(id): AgentPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_form =
        content_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let is_page = is_form && accepts.is_some_and(|text| text.contains("text/html"));
    let by = if is_page { Actor::Page } else { Actor::Api };
    let inserted = site.handle.shut_down(id, by).await?;
    if is_page {
        let address = site.base.to(&format!("/agents/{id}"));
        return Ok(Redirect::to(&address).into_response());
    }
    Ok((StatusCode::ACCEPTED, Json(Task::from(inserted.task))).into_response())
}

async fn samples(
    handle: &ServerHandle,
    agent: Option<AgentId>,
) -> Result<Json<Vec<Sample>>, Problem> {
    let last = Timestamp::from_millis(i64::MAX);
    let query = ReportQuery {
        before: None,
        agent,
        from: Timestamp::default(),
        to: last,
        limit: SAMPLES,
    };
    Ok(Json(
        handle
            .reports(&query)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}
