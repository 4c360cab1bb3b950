//! What each agent asked for last: how many tasks it has room for, in all and of which kind. Only for
//! explaining why a task waits, so it is kept in memory and not in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use widget_core::id::AgentId;
use widget_core::message::KindRoom;
use widget_core::store::LeaseRequest;
use widget_core::time::Mono;

/// What an agent asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// How many tasks it had room for.
    pub(crate) room: usize,
    /// How many it had.
    pub(crate) holding: usize,
    /// Kinds of which it takes fewer.
    pub(crate) kinds: Box<[KindRoom]>,
    /// When.
    pub(crate) at: Mono,
}

impl Ask {
    pub(crate) fn new(request: &LeaseRequest, at: Mono) -> Self {
        Self {
            room: request.room,
            holding: request.holding.len(),
            kinds: request.kinds.as_slice().into(),
            at,
        }
    }
}

/// One small row for each agent that asked since the start.
#[derive(Debug, Default)]
pub(crate) struct Asks(Mutex<BTreeMap<AgentId, Ask>>);

impl Asks {
    pub(crate) fn keep(&self, agent: AgentId, ask: Ask) {
        self.rows().insert(agent, ask);
    }

    pub(crate) fn of(&self, agent: AgentId) -> Option<Ask> {
        self.rows().get(&agent).cloned()
    }

    /// An agent was deleted.
    pub(crate) fn forget(&self, agent: AgentId) {
        self.rows().remove(&agent);
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<AgentId, Ask>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
