//! The audit list: in parts for people, and as a stream of lines for programs that keep it elsewhere.

use std::vec;

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_lite::stream;
use serde::{Deserialize, Serialize};
use widget_core::id::AgentId;
use widget_core::store::{Action, AuditOrder, AuditQuery, AuditRecord};
use widget_core::time::Timestamp;

use super::Problem;
use super::gate::Asking;
use super::query::Asked;
use super::shapes::Page;
use crate::handle::{AskError, ServerHandle};

/// How many rows a part of the list has, and may have.
const LIST: (usize, usize) = (100, 1_000);
/// How many entries an export has in memory at a time: with the longest of them, a megabyte.
const AT_A_TIME: usize = 100;
/// An export is said in pieces of so many bytes, or of one line that is longer.
const PIECE: usize = 16 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<usize>,
    cursor: Option<u64>,
    since: Option<Timestamp>,
    who: Option<String>,
    action: Option<String>,
    target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    after: Option<u64>,
    since: Option<Timestamp>,
    who: Option<String>,
    action: Option<String>,
    target: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    number: u64,
    at: Timestamp,
    who: String,
    token: Option<u64>,
    agent: Option<AgentId>,
    peer: String,
    action: String,
    target: String,
    before: Option<String>,
    after: Option<String>,
}

/// The newest first.
pub(super) async fn list(
    Asking(handle): Asking,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<Entry>>, Problem> {
    let query = AuditQuery {
        order: AuditOrder::NewestFirst,
        past: query.cursor,
        since: query.since,
        who: query.who,
        action: query.action.as_deref().map(Action::from),
        target: query.target,
        limit: query.limit.unwrap_or(LIST.0).clamp(1, LIST.1),
    };
    let page = handle.audit(&query).await?;
    Ok(Json(Page {
        items: page.entries.into_iter().map(Into::into).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// The oldest first, up to the newest that is there by now: an entry a line.
pub(super) async fn export(
    Asking(handle): Asking,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    let query = AuditQuery {
        order: AuditOrder::OldestFirst,
        past: query.after,
        since: query.since,
        who: query.who,
        action: query.action.as_deref().map(Action::from),
        target: query.target,
        limit: AT_A_TIME,
    };
    // The first part is here before anything is answered, so that a store that fails is an answer of its own.
    let export = Export::begin(handle, query).await?;
    let lines = stream::try_unfold(export, |mut export| async move {
        let piece = export.piece().await?;
        Ok::<_, AskError>((!piece.is_empty()).then_some((piece, export)))
    });
    let kind = (CONTENT_TYPE, "application/x-ndjson");
    let file = (
        CONTENT_DISPOSITION,
        "attachment; filename=\"widget-audit.jsonl\"",
    );
    Ok(([kind, file], Body::from_stream(lines)).into_response())
}

/// What is left to be said of the list.
#[derive(Debug)]
struct Export {
    handle: ServerHandle,
    /// The next part, if there is one.
    query: Option<AuditQuery>,
    /// Of the part that was read.
    entries: vec::IntoIter<AuditRecord>,
    /// The number of the last entry that is said: the list may grow faster than somebody reads.
    last: u64,
}

impl Export {
    async fn begin(handle: ServerHandle, query: AuditQuery) -> Result<Self, AskError> {
        let newest = AuditQuery {
            limit: 1,
            ..AuditQuery::default()
        };
        let newest = handle.audit(&newest).await?.entries;
        let mut export = Self {
            handle,
            query: Some(query),
            entries: Vec::new().into_iter(),
            last: newest.first().map_or(0, |newest| newest.number),
        };
        export.read().await?;
        Ok(export)
    }

    /// Reads the next part.
    async fn read(&mut self) -> Result<(), AskError> {
        if let Some(query) = self.query.take() {
            let mut part = self.handle.audit(&query).await?;
            part.entries.retain(|entry| entry.number <= self.last);
            self.entries = part.entries.into_iter();
            let past = part.next.filter(|past| *past < self.last);
            self.query = past.map(|past| AuditQuery {
                past: Some(past),
                ..query
            });
        }
        Ok(())
    }

    /// The next lines; nothing at the end.
    async fn piece(&mut self) -> Result<Vec<u8>, AskError> {
        let mut piece = Vec::new();
        while piece.len() < PIECE {
            let Some(record) = self.entries.next() else {
                if self.query.is_none() {
                    break;
                }
                self.read().await?;
                continue;
            };
            piece.extend_from_slice(line(&record.into()).as_bytes());
            piece.push(b'\n');
        }
        Ok(piece)
    }
}

/// As JSON on one line, whoever looks for its end: some take more than a line feed for one.
fn line(entry: &Entry) -> String {
    // Of texts and numbers there is none that could not be written.
    let mut line = serde_json::to_string(entry).unwrap_or_default();
    for (end, escaped) in [
        ('\u{85}', "\\u0085"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        if line.contains(end) {
            line = line.replace(end, escaped);
        }
    }
    line
}

impl From<AuditRecord> for Entry {
    fn from(AuditRecord { number, entry }: AuditRecord) -> Self {
        Self {
            number,
            at: entry.at,
            who: entry.who,
            token: entry.token,
            agent: entry.agent,
            peer: entry.peer,
            action: entry.action.as_str().to_owned(),
            target: entry.target,
            before: entry.before,
            after: entry.after,
        }
    }
}
