//! What requests carry: ids in paths, queries and JSON bodies, with problems that say what to do.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use widget_core::id::{AgentId, TaskId};

use super::Problem;

/// An agent's id in the path.
#[derive(Debug, Clone, Copy)]
pub(super) struct AgentPath(pub(super) AgentId);

/// A task's id in the path.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskPath(pub(super) TaskId);

/// The query of a request; unknown names are refused, so that a misspelt one is noticed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<T>(pub(super) T);

/// The JSON body of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<T>(pub(super) T);

async fn id<S: Send + Sync, T: std::str::FromStr>(
    parts: &mut Parts,
    state: &S,
) -> Result<T, Problem> {
    let refused = || {
        Problem::bad_request(
            "invalid_id",
            "an id is a UUID of the form 0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90",
        )
    };
    let Path(text) = Path::<String>::from_request_parts(parts, state)
        .await
        .map_err(|_| refused())?;
    text.parse().map_err(|_| refused())
}

impl<S: Send + Sync> FromRequestParts<S> for AgentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        id(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(Problem::bad_request("invalid_query", error.body_text()))
            }
            Err(error) => Err(Problem::bad_request("invalid_query", error.to_string())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = <Json<T> as FromRequest<S>>::from_request(request, state).await;
        body.map(|Json(body)| Self(body)).map_err(|error| {
            let code = match &error {
                JsonRejection::MissingJsonContentType(_) => "unsupported_media_type",
                JsonRejection::BytesRejection(_) => "body_too_large",
                _ => "invalid_json",
            };
            // A body of the wrong shape is as wrong as one that is no JSON.
            let status = match error.status() {
                axum::http::StatusCode::UNPROCESSABLE_ENTITY => axum::http::StatusCode::BAD_REQUEST,
                status => status,
            };
            Problem::new(status, code, error.body_text())
        })
    }
}
