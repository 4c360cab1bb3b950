//! Tasks that an agent was given: what it is known to do with them.

use widget_core::time::Timestamp;

use super::{AgentFacts, Facts, Reason, Why, words};
use crate::presence::Presence;

pub(super) fn leased(facts: &Facts<'_>, until: Timestamp, details: &mut Vec<String>) -> Why {
    let (attempt, now) = (facts.task.state.attempt, facts.now);
    let until = words::until(until, now);
    if let Some((name, absence)) = gone(facts) {
        details.push(format!(
            "Agent {name} {absence}. When the lease ends, the task is queued again."
        ));
    }
    let text = format!(
        "Handed to agent {}, attempt {attempt}; the agent has yet to say that it has it. The lease \
         is held until {until}.",
        name(facts)
    );
    (Reason::LeaseHeld, text)
}

pub(super) fn accepted(facts: &Facts<'_>, details: &mut Vec<String>) -> Why {
    let since = words::since(super::since(facts.task), facts.now);
    let has = format!(
        "Agent {} has it {since} and has not started it",
        name(facts)
    );
    if let Some(why) = cancel(facts, details).or_else(|| silent(facts, &has, details)) {
        return why;
    }
    let text = format!("{has}: it starts as soon as the agent’s own limits allow.");
    (Reason::WaitsAtAgent, text)
}

pub(super) fn running(facts: &Facts<'_>, since: Timestamp, details: &mut Vec<String>) -> Why {
    let runs = format!(
        "Runs at agent {} {}",
        name(facts),
        words::since(since, facts.now)
    );
    if let Some(why) = cancel(facts, details).or_else(|| silent(facts, &runs, details)) {
        return why;
    }
    (Reason::Running, format!("{runs}."))
}

fn cancel(facts: &Facts<'_>, details: &mut Vec<String>) -> Option<Why> {
    let Facts { task, now, .. } = facts;
    if !task.state.cancel_requested {
        return None;
    }
    // Only a cancel leaves the state as it was.
    let mut pairs = task.timeline.windows(2).rev();
    let asked = pairs.find_map(|pair| match pair {
        [before, after] if before.state == after.state => Some(after.at),
        _ => None,
    });
    let asked = words::ago(asked.unwrap_or(task.created), *now);
    if let Some((name, absence)) = gone(facts) {
        details.push(ends(facts));
        let text = format!(
            "Cancel was asked for, not confirmed: agent {name}, which has the task, {absence}."
        );
        return Some((Reason::CancelNotConfirmed, text));
    }
    let text = format!(
        "Cancel was asked for {asked}; agent {} is told with each of its requests, and its answer \
         decides.",
        name(facts)
    );
    Some((Reason::CancelAsked, text))
}

/// The agent that has it is not there.
fn silent(facts: &Facts<'_>, what: &str, details: &mut Vec<String>) -> Option<Why> {
    let (_, absence) = gone(facts)?;
    details.push(ends(facts));
    let text = format!("{what}, as far as is known: the agent {absence}.");
    Some((Reason::AgentGone, text))
}

fn ends(facts: &Facts<'_>) -> String {
    let Facts { task, now, .. } = facts;
    let end = task.due_at().unwrap_or(*now);
    let then = match task.state.idempotent && !task.state.cancel_requested {
        true => "it is queued again",
        false => "it ends as interrupted, since it may have happened",
    };
    format!(
        "If there is no word of it until {}, {then}.",
        words::until(end, *now)
    )
}

/// Name and absence of an agent that is not there.
fn gone(facts: &Facts<'_>) -> Option<(String, String)> {
    let agent = facts.agent.as_ref()?;
    // One that is only late is no news here: handlers may keep a host busy.
    if agent.presence == Presence::Stale {
        return None;
    }
    Some((agent.name(), agent.absence(facts.now)?))
}

fn name(facts: &Facts<'_>) -> String {
    match &facts.agent {
        Some(agent) => AgentFacts::name(agent),
        None => super::short(&facts.task.agent.to_string()),
    }
}
