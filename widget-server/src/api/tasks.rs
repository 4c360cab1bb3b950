//! Tasks.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use widget_core::id::AgentId;
use widget_core::payload::Payload;
use widget_core::store::TaskQuery;
use widget_core::task::{Actor, Once, StateName};

use super::Problem;
use super::gate::Asking;
use super::query::{AgentPath, Asked, Body, TaskPath};
use super::shapes::Page;
use super::task_shapes::{Explanation, NewTask, Output, Purged, Task, left_out};
use crate::handle::{SendError, TaskRequest};

/// How many tasks a part of a list has, and may have.
const LIST: (usize, usize) = (100, 1_000);
/// The longest that a request waits for the end of a task, in seconds.
const MAX_WAIT: f64 = 60.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    agent: Option<AgentId>,
    state: Option<String>,
    limit: Option<usize>,
    cursor: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitQuery {
    wait: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    format: Option<String>,
}

pub(super) async fn create(
    Asking(handle): Asking,
    AgentPath(agent): AgentPath,
    Body(task): Body<NewTask>,
) -> Result<(StatusCode, Json<Task>), Problem> {
    let input = match task.input {
        Some(value) => Payload::from_json_text(Box::<str>::from(value).into_string()),
        None => Payload::null(),
    };
    let ttl = task.ttl_seconds.map(Duration::try_from_secs_f64);
    let ttl = ttl.transpose().map_err(|_| SendError::Ttl)?;
    let once = task.idempotency_key.map_or(Once::No, Once::Key);
    let timeout = task.timeout_seconds.map(Duration::try_from_secs_f64);
    let timeout = timeout.transpose().map_err(|_| SendError::Timeout)?;
    let request = TaskRequest {
        agent,
        kind: task.kind,
        input,
        ttl,
        timeout,
        not_before: task.not_before,
        priority: task.priority.unwrap_or_default(),
        ordering_key: task.ordering_key,
        once,
    };
    let inserted = handle.submit(request, Actor::Api).await?;
    // A repeat under the same key is answered with the task of the first time, as it is now.
    let status = if inserted.new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(inserted.task.into())))
}

pub(super) async fn shut_down(
    Asking(handle): Asking,
    AgentPath(agent): AgentPath,
) -> Result<(StatusCode, Json<Task>), Problem> {
    let inserted = handle.shut_down(agent, Actor::Api).await?;
    Ok((StatusCode::ACCEPTED, Json(inserted.task.into())))
}

pub(super) async fn list(
    Asking(handle): Asking,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<Task>>, Problem> {
    let names = query.state.iter().flat_map(|states| states.split(','));
    let states = names.filter(|name| !name.is_empty()).map(str::parse);
    let states: Result<Vec<StateName>, _> = states.collect();
    let query = TaskQuery {
        agent: query.agent,
        states: states.map_err(|error| Problem::bad_request("invalid_state", error.to_string()))?,
        before: query.cursor,
        limit: query.limit.unwrap_or(LIST.0).clamp(1, LIST.1),
    };
    let page = handle.tasks(&query).await?;
    let items = page.tasks.into_iter().map(Into::into).collect();
    Ok(Json(Page {
        items,
        next: page.next.map(|next| next.to_string()),
    }))
}

pub(super) async fn one(
    Asking(handle): Asking,
    TaskPath(id): TaskPath,
    Asked(query): Asked<WaitQuery>,
) -> Result<Json<Task>, Problem> {
    let wait = query.wait.unwrap_or(0.0);
    if !(0.0..=MAX_WAIT).contains(&wait) {
        let text = format!("wait must be 0 to {MAX_WAIT} seconds");
        return Err(Problem::bad_request("invalid_query", text));
    }
    let task = handle.ended(id, Duration::from_secs_f64(wait)).await?;
    Ok(Json(task.ok_or_else(|| Problem::unknown("task"))?.into()))
}

pub(super) async fn cancel(
    Asking(handle): Asking,
    TaskPath(id): TaskPath,
) -> Result<(StatusCode, Json<Task>), Problem> {
    let applied = handle.cancel(id, Actor::Api).await?;
    let applied = applied.ok_or_else(|| Problem::unknown("task"))?;
    if applied.result.is_err() {
        return Err(Problem::ended(&applied.task));
    }
    Ok((StatusCode::ACCEPTED, Json(applied.task.into())))
}

/// Cancels all that is queued for an agent.
pub(super) async fn purge(
    Asking(handle): Asking,
    AgentPath(agent): AgentPath,
) -> Result<Json<Purged>, Problem> {
    if handle.agent(agent).await?.is_none() {
        return Err(Problem::unknown("agent"));
    }
    Ok(Json(handle.purge(agent, Actor::Api).await?.into()))
}

/// Why a task is where it is.
pub(super) async fn explain(
    Asking(handle): Asking,
    TaskPath(id): TaskPath,
) -> Result<Json<Explanation>, Problem> {
    let why = handle.explain(id).await?;
    Ok(Json(why.ok_or_else(|| Problem::unknown("task"))?.into()))
}

/// What the handler has written: as text, or as JSON for those who ask for that.
pub(super) async fn output(
    Asking(handle): Asking,
    TaskPath(id): TaskPath,
    Asked(query): Asked<OutputQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let as_json = match query.format.as_deref() {
        Some("json") => true,
        Some("text") => false,
        Some(_) => {
            let text = "format must be text or json";
            return Err(Problem::bad_request("invalid_query", text));
        }
        None => {
            let accept = headers.get(header::ACCEPT);
            let accept = accept.and_then(|value| value.to_str().ok());
            accept.is_some_and(|accept| accept.contains("application/json"))
        }
    };
    let written = handle.output(id).await?;
    let written = written.ok_or_else(|| Problem::unknown("task"))?;
    if as_json {
        return Ok(Json(Output::from(written)).into_response());
    }
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let text = match left_out(&written) {
        0 => written.head + &written.tail,
        bytes => format!(
            "{}\n[{bytes} bytes are left out here]\n{}",
            written.head, written.tail
        ),
    };
    Ok((headers, text).into_response())
}
