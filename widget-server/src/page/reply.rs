//! Answers of the page: HTML, friendly errors, ways back after a form.

use std::error::Error;
use std::time::SystemTime;

use askama::Template;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, LOCATION};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use widget_core::access::Role;
use widget_core::store::StoreError;
use widget_core::time::Timestamp;

use super::base::{Base, Site};
use super::when::When;
use super::{assets, figures};
use crate::access::{Caller, Denied};
use crate::handle::{AskError, SendError, ServerHandle};

const HTML: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/html; charset=utf-8")];

/// A clock that was set by less is no news, in milliseconds.
const SET_CLOCK: u64 = 5_000;

/// The parts of the page, for its navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Agents,
    Tasks,
    Audit,
    /// Below one of them, or nowhere.
    Elsewhere,
}

/// What stands around every page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) place: Place,
    /// What stands before every address.
    pub(super) base: Base,
    /// Who has signed in, where that is needed.
    pub(super) who: Option<String>,
    /// Whether the audit list is for whoever asks.
    pub(super) audits: bool,
    /// Why the store cannot be written, while it cannot.
    pub(super) trouble: Option<String>,
    /// What is wrong with the clock of the server's host.
    pub(super) clock: Option<String>,
    pub(super) now: When,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, place: Place, now: Timestamp, base: Base) -> Self {
        Self {
            title: title.into(),
            place,
            who: None,
            audits: false,
            trouble: None,
            clock: None,
            now: When::new(now, now),
            style: base.to(&assets::path("style.css")),
            script: base.to(&assets::path("app.js")),
            icon: base.to(&assets::path("icon.svg")),
            base,
        }
    }

    /// The frame of a page that shows what a server knows.
    pub(super) fn of(site: &Site, title: impl Into<String>, place: Place) -> Self {
        Self {
            who: who(&site.handle),
            audits: site.handle.caller().may(Role::Admin).is_ok(),
            trouble: site.handle.store_trouble(),
            clock: clock(site.handle.wall_is_ahead()),
            ..Self::new(title, place, site.handle.wall(), site.base.clone())
        }
    }
}

/// Who has signed in.
fn who(handle: &ServerHandle) -> Option<String> {
    let is_known = handle.is_exposed() && *handle.caller() != Caller::nobody();
    is_known.then(|| handle.caller().who().to_owned())
}

/// What to say of a wall clock that was set, in milliseconds, while the server runs.
fn clock(ahead: i64) -> Option<String> {
    let by = ahead.unsigned_abs();
    if by < SET_CLOCK {
        return None;
    }
    let by = figures::span(std::time::Duration::from_millis(by));
    let way = if ahead > 0 { "ahead" } else { "back" };
    Some(format!(
        "The clock of the server was set {way} by {by} while it runs. Tasks do not notice: their \
         times go by the clock as it was before, until the server is started again."
    ))
}

/// A page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, HTML, text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The way back after a form.
pub(super) fn see(address: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()
}

/// Why there is no page, in a page.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// Why whoever asks may not do that.
    denied: Option<Denied>,
}

/// What the handlers of the page give.
pub(super) type Reply = Result<Response, Trouble>;

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
}

impl Trouble {
    pub(super) fn no_agent() -> Self {
        let text = "It may have been deleted, or it has not come yet: an agent is known from its \
                    first word on.";
        Self::not_found("No such agent", text)
    }

    pub(super) fn no_id() -> Self {
        let text = "The id of an agent looks like 0192d4a0-6c1e-7b44-9d2e-3f5a8c7b1e90.";
        Self {
            status: StatusCode::BAD_REQUEST,
            ..Self::not_found("Not an id", text)
        }
    }

    pub(super) fn no_task() -> Self {
        Self::not_found("No such task", "Tasks that ended long ago are deleted.")
    }

    pub(super) fn no_page() -> Self {
        Self::not_found("Nothing here", "No page has this address.")
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "That does not read",
            text: text.into(),
            denied: None,
        }
    }

    /// The page that says it.
    pub(super) fn page(&self, frame: Frame) -> Response {
        let page = TroublePage {
            frame,
            title: self.title,
            text: &self.text,
        };
        html(self.status, &page)
    }

    fn not_found(title: &'static str, text: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title,
            text: text.to_owned(),
            denied: None,
        }
    }
}

/// Carries the trouble to [`show_trouble`], which knows where the page is mounted.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        // For the gate, which writes it down.
        if let Some(denied) = self.denied {
            response.extensions_mut().insert(denied);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts a page in the place of each trouble.
pub(super) async fn show_trouble(base: Base, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(trouble) = response.extensions_mut().remove::<Trouble>() else {
        return response;
    };
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp::default().after(since);
    trouble.page(Frame::new(trouble.title, Place::Elsewhere, now, base))
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        tracing::warn!(
            error = &error as &dyn Error,
            "the page could not ask the store"
        );
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        let title = "The store does not answer";
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title,
            text,
            denied: None,
        }
    }
}

impl From<Denied> for Trouble {
    fn from(denied: Denied) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "Not allowed",
            text: denied.to_string(),
            denied: Some(denied),
        }
    }
}

impl From<AskError> for Trouble {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Denied(denied) => denied.into(),
            AskError::Store(error) => error.into(),
        }
    }
}

impl From<SendError> for Trouble {
    fn from(error: SendError) -> Self {
        match error {
            SendError::UnknownAgent => Self::no_agent(),
            SendError::Store(error) => error.into(),
            SendError::Denied(denied) => denied.into(),
            error => Self::bad(error.to_string()),
        }
    }
}
