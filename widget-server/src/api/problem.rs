//! [`Problem`]: every error of the API, as RFC 9457 says.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use widget_core::id::TaskId;
use widget_core::store::{StoreError, StoreErrorKind};
use widget_core::task::{StateName, Task};

use crate::access::Denied;
use crate::dispatch::chain;
use crate::handle::{AskError, SendError, TokenError};
use crate::page::Site;
use crate::schema::Misfit;

/// An error with a status, a stable word for programs and a sentence for people.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// The places of the input that are wrong.
    errors: Vec<Place>,
    /// The task that is in the way.
    task: Option<TaskId>,
    /// The state that it is in, if that is why.
    state: Option<StateName>,
    /// Why whoever asks may not do that.
    denied: Option<Denied>,
}

#[derive(Debug, Serialize)]
struct Place {
    pointer: String,
    problem: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Place],
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateName>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            task: None,
            state: None,
            denied: None,
        }
    }

    /// A task that cannot be cancelled any more, with how it ended.
    pub(crate) fn ended(task: &Task) -> Self {
        let state = task.state.name();
        let mut detail = format!("the task has ended: {state}");
        if let Some(outcome) = task.state.outcome() {
            detail.push_str(&format!(" at {}", outcome.at));
            if let Some(failure) = &outcome.failure {
                detail.push_str(&format!(", {failure}"));
            }
        }
        Self {
            task: Some(task.id),
            state: Some(state),
            ..Self::new(StatusCode::CONFLICT, "task_ended", detail)
        }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn unknown(what: &str) -> Self {
        let code = if what == "agent" {
            "unknown_agent"
        } else {
            "unknown_task"
        };
        Self::new(
            StatusCode::NOT_FOUND,
            code,
            format!("there is no such {what}"),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
            task: self.task,
            state: self.state,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // For the gate, which writes it down.
        if let Some(denied) = self.denied {
            response.extensions_mut().insert(denied);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let text = chain(&error);
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Contended => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", text)
            }
            _ => {
                // What went wrong inside is for the log.
                tracing::error!(error = text, "the store failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "store_failed",
                    error.to_string(),
                )
            }
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self {
            denied: Some(denied),
            ..Self::new(StatusCode::FORBIDDEN, denied.word(), denied.to_string())
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Denied(denied) => denied.into(),
            AskError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Denied(denied) => denied.into(),
            TokenError::Name => Self::bad_request("invalid_name", detail),
            TokenError::Limits => Self::bad_request("invalid_limits", detail),
            TokenError::AdminScope => Self::bad_request("invalid_limits", detail),
            TokenError::Uses => Self::bad_request("invalid_uses", detail),
            TokenError::Ttl => Self::bad_request("invalid_ttl", detail),
            TokenError::NoRandomness => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", detail)
            }
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<Misfit> for Place {
    fn from(misfit: Misfit) -> Self {
        let Misfit { pointer, problem } = misfit;
        Self { pointer, problem }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        let detail = error.to_string();
        match error {
            SendError::UnknownAgent => Self::unknown("agent"),
            SendError::Denied(denied) => denied.into(),
            SendError::TooMany(_) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tasks", detail)
            }
            SendError::AgentIsV1 => Self::new(StatusCode::CONFLICT, "agent_is_v1", detail),
            SendError::Kind => Self::bad_request("invalid_kind", detail),
            SendError::Input => Self::bad_request("invalid_input", detail),
            SendError::InputDoesNotFit(misfits) => Self {
                errors: misfits.into_iter().map(Into::into).collect(),
                ..Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "input_does_not_fit",
                    detail,
                )
            },
            SendError::Check => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "check_failed", detail)
            }
            SendError::Ttl => Self::bad_request("invalid_ttl", detail),
            SendError::Timeout => Self::bad_request("invalid_timeout", detail),
            SendError::NotBefore(_) => Self::bad_request("invalid_not_before", detail),
            SendError::OrderingKey => Self::bad_request("invalid_ordering_key", detail),
            SendError::Key => Self::bad_request("invalid_idempotency_key", detail),
            SendError::InputTooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "input_too_large", detail)
            }
            SendError::KeyReused(task) => Self {
                task: Some(task),
                ..Self::new(StatusCode::CONFLICT, "idempotency_key_reused", detail)
            },
            SendError::Store(error) => error.into(),
        }
    }
}

pub(super) async fn not_found(site: Site, uri: Uri) -> Response {
    if uri.path() == "/api" || uri.path().starts_with("/api/") {
        let detail = format!("there is nothing at {}", uri.path());
        return Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail).into_response();
    }
    crate::page::not_found(&site)
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail)
}
