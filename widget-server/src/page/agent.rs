//! `GET /agents/{id}`: one agent, with its charts, facts and tasks.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::Deserialize;
use widget_core::id::AgentId;
use widget_core::store::{BucketQuery, Summary, TaskQuery};
use widget_core::task::StateName;
use widget_core::time::Timestamp;

use super::base::{Base, Site};
use super::chart::{Chart, Series, Unit, View};
use super::figures::{self, LONGEST};
use super::range::Range;
use super::reply::{Frame, Place, Reply, Trouble, html, see};
use super::status::{self, AgentView};
use super::tasks::TaskRow;
use super::when::When;
use super::{curve, series, shutdown};
use crate::handle::AgentStatus;
use crate::presence::Presence;

/// The most tasks that are shown here; the others have a page of their own.
const TASKS: usize = 50;
/// The most gauges that are shown.
const GAUGES: usize = 24;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    range: Option<String>,
    /// What a purge came to, for those who come from it.
    cancelled: Option<String>,
    untouched: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TutorialAsk {
    id: Option<String>,
}

#[derive(Template)]
#[template(path = "agent.html")]
struct AgentPage {
    frame: Frame,
    agent: AgentView,
    facts: Facts,
    /// The ranges to choose from and whether each is the one.
    ranges: Vec<(&'static str, bool)>,
    charts: Vec<Chart>,
    gauges: Vec<Chart>,
    tasks: Vec<TaskRow>,
    more_tasks: bool,
    consequence: &'static str,
    can_shut_down: bool,
    can_purge: bool,
    purged: Option<String>,
}

/// What the agent says of itself and the server knows of it.
struct Facts {
    seen: When,
    first_seen: When,
    interval: Option<String>,
    memory: Option<String>,
    cpu: Option<String>,
    dropped: u64,
    version: String,
    os: String,
    kinds: Vec<String>,
    skew: String,
    /// What is wrong with its clock.
    skew_warning: Option<String>,
    /// Since when there are two of it.
    cloned: Option<When>,
}

/// `/collector.html?id=…`: where older pages and bookmarks look for an agent.
pub(super) async fn of_tutorial(base: Base, Query(ask): Query<TutorialAsk>) -> Reply {
    let id: AgentId = ask
        .id
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|_| Trouble::no_id())?;
    let headers = [(LOCATION, base.to(&format!("/agents/{id}")))];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

pub(super) async fn show(site: Site, Path(id): Path<String>, Query(ask): Query<Ask>) -> Reply {
    let handle = &site.handle;
    let id: AgentId = id.parse().map_err(|_| Trouble::no_id())?;
    let status = handle.agent(id).await?.ok_or_else(Trouble::no_agent)?;
    let range = Range::named(ask.range.as_deref());
    let now = handle.wall();
    let skew = status::skew(&status).unwrap_or_default();
    let agents_now = status::agents_clock(&status, now);
    let query = series::window(id, agents_now, range.span(), range.points());
    let summary = handle.summary(&query).await?;
    let view = view(&status, range, &query, &summary, skew);
    let page = TaskQuery {
        agent: Some(id),
        states: Vec::new(),
        before: None,
        limit: TASKS,
    };
    let tasks = handle.tasks(&page).await?;
    let queued = TaskQuery {
        states: vec![StateName::Queued],
        limit: 1,
        ..page
    };
    let queued = handle.tasks(&queued).await?;
    let (agent, tasks_now) = (AgentView::new(&status, now), handle.now());
    let page = AgentPage {
        frame: Frame::of(&site, agent.name.clone(), Place::Elsewhere),
        facts: Facts::new(&status, now),
        ranges: Range::ALL
            .map(|each| (each.as_str(), each == range))
            .to_vec(),
        charts: charts(&status, &summary, &view),
        gauges: gauges(&status, &summary, &view),
        tasks: tasks
            .tasks
            .iter()
            .map(|task| TaskRow::new(task, &agent.name, tasks_now))
            .collect(),
        more_tasks: tasks.next.is_some(),
        consequence: shutdown::consequence(&status),
        can_shut_down: status.presence != Presence::Left,
        can_purge: !queued.tasks.is_empty(),
        purged: purged(&ask),
        agent,
    };
    Ok(html(StatusCode::OK, &page))
}

/// What a purge came to, in words.
fn purged(ask: &Ask) -> Option<String> {
    let count = |text: &Option<String>| text.as_deref()?.parse::<usize>().ok();
    let tasks = |count| match count {
        1 => "1 task".to_owned(),
        _ => format!("{count} tasks"),
    };
    let cancelled = tasks(count(&ask.cancelled)?);
    Some(match count(&ask.untouched).unwrap_or_default() {
        0 => format!("Cancelled: {cancelled}."),
        left => format!(
            "Cancelled: {cancelled}. Left to the agent: {}.",
            tasks(left)
        ),
    })
}

fn view(
    status: &AgentStatus,
    range: Range,
    query: &BucketQuery,
    summary: &Summary,
    skew: i64,
) -> View {
    View {
        range,
        from: query.from.as_millis(),
        to: query.to.as_millis(),
        shift: skew,
        since: status.record.first_seen.as_millis().saturating_sub(skew),
        longest: curve::longest_step(summary.step, status.record.describe.interval_ms),
    }
}

fn charts(status: &AgentStatus, summary: &Summary, view: &View) -> Vec<Chart> {
    let latest = status.latest.as_ref().map(|row| &row.report);
    let total = latest.map_or(0, |report| report.total_memory);
    let memory = Series {
        name: "Memory".into(),
        class: "mem",
        points: series::memory(summary),
        unit: Unit::PercentOf(total),
        latest: latest.map(|report| status::memory_percent(report.used_memory, total)),
    };
    let cpu = Series {
        name: "CPU".into(),
        class: "cpu",
        points: series::cpu(summary),
        unit: Unit::Percent,
        latest: latest.map(|report| f64::from(report.average_cpu)),
    };
    [memory, cpu].map(|series| Chart::new(series, view)).into()
}

fn gauges(status: &AgentStatus, summary: &Summary, view: &View) -> Vec<Chart> {
    let Some(latest) = &status.latest else {
        return Vec::new();
    };
    let gauge = |(name, value): &(String, f64)| {
        let series = Series {
            name: figures::cut(name, LONGEST),
            class: "gauge",
            points: series::gauge(summary, name),
            unit: Unit::Plain,
            latest: Some(*value),
        };
        Chart::new(series, view)
    };
    latest
        .report
        .gauges
        .iter()
        .take(GAUGES)
        .map(gauge)
        .collect()
}

/// Lets an agent go on of which there were two.
pub(super) async fn release(site: Site, Path(id): Path<String>) -> Reply {
    let id: AgentId = id.parse().map_err(|_| Trouble::no_agent())?;
    site.handle.release(id).await?;
    Ok(see(site.base.to(&format!("/agents/{id}"))))
}

impl Facts {
    fn new(status: &AgentStatus, now: Timestamp) -> Self {
        let (record, describe) = (&status.record, &status.record.describe);
        let report = status.latest.as_ref().map(|row| &row.report);
        let interval = std::time::Duration::from_millis(describe.interval_ms);
        Self {
            seen: When::new(record.last_seen, now),
            first_seen: When::new(record.first_seen, now),
            interval: (!interval.is_zero()).then(|| figures::span(interval)),
            memory: report.map(|report| {
                let [used, total] = [report.used_memory, report.total_memory];
                format!(
                    "{} of {}",
                    figures::bytes(used as f64),
                    figures::bytes(total as f64)
                )
            }),
            cpu: report.map(|report| figures::percent(f64::from(report.average_cpu))),
            dropped: status.dropped,
            version: figures::cut(&describe.version, 64),
            os: figures::cut(&describe.os, LONGEST),
            kinds: describe
                .handlers
                .iter()
                .map(|handler| figures::cut(&handler.kind, 64))
                .collect(),
            cloned: record
                .cloned
                .as_ref()
                .map(|mark| When::new(mark.since, now)),
            skew: status.skew_ms.map(skew_words).unwrap_or_default(),
            skew_warning: status::skew(status).map(|skew| {
                format!(
                    "The clock of this agent is {}{} the server’s. Times here are the server’s.",
                    skew_words(skew),
                    if skew < 0 { " of" } else { "" }
                )
            }),
        }
    }
}

fn skew_words(skew: i64) -> String {
    let size = figures::span(std::time::Duration::from_millis(skew.unsigned_abs()));
    match skew {
        0 => "in step".to_owned(),
        ..0 => format!("{size} ahead"),
        _ => format!("{size} behind"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::{NOW, agent};
    use super::*;

    fn page(status: &AgentStatus) -> String {
        let summary = Summary {
            step: std::time::Duration::from_secs(15),
            buckets: Vec::new(),
        };
        let query = series::window(
            status.record.id,
            NOW,
            Range::Hour.span(),
            Range::Hour.points(),
        );
        let view = view(status, Range::Hour, &query, &summary, 0);
        let page = AgentPage {
            frame: Frame::new("x", Place::Elsewhere, NOW, Base::default()),
            agent: AgentView::new(status, NOW),
            facts: Facts::new(status, NOW),
            ranges: vec![("hour", true)],
            charts: charts(status, &summary, &view),
            gauges: gauges(status, &summary, &view),
            tasks: Vec::new(),
            more_tasks: false,
            consequence: shutdown::consequence(status),
            can_shut_down: true,
            can_purge: true,
            purged: None,
        };
        page.render().unwrap()
    }

    #[test]
    fn what_an_agent_says_cannot_be_markup() {
        let mut status = agent("</h1><script>1</script>", Presence::Online);
        let bad = "\"><img src=x onerror=1>";
        status.record.describe.os = bad.into();
        status.record.describe.version = bad.into();
        status.record.describe.labels = vec![(bad.into(), bad.into())];
        status.record.transport = bad.into();
        let text = page(&status);
        assert!(
            !text.contains("<img src=x") && !text.contains("</h1><script"),
            "{text}"
        );
        assert_eq!(
            text.matches("<script").count(),
            1,
            "only the page's own: {text}"
        );
    }

    #[test]
    fn the_facts_are_there() {
        let text = page(&agent("edge-1", Presence::Online));
        for fact in [
            "4.0 GiB of 16.0 GiB",
            "12.5 %",
            "queue.depth",
            "edge-1",
            "tcp v2",
        ] {
            assert!(text.contains(fact), "{fact} in {text}");
        }
    }

    #[test]
    fn a_wrong_clock_is_warned_of() {
        let mut status = agent("edge-1", Presence::Online);
        assert!(!page(&status).contains("The clock of this agent"));
        status.skew_ms = Some(-3_600_000);
        assert!(page(&status).contains("The clock of this agent is 1 h ahead of the server"));
    }

    #[test]
    fn nothing_is_inline() {
        let text = page(&agent("edge-1", Presence::Online));
        assert!(
            !text.contains("style=\"") && !text.contains("<style"),
            "{text}"
        );
    }
}
