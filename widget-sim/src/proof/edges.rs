//! Every edge of the state table: from where, by which event, to where. Found by trying all events in all
//! states, so that no edge is forgotten here when the rules gain one.

use std::collections::BTreeSet;
use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{Attempt, SpoolEpoch};
use widget_core::store::timeline_entry;
use widget_core::task::{
    Actor, AgentEvent, Applied, Chunk, Event, Failure, Finish, FinishKind, MAX_LOSSES, Phase,
    StateName, TIMELINE_FIRST, Task, TaskState,
};
use widget_core::testkit::fixtures::{NOW, epoch};
use widget_core::time::Timestamp;

/// From where, why, to where, as a timeline shows it.
pub type Edge = (StateName, String, StateName);

/// What a server says of a cancel that is one of many.
const PURGED: &str = "all that was queued for the agent was cancelled";

const HOUR: Duration = Duration::from_secs(3_600);

fn finishes() -> impl Iterator<Item = AgentEvent> {
    let kinds = [
        FinishKind::Failed,
        FinishKind::Stopped,
        FinishKind::TimedOut,
        FinishKind::Interrupted,
    ];
    let without = |kind| Finish::without(kind, Failure::new("code", "why"));
    let finishes = kinds.into_iter().map(without);
    finishes
        .chain([Finish::succeeded(Payload::null())])
        .map(AgentEvent::Finish)
}

/// Everything that an agent can say.
pub(super) fn words() -> Vec<AgentEvent> {
    let retry = |lost| AgentEvent::Retry {
        failure: Failure::new("code", "why"),
        after_ms: 10,
        lost,
    };
    let mut words = vec![
        AgentEvent::Accept { idempotent: false },
        AgentEvent::Accept { idempotent: true },
        AgentEvent::Reject(Failure::new("code", "why")),
        AgentEvent::Start,
        AgentEvent::Progress(Payload::null()),
        AgentEvent::Output(Chunk {
            offset: 0,
            text: "a line".to_owned(),
        }),
        retry(false),
        retry(true),
        AgentEvent::CancelConfirmed,
        AgentEvent::Expire,
    ];
    words.extend(finishes());
    words
}

fn events() -> Vec<Event> {
    let mut events = vec![
        Event::Lease {
            epoch: epoch(1),
            until: NOW.after(HOUR),
        },
        Event::LeaseEnded,
        Event::TtlPassed,
        Event::NoWord,
        Event::Cancel,
        Event::HandedToV1,
        Event::SpoolLost,
        Event::StoreBehind,
        Event::AgentDeleted,
    ];
    events.extend(
        words()
            .into_iter()
            .map(|word| Event::Said(Attempt(1), word)),
    );
    events
}

fn phases(epoch: SpoolEpoch) -> [Phase; 4] {
    let heard = NOW.before(HOUR);
    [
        Phase::Queued { not_before: None },
        Phase::Leased { epoch, until: NOW },
        Phase::Accepted { epoch, heard },
        Phase::Running {
            epoch,
            since: heard,
            heard,
            progress: None,
        },
    ]
}

fn states() -> Vec<TaskState> {
    let mut states = Vec::new();
    for phase in phases(epoch(1)) {
        for flags in 0..32_u32 {
            let flag = |bit: u32| flags >> bit & 1 == 1;
            let ttl_at = if flag(0) { NOW } else { NOW.after(HOUR) };
            let mut state = TaskState::queued(ttl_at, None);
            state.attempt = Attempt(1);
            state.cancel_requested = flag(1);
            state.idempotent = flag(2);
            state.started_before = flag(3);
            state.losses = if flag(4) { MAX_LOSSES - 1 } else { 0 };
            state.phase = phase.clone();
            states.push(state);
        }
    }
    states
}

/// All edges that leave a mark in a timeline.
#[must_use]
pub fn edges() -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for before in states() {
        for event in events() {
            let Ok(Applied::Change(after)) = before.apply(&event, NOW) else {
                continue;
            };
            if let Some(entry) = timeline_entry(&before, &after, &event, Actor::Server, NOW) {
                edges.insert((before.name(), why(&entry.cause), after.name()));
                if event == Event::Cancel && before.name() == StateName::Queued {
                    edges.insert((before.name(), PURGED.to_owned(), after.name()));
                }
            }
        }
    }
    edges
}

/// A cause without what is special to one task.
fn why(cause: &str) -> String {
    let others = ["the agent asked whether it may start", PURGED];
    let causes = events().into_iter().map(|event| event.cause());
    let known = causes
        .chain(others)
        .filter(|known| cause.starts_with(known));
    let longest = known.max_by_key(|known| known.len());
    longest.unwrap_or(cause).to_owned()
}

/// The edges that a task has gone.
pub(super) fn gone_by(task: &Task) -> Vec<(Edge, Timestamp)> {
    let pairs = task.timeline.windows(2).enumerate();
    // Where some are left out there is no edge.
    let left_out = |nth: usize| task.left_out > 0 && nth + 1 == TIMELINE_FIRST;
    let pairs = pairs.filter(|(nth, _)| !left_out(*nth));
    let edges = pairs.map(|(_, pair)| {
        let (before, after) = (&pair[0], &pair[1]);
        ((before.state, why(&after.cause), after.state), after.at)
    });
    edges.collect()
}
