//! Tasks.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use widget_core::id::AgentId;
use widget_core::payload::Payload;
use widget_core::store::TaskQuery;
use widget_core::task::{Actor, Once, StateName};

use super::Problem;
use super::query::{AgentPath, Asked, Body, TaskPath};
use super::shapes::{NewTask, Page, Task};
use crate::handle::{SendError, ServerHandle, TaskRequest};

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

pub(super) async fn create(
    State(handle): State<ServerHandle>,
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
    let request = TaskRequest {
        agent,
        kind: task.kind,
        input,
        ttl,
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
    State(handle): State<ServerHandle>,
    AgentPath(agent): AgentPath,
) -> Result<(StatusCode, Json<Task>), Problem> {
    let inserted = handle.shut_down(agent, Actor::Api).await?;
    Ok((StatusCode::ACCEPTED, Json(inserted.task.into())))
}

pub(super) async fn list(
    State(handle): State<ServerHandle>,
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
    State(handle): State<ServerHandle>,
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
    State(handle): State<ServerHandle>,
    TaskPath(id): TaskPath,
) -> Result<(StatusCode, Json<Task>), Problem> {
    let applied = handle.cancel(id, Actor::Api).await?;
    let applied = applied.ok_or_else(|| Problem::unknown("task"))?;
    if applied.result.is_err() {
        let text = format!("the task has ended: {}", applied.task.state.name());
        return Err(Problem::new(StatusCode::CONFLICT, "task_ended", text));
    }
    Ok((StatusCode::ACCEPTED, Json(applied.task.into())))
}
