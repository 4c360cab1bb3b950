//! The page of what was done: who, from where, to what.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use widget_core::store::{Action, AuditQuery, AuditRecord};
use widget_core::time::Timestamp;

use super::base::Site;
use super::reply::{Frame, Place, Reply, html};
use super::when::When;

/// How many entries a page has.
const ROWS: usize = 100;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    action: Option<String>,
    past: Option<u64>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
    actions: Vec<(String, bool)>,
    filtered: bool,
    next: Option<String>,
}

struct Row {
    at: When,
    who: String,
    peer: String,
    action: String,
    target: String,
    /// A path of the page that shows it.
    place: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl Row {
    fn new(AuditRecord { entry, .. }: AuditRecord, now: Timestamp) -> Self {
        let action = entry.action.to_string();
        let place = if action.starts_with("task.") {
            Some(format!("/tasks/{}", entry.target))
        } else {
            entry.agent.map(|agent| format!("/agents/{agent}"))
        };
        Self {
            at: When::new(entry.at, now),
            who: entry.who,
            peer: entry.peer,
            action,
            target: entry.target,
            place,
            before: entry.before.map(readable),
            after: entry.after.map(readable),
        }
    }
}

/// JSON of several values as people read it: one after the other, without what is empty. Texts keep their quotes, so
/// that none passes for the value beside it.
fn readable(text: String) -> String {
    let Ok(values) = serde_json::from_str::<serde_json::Map<_, _>>(&text) else {
        return text;
    };
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let said = values.into_iter().filter(|(_, value)| !is_empty(value));
    let said: Vec<_> = said.map(|(key, value)| format!("{key}: {value}")).collect();
    said.join(", ")
}

pub(super) async fn list(site: Site, Query(ask): Query<Ask>) -> Reply {
    let chosen = ask.action.filter(|action| !action.is_empty());
    let query = AuditQuery {
        past: ask.past,
        action: chosen.as_deref().map(Action::from),
        limit: ROWS,
        ..AuditQuery::default()
    };
    let found = site.handle.audit(&query).await?;
    let now = site.handle.wall();
    let actions = Action::ALL.iter().map(|action| {
        let word = action.as_str();
        (word.to_owned(), chosen.as_deref() == Some(word))
    });
    // A word of another version's would break the address, so it is not put into it.
    let known = chosen
        .as_deref()
        .filter(|word| Action::ALL.iter().any(|action| action.as_str() == *word));
    let next = found.next.map(|past| {
        let action = known.unwrap_or_default();
        site.base.to(&format!("/audit?action={action}&past={past}"))
    });
    let page = AuditPage {
        frame: Frame::of(&site, "Audit", Place::Audit),
        rows: found
            .entries
            .into_iter()
            .map(|row| Row::new(row, now))
            .collect(),
        actions: actions.collect(),
        filtered: chosen.is_some() || ask.past.is_some(),
        next,
    };
    Ok(html(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_one_after_the_other_and_none_passes_for_another() {
        let json = r#"{"kinds":[],"name":"x\", role: \"admin","role":"viewer","ttl_seconds":null,"uses":3}"#;
        let text = readable(json.to_owned());
        assert_eq!(
            text,
            r#"name: "x\", role: \"admin", role: "viewer", uses: 3"#
        );
        for word in ["queued", "[1]", "{odd", ""] {
            assert_eq!(readable(word.to_owned()), word);
        }
    }
}
