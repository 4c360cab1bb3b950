//! Why a task waits: the first thing that holds it back, and the others as details.

use std::time::Duration;

use widget_core::task::Task;
use widget_core::time::Timestamp;

use super::{AgentFacts, Facts, Queue, Reason, Why, short, words};
use crate::page::{LONGEST, cut};
use crate::presence::{Ask, Presence};

/// An agent asks again at least this often while it takes tasks.
const ASKS_WITHIN: Duration = Duration::from_secs(60);
/// The most kinds that are named.
const KINDS: usize = 16;

pub(super) fn explain(
    facts: &Facts<'_>,
    not_before: Option<Timestamp>,
    details: &mut Vec<String>,
) -> Why {
    let mut reasons = reasons(facts, not_before).into_iter();
    let (reason, sentence) = reasons.next().unwrap_or_else(|| next(facts));
    details.extend(reasons.map(|(_, sentence)| format!("Then it {}", lower(&sentence))));
    if let Some(key) = &facts.task.ordering_key
        && reason != Reason::KeyBusy
    {
        let key = cut(key, LONGEST);
        details.push(format!(
            "Its ordering key is “{key}”: tasks of one key run one after the other."
        ));
    }
    (reason, sentence)
}

/// Whatever holds it back, what lasts longest first.
fn reasons(facts: &Facts<'_>, not_before: Option<Timestamp>) -> Vec<Why> {
    let Facts { task, now, .. } = facts;
    let mut reasons = Vec::new();
    if task.state.ttl_at <= *now {
        let passed = words::ago(task.state.ttl_at, *now);
        let text = format!("Waits no longer: its ttl has passed {passed}, it expires any moment.");
        return vec![(Reason::TtlPassed, text)];
    }
    let Some(agent) = &facts.agent else {
        let id = task.agent;
        let text =
            format!("Waits: there is no agent {id} here. It has never come, or was deleted.");
        return vec![(Reason::AgentUnknown, text)];
    };
    if let Some(mark) = &agent.record.cloned {
        let since = words::ago(mark.since, *now);
        let text = format!(
            "Waits: agent {} was seen on two hosts {since}, and is given no tasks until somebody \
             decides which goes on.",
            agent.name()
        );
        reasons.push((Reason::Cloned, text));
    }
    reasons.extend(no_handler(task, agent));
    if let Some(due) = not_before.filter(|due| due > now) {
        reasons.push(held_until(task, due, *now));
    }
    if let Some(absence) = agent.absence(*now) {
        let reason = match agent.presence {
            Presence::Left => Reason::AgentLeft,
            Presence::Stale => Reason::AgentSilent,
            Presence::Online | Presence::Offline => Reason::AgentOffline,
        };
        reasons.push((reason, format!("Waits: agent {} {absence}.", agent.name())));
    }
    reasons.extend(key(task, &facts.queue));
    // What a version 1 collector can take is not known, and what is gone takes nothing.
    if agent.record.protocol >= 2 && agent.presence == Presence::Online {
        reasons.extend(room(facts, agent));
    }
    reasons
}

fn no_handler(task: &Task, agent: &AgentFacts<'_>) -> Option<Why> {
    let kinds = agent.kinds().filter(|_| agent.record.protocol >= 2)?;
    if kinds.contains(&task.kind.as_str()) {
        return None;
    }
    let mut has = kinds.iter().take(KINDS).copied().collect::<Vec<_>>();
    if kinds.len() > KINDS {
        has.push("…");
    }
    let has = match has.is_empty() {
        true => "none at all".to_owned(),
        false => cut(&has.join(", "), LONGEST),
    };
    let text = format!(
        "Waits, but agent {} has no handler for the kind “{}” (it has: {has}) and will reject it.",
        agent.name(),
        task.kind
    );
    Some((Reason::NoSuchHandler, text))
}

fn held_until(task: &Task, due: Timestamp, now: Timestamp) -> Why {
    let until = words::until(due, now);
    if task.state.started_before {
        let text = format!("Waits for its next attempt, which is not to start before {until}.");
        return (Reason::RetryPause, text);
    }
    let text = format!("Waits: it is not to be handed out before {until}.");
    (Reason::NotBefore, text)
}

fn key(task: &Task, queue: &Queue) -> Option<Why> {
    let (id, kind, state) = queue.of_its_key.as_ref()?;
    let key = cut(task.ordering_key.as_deref().unwrap_or_default(), LONGEST);
    let text = format!(
        "Waits for its ordering key “{key}”: task {} (kind {}) is {state}.",
        short(&id.to_string()),
        cut(kind, LONGEST)
    );
    Some((Reason::KeyBusy, text))
}

fn room(facts: &Facts<'_>, agent: &AgentFacts<'_>) -> Option<Why> {
    let Facts {
        task, queue, now, ..
    } = facts;
    let name = agent.name();
    let Some((at, Ask { has_room, full, .. })) = &agent.asked else {
        let text = format!(
            "Waits: agent {name} is there, but has not asked for tasks since this server started."
        );
        return Some((Reason::NotAsked, text));
    };
    if now.since(*at) > ASKS_WITHIN {
        let since = words::since(*at, *now);
        let text = format!("Waits: agent {name} is there, but has not asked for tasks {since}.");
        return Some((Reason::NotAsked, text));
    }
    let ahead = match queue.ahead {
        0 => String::new(),
        1 => " 1 queued task goes before it.".to_owned(),
        ahead => {
            let at_least = if queue.more { "At least " } else { "" };
            format!(" {at_least}{ahead} queued tasks go before it.")
        }
    };
    if !has_room {
        let has = words::some(queue.held, "task");
        let text = format!("Waits: agent {name} has no room (it has {has}).{ahead}");
        return Some((Reason::NoRoom, text));
    }
    if full.iter().any(|kind| **kind == *task.kind) {
        let has = words::some(queue.held_of_kind, "task");
        let text = format!(
            "Waits: agent {name} takes no more of the kind “{}” for now (it has {has} of it).",
            task.kind
        );
        return Some((Reason::KindLimit, text));
    }
    if queue.ahead > 0 {
        let text = format!("Waits for its turn at agent {name}.{ahead}");
        return Some((Reason::OthersFirst, text));
    }
    None
}

fn next(facts: &Facts<'_>) -> Why {
    let name = facts.agent.as_ref().map(AgentFacts::name);
    let text = format!(
        "Waits for the next request of agent {}; nothing else holds it back.",
        name.unwrap_or_default()
    );
    (Reason::Next, text)
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
