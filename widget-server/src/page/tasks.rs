//! Tasks as rows of a table, `GET /tasks` with those of all agents, and the button that cancels.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use widget_core::id::{AgentId, TaskId};
use widget_core::payload::Payload;
use widget_core::store::TaskQuery;
use widget_core::task::{Actor, Outcome, Phase, StateName, Task};
use widget_core::time::Timestamp;

use super::base::Site;
use super::figures::{self, LONGEST};
use super::reply::{Frame, Place, Reply, Trouble, html, see};
use super::status;
use super::when::{self, When};
use crate::explain::at;
use crate::handle::ServerHandle;

/// Tasks on one page.
const ON_PAGE: usize = 100;
/// The most entries of a timeline that are shown: the first ones and the last ones.
const ENTRIES: usize = 40;

/// A task in a table.
#[derive(Debug, Clone)]
pub(super) struct TaskRow {
    pub(super) id: String,
    pub(super) short: String,
    pub(super) agent: String,
    /// The agent's host, where tasks of many stand together.
    pub(super) host: String,
    pub(super) kind: String,
    pub(super) state: &'static str,
    pub(super) state_words: String,
    pub(super) created: When,
    /// What happened, or what it waits for.
    pub(super) what: String,
    pub(super) entries: Vec<Entry>,
    pub(super) can_cancel: bool,
}

/// A line of a timeline.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) when: When,
    pub(super) clock: String,
    pub(super) state: String,
    pub(super) cause: String,
    pub(super) actor: &'static str,
}

impl TaskRow {
    pub(super) fn new(task: &Task, host: &str, now: Timestamp) -> Self {
        let id = task.id.to_string();
        let state = task.state.name();
        Self {
            short: status::short(&id),
            id,
            agent: task.agent.to_string(),
            host: host.to_owned(),
            kind: figures::cut(&task.kind, LONGEST),
            state: state.as_str(),
            state_words: words(state),
            created: When::new(task.created, now),
            what: what(task, now),
            entries: entries(task, now, ENTRIES),
            can_cancel: !state.is_terminal() && !task.state.cancel_requested,
        }
    }
}

pub(super) fn words(state: StateName) -> String {
    state.as_str().replace('_', " ")
}

fn what(task: &Task, now: Timestamp) -> String {
    let text = match &task.state.phase {
        _ if task.state.cancel_requested && !task.state.name().is_terminal() => {
            "cancel was asked for, the agent has yet to confirm it".to_owned()
        }
        Phase::Queued { .. } => {
            format!("waits for its agent until {}", at(task.state.ttl_at, now))
        }
        Phase::Leased { .. } => format!("handed to the agent, attempt {}", task.state.attempt),
        Phase::Accepted { .. } => "the agent has it and is about to start it".to_owned(),
        Phase::Running {
            progress: Some(progress),
            ..
        } => text_of(progress),
        Phase::Running { since, .. } => format!("runs since {}", at(*since, now)),
        Phase::Ended { outcome, .. } => ended(task, outcome),
    };
    match &task.evidence {
        Some(late) => {
            let late = words(late.kind.into());
            format!(
                "{text}; later the agent said that it {late}",
                late = said(&late)
            )
        }
        None => text,
    }
}

fn said(late: &str) -> String {
    match late {
        "succeeded" | "failed" => late.to_owned(),
        other => format!("was {other}"),
    }
}

fn ended(task: &Task, outcome: &Outcome) -> String {
    if let Some(failure) = &outcome.failure {
        return figures::cut(&failure.message, LONGEST);
    }
    let is_start = |state| matches!(state, StateName::Running);
    let started = task
        .timeline
        .iter()
        .rev()
        .find(|entry| is_start(entry.state));
    let took = outcome
        .at
        .since(started.map_or(task.created, |entry| entry.at));
    match outcome
        .output
        .as_ref()
        .filter(|output| **output != Payload::null())
    {
        Some(output) => format!("took {}: {}", figures::span(took), text_of(output)),
        None => format!("took {}", figures::span(took)),
    }
}

/// The start of a payload. It is JSON text, but nobody has checked that.
fn text_of(payload: &Payload) -> String {
    let start = payload
        .as_bytes()
        .get(..4 * LONGEST)
        .unwrap_or(payload.as_bytes());
    figures::cut(&String::from_utf8_lossy(start), LONGEST)
}

pub(super) fn entries(task: &Task, now: Timestamp, most: usize) -> Vec<Entry> {
    let half = most / 2;
    let count = task.timeline.len();
    let shown = |position: &usize| count <= most || *position < half || *position >= count - half;
    let entries = task
        .timeline
        .iter()
        .enumerate()
        .filter(|(position, _)| shown(position));
    entries
        .map(|(_, entry)| Entry {
            when: When::new(entry.at, now),
            clock: when::milli(entry.at),
            state: words(entry.state),
            cause: figures::cut(&entry.cause, LONGEST),
            actor: entry.actor.as_str(),
        })
        .collect()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Ask {
    state: Option<String>,
    agent: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    frame: Frame,
    /// The states to choose from, with the words for them and whether it is the one.
    states: Vec<(&'static str, String, bool)>,
    filtered: bool,
    /// Id and host, if only its tasks are shown.
    agent: Option<(String, String)>,
    tasks: Vec<TaskRow>,
    next: Option<String>,
}

pub(super) async fn list(site: Site, Query(ask): Query<Ask>) -> Reply {
    let handle = &site.handle;
    let state = match ask.state.as_deref().filter(|state| !state.is_empty()) {
        Some(state) => Some(
            state
                .parse::<StateName>()
                .map_err(|error| Trouble::bad(error.to_string()))?,
        ),
        None => None,
    };
    let agent: Option<AgentId> = match ask.agent.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(id.parse().map_err(|_| Trouble::no_agent())?),
        None => None,
    };
    let before = ask.before.as_deref().and_then(|before| before.parse().ok());
    let states = state.into_iter().collect();
    let page = handle
        .tasks(&TaskQuery {
            agent,
            states,
            before,
            limit: ON_PAGE,
        })
        .await?;
    let now = handle.now();
    let mut hosts = Hosts::default();
    let mut tasks = Vec::with_capacity(page.tasks.len());
    for task in &page.tasks {
        let host = hosts.of(handle, task.agent).await?;
        tasks.push(TaskRow::new(task, &host, now));
    }
    let page = TasksPage {
        frame: Frame::of(&site, "Tasks", Place::Tasks),
        states: StateName::ALL
            .into_iter()
            .map(|name| (name.as_str(), words(name), Some(name) == state))
            .collect(),
        filtered: state.is_some() || agent.is_some(),
        agent: match agent {
            Some(id) => Some((id.to_string(), hosts.of(handle, id).await?)),
            None => None,
        },
        tasks,
        next: page
            .next
            .map(|before| site.base.to(&next_path(state, agent, before))),
    };
    Ok(html(StatusCode::OK, &page))
}

fn next_path(state: Option<StateName>, agent: Option<AgentId>, before: u64) -> String {
    let state = state
        .map(|state| format!("state={state}&"))
        .unwrap_or_default();
    let agent = agent
        .map(|agent| format!("agent={agent}&"))
        .unwrap_or_default();
    format!("/tasks?{state}{agent}before={before}")
}

/// Hosts of agents, each asked for once.
#[derive(Default)]
struct Hosts(BTreeMap<AgentId, String>);

impl Hosts {
    async fn of(&mut self, handle: &ServerHandle, id: AgentId) -> Result<String, Trouble> {
        if let Some(host) = self.0.get(&id) {
            return Ok(host.clone());
        }
        let host = match handle.agent(id).await? {
            Some(agent) => status::name(&agent),
            None => status::short(&id.to_string()),
        };
        self.0.insert(id, host.clone());
        Ok(host)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Back {
    /// `tasks` if the button stood among the tasks of all agents, `task` if on the task's own page.
    from: Option<String>,
}

pub(super) async fn cancel(site: Site, Path(id): Path<String>, Form(back): Form<Back>) -> Reply {
    let id: TaskId = id.parse().map_err(|_| Trouble::no_task())?;
    // One that has ended meanwhile is no error here: the page shows how it ended.
    let applied = site
        .handle
        .cancel(id, Actor::Page)
        .await?
        .ok_or_else(Trouble::no_task)?;
    let path = match back.from.as_deref() {
        Some("task") => format!("/tasks/{id}"),
        Some("tasks") => format!("/tasks#task-{id}"),
        _ => format!("/agents/{}#task-{id}", applied.task.agent),
    };
    Ok(see(site.base.to(&path)))
}

#[cfg(test)]
mod tests {
    use widget_core::id::{Attempt, SpoolEpoch};
    use widget_core::store::timeline_entry;
    use widget_core::task::{AgentEvent, Applied, Event, Failure, Finish, FinishKind, NewTask};

    use super::*;

    fn task(events: &[Event]) -> Task {
        let created = Timestamp::from_secs(1_000);
        let new = NewTask::new(
            TaskId::from_bytes([1; 16]),
            AgentId::from_u128(1),
            "reindex",
            Payload::null(),
            created,
        );
        let mut task = new.into_task();
        for (event, at) in events.iter().zip(1_001..) {
            let now = Timestamp::from_secs(at);
            match task.state.apply(event, now).unwrap() {
                Applied::Change(state) => {
                    let actor = Actor::Agent;
                    task.timeline
                        .extend(timeline_entry(&task.state, &state, event, actor, now));
                    task.state = state;
                }
                Applied::Evidence(finish) => task.evidence = Some(finish),
                Applied::Same => {}
            }
        }
        task
    }

    fn row(events: &[Event]) -> TaskRow {
        TaskRow::new(&task(events), "edge", Timestamp::from_secs(2_000))
    }

    fn lease() -> Event {
        let (epoch, until) = (SpoolEpoch::from_bytes([2; 16]), Timestamp::from_secs(9_000));
        Event::Lease { epoch, until }
    }

    fn says(event: AgentEvent) -> Event {
        Event::Said(Attempt(1), event)
    }

    #[test]
    fn a_task_that_waits_says_until_when() {
        let row = row(&[]);
        assert_eq!((row.state, row.can_cancel), ("queued", true));
        assert_eq!(
            row.what,
            "waits for its agent until 1970-01-02 00:16:40 UTC"
        );
    }

    #[test]
    fn one_that_succeeded_says_how_long_it_took_and_what_came_of_it() {
        let output = Payload::from_json_text(r#"{"books":7}"#);
        let finish = AgentEvent::Finish(Finish::succeeded(output));
        let row = row(&[lease(), says(AgentEvent::Start), says(finish)]);
        assert_eq!((row.state, row.can_cancel), ("succeeded", false));
        assert_eq!(row.what, r#"took 1 s: {"books":7}"#);
        let states: Vec<_> = row
            .entries
            .iter()
            .map(|entry| entry.state.as_str())
            .collect();
        assert_eq!(states, ["queued", "leased", "running", "succeeded"]);
    }

    #[test]
    fn one_that_failed_says_why() {
        let finish = Finish::without(FinishKind::TimedOut, Failure::new("x", "longer than 5 s"));
        let row = row(&[
            lease(),
            says(AgentEvent::Start),
            says(AgentEvent::Finish(finish)),
        ]);
        assert_eq!(
            (row.state, row.state_words.as_str()),
            ("timed_out", "timed out")
        );
        assert_eq!(row.what, "longer than 5 s");
    }

    #[test]
    fn a_cancel_that_is_not_confirmed_is_said_and_not_offered_again() {
        let row = row(&[lease(), says(AgentEvent::Start), Event::Cancel]);
        assert!(!row.can_cancel);
        assert!(row.what.contains("has yet to confirm"), "{}", row.what);
    }

    #[test]
    fn a_late_end_is_said() {
        let lost = Event::AgentDeleted;
        let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
        let row = row(&[lease(), says(AgentEvent::Start), lost, says(finish)]);
        assert_eq!(
            row.what,
            "its agent was deleted; later the agent said that it succeeded"
        );
    }

    #[test]
    fn output_that_is_no_text_and_far_too_long_is_cut() {
        let output = Payload::from_json_text(vec![0xff; 1 << 20]);
        assert_eq!(text_of(&output).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_long_timeline_shows_its_ends() {
        let mut task = task(&[]);
        let entry = task.timeline[0].clone();
        task.timeline = vec![entry; ENTRIES + 5];
        assert_eq!(entries(&task, Timestamp::default(), ENTRIES).len(), ENTRIES);
    }
}
