//! Agents and their reports.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use widget_core::store::{AgentQuery, BucketQuery, MAX_BUCKETS, ReportQuery};
use widget_core::time::Timestamp;

use super::Problem;
use super::gate::Asking;
use super::query::{AgentPath, Asked};
use super::shapes::{Agent, Bucket, Page, ReportShape};

/// How many items a part of a list has, and may have.
const LIST: (usize, usize) = (100, 1_000);
/// How many raw reports are given, and may be.
const REPORTS: (usize, usize) = (1_000, 10_000);
/// The span of a summary whose beginning is not said.
const SPAN: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<usize>,
    cursor: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportsQuery {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<usize>,
    points: Option<usize>,
    cursor: Option<Cursor>,
}

/// Where a part of the reports begins: the oldest one's time and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor(Timestamp, u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.as_millis(), self.1)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let parts = text.split_once('-').and_then(|(at, number)| {
            Some(Self(
                Timestamp::from_millis(at.parse().ok()?),
                number.parse().ok()?,
            ))
        });
        parts.ok_or_else(|| D::Error::custom("a cursor must be what `next` said"))
    }
}

pub(super) async fn list(
    Asking(handle): Asking,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<Agent>>, Problem> {
    let limit = query.limit.unwrap_or(LIST.0).clamp(1, LIST.1);
    let list = handle
        .agents(&AgentQuery {
            after: query.cursor.unwrap_or(0),
            limit,
        })
        .await?;
    let items = list.items.into_iter().map(Into::into).collect();
    Ok(Json(Page {
        items,
        next: list.next.map(|next| next.to_string()),
    }))
}

pub(super) async fn one(
    Asking(handle): Asking,
    AgentPath(id): AgentPath,
) -> Result<Json<Agent>, Problem> {
    let status = handle
        .agent(id)
        .await?
        .ok_or_else(|| Problem::unknown("agent"))?;
    Ok(Json(status.into()))
}

/// Lets an agent go on of which there were two.
pub(super) async fn release(
    Asking(handle): Asking,
    AgentPath(agent): AgentPath,
) -> Result<StatusCode, Problem> {
    match handle.release(agent).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(
            StatusCode::CONFLICT,
            "not_cloned",
            "there is no such agent, or there were not two of it",
        )),
    }
}

pub(super) async fn delete(
    Asking(handle): Asking,
    AgentPath(id): AgentPath,
) -> Result<StatusCode, Problem> {
    if handle.delete(id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::unknown("agent"))
    }
}

/// Raw reports, the newest of the range, or buckets if `points` are asked for.
pub(super) async fn reports(
    Asking(handle): Asking,
    AgentPath(id): AgentPath,
    Asked(query): Asked<ReportsQuery>,
) -> Result<Response, Problem> {
    if handle.agent(id).await?.is_none() {
        return Err(Problem::unknown("agent"));
    }
    // A millisecond later, since a range ends before its `to`.
    let now = handle.wall().after(Duration::from_millis(1));
    if let Some(points) = query.points {
        if !(1..=MAX_BUCKETS).contains(&points) {
            let text = format!("points must be 1 to {MAX_BUCKETS}");
            return Err(Problem::bad_request("invalid_query", text));
        }
        let to = query.to.unwrap_or(now);
        let from = query.from.unwrap_or_else(|| to.before(SPAN));
        check_range(from, to)?;
        let summary = handle
            .summary(&BucketQuery {
                agent: id,
                from,
                to,
                points,
            })
            .await?;
        let items: Vec<Bucket> = summary.buckets.into_iter().map(Into::into).collect();
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let from = query.from.unwrap_or_default();
    let to = query.to.unwrap_or(Timestamp::from_millis(i64::MAX));
    check_range(from, to)?;
    let limit = query.limit.unwrap_or(REPORTS.0).clamp(1, REPORTS.1);
    let before = query.cursor.map(|Cursor(at, number)| (at, number));
    let query = ReportQuery {
        agent: Some(id),
        from,
        to,
        before,
        limit,
    };
    let reports = handle.reports(&query).await?;
    let oldest = reports.first().filter(|_| reports.len() == limit);
    let next = oldest.map(|row| Cursor(row.report.at, row.number).to_string());
    let items: Vec<ReportShape> = reports.into_iter().map(Into::into).collect();
    Ok(Json(Page { items, next }).into_response())
}

fn check_range(from: Timestamp, to: Timestamp) -> Result<(), Problem> {
    if from > to {
        return Err(Problem::bad_request(
            "invalid_query",
            "from must not be after to",
        ));
    }
    Ok(())
}
