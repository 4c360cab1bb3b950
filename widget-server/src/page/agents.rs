//! `GET /`: the list of agents.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Query;
use axum::http::StatusCode;
use serde::Deserialize;
use widget_core::store::AgentQuery;

use super::base::{Base, Site, encode};
use super::figures;
use super::reply::{Frame, Place, Reply, html};
use super::spark::{Spark, Sparks};
use super::status::AgentView;
use crate::handle::{AgentStatus, ServerHandle};
use crate::presence::Presence;

/// Agents on one page.
const ON_PAGE: usize = 200;
/// The store is asked for so many at once.
const CHUNK: usize = 500;
/// The counts are of so many agents; beyond them they end in `+`.
const COUNTED: usize = 5_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Ask {
    /// Words that host, id, presence or labels contain, all of them.
    q: Option<String>,
    /// The number of the agent before the first.
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "agents.html")]
struct AgentsPage {
    frame: Frame,
    counts: Vec<(&'static str, String)>,
    query: String,
    rows: Vec<Row>,
    /// Whether there is no agent at all.
    none: bool,
    first_page: bool,
    next: Option<String>,
    command: String,
}

struct Row {
    agent: AgentView,
    search: String,
    spark: Spark,
}

/// What a page of the list is made of.
#[derive(Default)]
struct Found {
    shown: Vec<AgentStatus>,
    counts: [u64; Presence::ALL.len()],
    total: usize,
    /// Whether there are more than were counted.
    more: bool,
    /// The last number on this page, if another page follows.
    next: Option<u64>,
}

pub(super) async fn list(
    site: Site,
    Extension(sparks): Extension<Arc<Sparks>>,
    Query(ask): Query<Ask>,
) -> Reply {
    let handle = &site.handle;
    let query = figures::cut(ask.q.as_deref().unwrap_or_default().trim(), 128);
    let after = ask
        .after
        .as_deref()
        .and_then(|after| after.parse().ok())
        .unwrap_or(0);
    let now = handle.wall();
    let found = find(handle, &query, after).await?;
    let mut rows = Vec::with_capacity(found.shown.len());
    for status in &found.shown {
        let agent = AgentView::new(status, now);
        let spark = sparks.of(handle, status, now).await?;
        rows.push(Row {
            search: agent.search_text(),
            agent,
            spark,
        });
    }
    let sign = if found.more { "+" } else { "" };
    let counts = Presence::ALL.iter().zip(found.counts);
    let page = AgentsPage {
        frame: Frame::of(&site, "Agents", Place::Agents),
        counts: counts
            .map(|(presence, n)| (presence.as_str(), format!("{n}{sign}")))
            .collect(),
        none: found.total == 0,
        first_page: after == 0,
        next: found
            .next
            .map(|number| next_address(&site.base, &query, number)),
        command: "widget-agent --server tcp://127.0.0.1:9004".to_owned(),
        query,
        rows,
    };
    Ok(html(StatusCode::OK, &page))
}

async fn find(
    handle: &ServerHandle,
    query: &str,
    after: u64,
) -> Result<Found, super::reply::Trouble> {
    let words: Vec<String> = query
        .to_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut found = Found::default();
    let mut from = 0;
    loop {
        let part = handle
            .agents(&AgentQuery {
                after: from,
                limit: CHUNK,
            })
            .await?;
        for status in part.items {
            found.add(status, &words, after);
        }
        match part.next {
            // The page must be full before the counting ends.
            Some(_) if found.total >= COUNTED && found.next.is_some() => {
                found.more = true;
                return Ok(found);
            }
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
}

impl Found {
    fn add(&mut self, status: AgentStatus, words: &[String], after: u64) {
        self.total += 1;
        let counts = Presence::ALL.iter().zip(&mut self.counts);
        for (_, count) in counts.filter(|(presence, _)| **presence == status.presence) {
            *count += 1;
        }
        if status.record.number <= after || self.next.is_some() || !matches(&status, words) {
            return;
        }
        if self.shown.len() < ON_PAGE {
            self.shown.push(status);
        } else {
            self.next = self.shown.last().map(|last| last.record.number);
        }
    }
}

fn matches(status: &AgentStatus, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = AgentView::new(status, status.record.last_seen).search_text();
    words.iter().all(|word| text.contains(word))
}

fn next_address(base: &Base, query: &str, after: u64) -> String {
    match query {
        "" => format!("{}?after={after}", base.home()),
        query => format!("{}?q={}&after={after}", base.home(), encode(query)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::{NOW, agent};
    use super::*;

    fn page(hosts: &[&str]) -> String {
        let row = |host: &&str| {
            let agent = AgentView::new(&agent(host, Presence::Online), NOW);
            Row {
                search: agent.search_text(),
                agent,
                spark: Spark::default(),
            }
        };
        let page = AgentsPage {
            frame: Frame::new("Agents", Place::Agents, NOW, Base::default()),
            counts: vec![("online", "1".into())],
            query: "\"><script>q".into(),
            rows: hosts.iter().map(row).collect(),
            none: hosts.is_empty(),
            first_page: true,
            next: None,
            command: "widget-agent".into(),
        };
        page.render().unwrap()
    }

    #[test]
    fn a_host_name_cannot_be_markup() {
        let text = page(&[
            "<script>alert(1)</script>",
            "\" onload=\"x",
            "' autofocus '",
        ]);
        assert_eq!(
            text.matches("<script").count(),
            1,
            "only the page's own: {text}"
        );
        assert!(!text.contains("\" onload"), "{text}");
        assert!(!text.contains("' autofocus"), "{text}");
        assert!(text.contains("&#60;script&#62;alert(1)"), "{text}");
    }

    #[test]
    fn an_empty_list_says_what_to_type() {
        assert!(page(&[]).contains("<code>widget-agent</code>"));
    }

    #[test]
    fn nothing_is_inline() {
        let text = page(&["a"]);
        assert!(
            !text.contains("style=\"") && !text.contains("<style"),
            "{text}"
        );
    }

    #[test]
    fn a_full_page_is_followed_by_another_and_all_are_counted() {
        let mut found = Found::default();
        for number in 1..=ON_PAGE as u64 + 2 {
            let mut status = agent("a", Presence::Stale);
            status.record.number = number;
            found.add(status, &[], 0);
        }
        assert_eq!(
            (found.shown.len(), found.next),
            (ON_PAGE, Some(ON_PAGE as u64))
        );
        assert_eq!(found.counts, [0, ON_PAGE as u64 + 2, 0, 0]);
    }

    #[test]
    fn every_word_of_a_search_must_be_there() {
        let status = agent("edge-paris", Presence::Online);
        assert!(matches(&status, &["paris".into(), "role=edge".into()]));
        assert!(!matches(&status, &["paris".into(), "oslo".into()]));
    }

    #[test]
    fn the_next_page_keeps_the_search() {
        let address = next_address(&Base::default(), "a&b=c", 7);
        assert_eq!(address, "/?q=a%26b%3Dc&after=7");
    }
}
