//! Why a task is where it is, in a sentence: a pure function over all that the server knows.

mod ended;
mod held;
mod queued;
mod reason;
#[cfg(test)]
mod tests;
mod words;

pub use reason::Reason;
use widget_core::id::TaskId;
use widget_core::store::AgentRecord;
use widget_core::task::{Phase, StateName, Task, TimelineEntry};
use widget_core::time::Timestamp;
pub(crate) use words::at;

use crate::page::{LONGEST, cut};
use crate::presence::{Ask, Presence};

/// Why a task is where it is, as far as the server knows at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which task.
    pub task: TaskId,
    /// The state that it is in.
    pub state: StateName,
    /// The stable word for why.
    pub reason: Reason,
    /// The same for people: one or two plain sentences, with times absolute and relative.
    pub sentence: String,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// What else there is to know, a sentence each.
    pub details: Vec<String>,
    /// Each change of state with its cause and who caused it, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// All that an explanation is made of.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) task: &'a Task,
    pub(crate) agent: Option<AgentFacts<'a>>,
    pub(crate) queue: Queue,
    pub(crate) now: Timestamp,
}

/// What is known of the task's agent.
#[derive(Debug)]
pub(crate) struct AgentFacts<'a> {
    pub(crate) record: &'a AgentRecord,
    pub(crate) presence: Presence,
    /// When it was heard last.
    pub(crate) heard: Timestamp,
    /// What it asked for last, and when, if that was since the server's start.
    pub(crate) asked: Option<(Timestamp, Ask)>,
}

/// What stands between a queued task and its agent.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// An earlier unfinished task of its ordering key: its id, kind and state.
    pub(crate) of_its_key: Option<(TaskId, String, StateName)>,
    /// How many tasks the agent has.
    pub(crate) held: u64,
    /// How many of them are of the same kind.
    pub(crate) held_of_kind: u64,
    /// How many queued tasks go before it.
    pub(crate) ahead: u64,
    /// There are more tasks than were looked at.
    pub(crate) more: bool,
}

/// Why, and the sentence.
type Why = (Reason, String);

/// Why a task is where it is.
pub(crate) fn explain(facts: &Facts<'_>) -> Explanation {
    let Facts { task, now, .. } = facts;
    let mut details = Vec::new();
    let (reason, sentence) = match &task.state.phase {
        Phase::Queued { not_before } => queued::explain(facts, *not_before, &mut details),
        Phase::Leased { until, .. } => held::leased(facts, *until, &mut details),
        Phase::Accepted { .. } => held::accepted(facts, &mut details),
        Phase::Running { since, .. } => held::running(facts, *since, &mut details),
        Phase::Ended { outcome, reached } => ended::explain(task, outcome, *reached, *now),
    };
    common(facts, &mut details);
    Explanation {
        task: task.id,
        state: task.state.name(),
        reason,
        sentence,
        since: since(task),
        details,
        timeline: task.timeline.clone(),
    }
}

/// When it came to the state that it is in.
fn since(task: &Task) -> Timestamp {
    let state = task.state.name();
    let mut since = task.created;
    // The first of the last entries that speak of this state.
    for entry in task.timeline.iter().rev() {
        if entry.state != state {
            break;
        }
        since = entry.at;
    }
    since
}

/// What is said in every state.
fn common(facts: &Facts<'_>, details: &mut Vec<String>) {
    let Facts { task, now, .. } = facts;
    let state = &task.state;
    if matches!(
        state.phase,
        Phase::Queued { .. } | Phase::Leased { .. } | Phase::Accepted { .. }
    ) {
        let by = words::until(state.ttl_at, *now);
        details.push(format!("It must have started by {by}, else it expires."));
    }
    if let Some(timeout) = task.timeout {
        let timeout = words::span(timeout);
        details.push(format!("It may run for {timeout} at most."));
    }
    if state.failures > 0 {
        let times = words::times(state.failures);
        details.push(format!(
            "Its handler has failed {times} and asked for another attempt."
        ));
    }
    if state.losses > 0 {
        let times = words::times(state.losses);
        details.push(format!("Its agent was lost {times} while it had the task."));
    }
    if let Some(outcome) = state.outcome()
        && let Some(length) = outcome.cut
    {
        details.push(format!(
            "Its output had {length} bytes, of which the beginning is kept."
        ));
    }
    if let Some(late) = &task.evidence {
        let state = late.kind.into();
        details.push(if task.state.name() == state {
            // So it is with a shutdown: the goodbye ended it, and the next start says so too.
            "Later the agent said so too; what it said then is kept beside the end.".to_owned()
        } else {
            let late = ended::verb(state);
            format!(
                "Later the agent said that it {late}. That came after the end, which stays as it \
                 is; what was said is kept beside it as evidence."
            )
        });
    }
}

impl AgentFacts<'_> {
    /// `web-1`, or the start of the id of an agent that has not said its host.
    fn name(&self) -> String {
        match self.record.describe.host.trim() {
            "" => short(&self.record.id.to_string()),
            host => cut(host, LONGEST),
        }
    }

    /// `is offline since 14:02:11 UTC (3 minutes)`; none if it is there.
    fn absence(&self, now: Timestamp) -> Option<String> {
        let since = words::since(self.heard, now);
        match self.presence {
            Presence::Online => None,
            Presence::Stale => Some(format!("has not been heard from {since}")),
            Presence::Offline => Some(format!("is offline {since}")),
            Presence::Left => Some(format!("said goodbye and is away {since}")),
        }
    }

    /// The kinds that it takes, if it has said so.
    fn kinds(&self) -> Option<Vec<&str>> {
        let describe = &self.record.describe;
        let described = *describe != widget_core::message::Describe::default();
        let kinds = describe.handlers.iter();
        described.then(|| kinds.map(|handler| handler.kind.as_str()).collect())
    }
}

/// The start of an id: `0192d4a0-6c1e`.
fn short(id: &str) -> String {
    id.get(..13).unwrap_or(id).to_owned()
}
