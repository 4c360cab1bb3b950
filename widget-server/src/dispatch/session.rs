//! Which memory of an agent is the current one, and whose turn it is to wait for its tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use widget_core::id::{AgentId, SpoolEpoch};

/// The sessions that were opened since the start: one row for each agent.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    rows: Mutex<BTreeMap<AgentId, Session>>,
}

#[derive(Debug)]
struct Session {
    epoch: SpoolEpoch,
    turns: Arc<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    latest: AtomicU64,
    event: Event,
}

/// The right to wait for an agent's tasks, until somebody newer has it.
#[derive(Debug)]
pub(super) struct Turn {
    number: u64,
    turns: Arc<Turns>,
}

impl Sessions {
    /// This memory of the agent is the current one from here on.
    pub(super) fn begin(&self, agent: AgentId, epoch: SpoolEpoch) {
        let mut rows = self.rows();
        let turns = rows
            .get(&agent)
            .map(|session| session.turns.clone())
            .unwrap_or_default();
        turns.next();
        rows.insert(agent, Session { epoch, turns });
    }

    /// No memory of the agent is current any more.
    pub(super) fn end(&self, agent: AgentId) {
        if let Some(session) = self.rows().remove(&agent) {
            session.turns.next();
        }
    }

    pub(super) fn is_current(&self, agent: AgentId, epoch: SpoolEpoch) -> bool {
        self.rows()
            .get(&agent)
            .is_some_and(|session| session.epoch == epoch)
    }

    /// Takes the turn from whoever has it; `None` if the agent has no session.
    pub(super) fn take_turn(&self, agent: AgentId) -> Option<Turn> {
        let turns = self.rows().get(&agent)?.turns.clone();
        Some(Turn {
            number: turns.next(),
            turns,
        })
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<AgentId, Session>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn next(&self) -> u64 {
        let number = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        self.event.notify(usize::MAX);
        number
    }
}

impl Turn {
    pub(super) fn is_over(&self) -> bool {
        self.turns.latest.load(Ordering::SeqCst) != self.number
    }

    /// Ends when somebody newer has the turn.
    pub(super) async fn over(&self) {
        while !self.is_over() {
            let listener = self.turns.event.listen();
            if self.is_over() {
                return;
            }
            listener.await;
        }
    }
}
