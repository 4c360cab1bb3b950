//! `GET /tasks/{id}`: one task, with the sentence that says why it is where it is, and all that is
//! known of it. Long texts are folded and shown in part; the API has them whole.

use std::fmt;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use widget_core::id::TaskId;
use widget_core::payload::Payload;
use widget_core::task::{Failure, Finish, Phase, Streamed, Task};
use widget_core::time::Timestamp;

use super::base::Site;
use super::figures::{self, LONGEST};
use super::reply::{Frame, Place, Reply, Trouble, html};
use super::status;
use super::tasks::{Entry, entries, words};
use super::when::When;
use crate::api::left_out;
use crate::explain::Explanation;

/// How much of a text is shown, in bytes.
const SHOWN: usize = 16 * 1024;
/// How much of what a handler has written is shown of its beginning and of its end, in bytes.
const ENDS: usize = 8 * 1024;
/// A text with more lines, or more bytes, is folded.
const FOLDED: (usize, usize) = (12, 1_024);

/// A text that may be long.
#[derive(Debug)]
struct Text {
    text: String,
    folded: bool,
    /// How long it is in all, in words.
    size: String,
    /// Only its beginning is shown.
    more: bool,
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    frame: Frame,
    id: String,
    short: String,
    agent: String,
    host: String,
    kind: String,
    state: &'static str,
    state_words: String,
    can_cancel: bool,
    code: &'static str,
    sentence: String,
    details: Vec<String>,
    facts: Vec<(&'static str, String)>,
    created: When,
    input: Option<Text>,
    progress: Option<Text>,
    written: Option<Written>,
    result: Option<Text>,
    /// Code and message.
    failure: Option<(String, String)>,
    evidence: Option<Evidence>,
    entries: Vec<Entry>,
}

/// What the handler has written.
#[derive(Debug)]
struct Written {
    head: Text,
    tail: Option<Text>,
    /// How much is not shown between them, in words.
    between: String,
    size: String,
}

/// An end that came too late.
#[derive(Debug)]
struct Evidence {
    state: String,
    failure: Option<(String, String)>,
    output: Option<Text>,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Text {
    fn new(bytes: &[u8], most: usize) -> Self {
        let start = bytes.get(..most).unwrap_or(bytes);
        let text = figures::block(&String::from_utf8_lossy(start));
        Self {
            folded: text.lines().count() > FOLDED.0 || text.len() > FOLDED.1,
            size: figures::bytes(bytes.len() as f64),
            more: bytes.len() > most,
            text,
        }
    }

    /// Nothing, where there is nothing to show.
    fn of(payload: Option<&Payload>) -> Option<Self> {
        let payload = payload.filter(|payload| **payload != Payload::null())?;
        Some(Self::new(payload.as_bytes(), SHOWN))
    }
}

impl Written {
    fn new(written: &Streamed) -> Option<Self> {
        if written.length == 0 {
            return None;
        }
        let (head, tail) = (written.head.as_str(), written.tail.as_str());
        let whole = head.len().saturating_add(tail.len()) <= 2 * ENDS && left_out(written) == 0;
        let size = figures::bytes(written.length as f64);
        if whole {
            let text = format!("{head}{tail}");
            return Some(Self {
                head: Text::new(text.as_bytes(), SHOWN),
                tail: None,
                between: String::new(),
                size,
            });
        }
        // What is written last may still be in the head.
        let end = if tail.is_empty() { head } else { tail };
        let start = head
            .get(..head.floor_char_boundary(ENDS))
            .unwrap_or_default();
        let from = end.ceil_char_boundary(end.len().saturating_sub(ENDS));
        let end = end.get(from..).unwrap_or_default();
        let shown = start.len().saturating_add(end.len()) as u64;
        Some(Self {
            head: Text::new(start.as_bytes(), SHOWN),
            tail: Some(Text::new(end.as_bytes(), SHOWN)),
            between: figures::bytes(written.length.saturating_sub(shown) as f64),
            size,
        })
    }
}

fn failure(failure: &Failure) -> (String, String) {
    let message = &failure.message;
    let shown = message.get(..message.floor_char_boundary(SHOWN));
    (
        figures::cut(&failure.code, 64),
        figures::block(shown.unwrap_or_default()),
    )
}

impl From<&Finish> for Evidence {
    fn from(late: &Finish) -> Self {
        Self {
            state: words(late.kind.into()),
            failure: late.failure.as_ref().map(failure),
            output: Text::of(late.output.as_ref()),
        }
    }
}

fn facts(task: &Task, now: Timestamp) -> Vec<(&'static str, String)> {
    let exact = |at: Timestamp| When::new(at, now).exact;
    let mut facts = Vec::new();
    if task.state.attempt.0 > 0 {
        facts.push(("attempt", task.state.attempt.to_string()));
    }
    if let Some(sequence) = task.sequence {
        facts.push(("sequence", sequence.to_string()));
    }
    if !task.state.name().is_terminal() {
        facts.push(("must start by", exact(task.state.ttl_at)));
    }
    if let Some(due) = task.not_before {
        facts.push(("not before", exact(due)));
    }
    if let Some(timeout) = task.timeout {
        facts.push(("timeout", figures::span(timeout)));
    }
    if task.priority != 0 {
        facts.push(("priority", task.priority.to_string()));
    }
    for (name, key) in [
        ("ordering key", &task.ordering_key),
        ("idempotency key", &task.idempotency_key),
    ] {
        if let Some(key) = key {
            facts.push((name, figures::cut(key, LONGEST)));
        }
    }
    for (name, count) in [
        ("failures", task.state.failures),
        ("losses", task.state.losses),
    ] {
        if count > 0 {
            facts.push((name, count.to_string()));
        }
    }
    facts
}

impl TaskPage {
    fn new(
        frame: Frame,
        task: &Task,
        why: Explanation,
        host: String,
        written: Option<&Streamed>,
        now: Timestamp,
    ) -> Self {
        let (id, state) = (task.id.to_string(), task.state.name());
        let outcome = task.state.outcome();
        let progress = match &task.state.phase {
            Phase::Running { progress, .. } => progress.as_ref(),
            _ => None,
        };
        Self {
            frame,
            short: status::short(&id),
            id,
            agent: task.agent.to_string(),
            host,
            kind: figures::cut(&task.kind, LONGEST),
            state: state.as_str(),
            state_words: words(state),
            can_cancel: !state.is_terminal() && !task.state.cancel_requested,
            code: why.reason.as_str(),
            sentence: why.sentence,
            details: why.details,
            facts: facts(task, now),
            created: When::new(task.created, now),
            input: Text::of(Some(&task.input)),
            progress: Text::of(progress),
            written: written.and_then(Written::new),
            result: Text::of(outcome.and_then(|outcome| outcome.output.as_ref())),
            failure: outcome
                .and_then(|outcome| outcome.failure.as_ref())
                // The sentence has a short one whole.
                .filter(|failure| figures::cut(&failure.message, LONGEST) != failure.message)
                .map(failure),
            evidence: task.evidence.as_ref().map(Into::into),
            entries: entries(task, now, usize::MAX),
        }
    }
}

pub(super) async fn show(site: Site, Path(id): Path<String>) -> Reply {
    let handle = &site.handle;
    let id: TaskId = id.parse().map_err(|_| Trouble::no_task())?;
    let task = handle.task(id).await?.ok_or_else(Trouble::no_task)?;
    let why = handle.explain_task(&task).await?;
    let host = match handle.agent(task.agent).await? {
        Some(agent) => status::name(&agent),
        None => status::short(&task.agent.to_string()),
    };
    let written = handle.output(id).await?;
    let title = format!("{} {}", task.kind, status::short(&id.to_string()));
    let frame = Frame::of(&site, title, Place::Elsewhere);
    let page = TaskPage::new(frame, &task, why, host, written.as_ref(), handle.now());
    Ok(html(StatusCode::OK, &page))
}
