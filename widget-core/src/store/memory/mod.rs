//! [`MemoryStore`]: all four stores in memory, for tests, trials and servers whose past does not
//! matter. Nothing survives the process.

mod access;
mod agents;
mod reports;
mod tasks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::Access;
use agents::Agents;
use reports::Reports;
use tasks::Tasks;

use super::Bells;
use crate::id::StoreEpoch;

/// All four stores in memory. Cheap to clone; clones share what they hold.
///
/// It is not durable: every start is a new store. Bounded by retention only, as every store is; the
/// audit list, tokens and credentials are not even by that.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    rows: Arc<Mutex<Rows>>,
    bells: Bells,
}

#[derive(Debug, Clone)]
struct Rows {
    access: Access,
    agents: Agents,
    tasks: Tasks,
    reports: BTreeMap<crate::id::AgentId, Reports>,
    next_report: u64,
}

impl MemoryStore {
    /// An empty store with this epoch, which should be random.
    #[must_use]
    pub fn new(epoch: StoreEpoch) -> Self {
        let rows = Rows {
            access: Access::default(),
            agents: Agents::default(),
            tasks: Tasks::new(epoch),
            reports: BTreeMap::new(),
            next_report: 1,
        };
        Self {
            rows: Arc::new(Mutex::new(rows)),
            bells: Bells::default(),
        }
    }

    /// The same rows as another process finds them: nobody waits, and sessions begin anew. Who has
    /// this one still changes them.
    #[must_use]
    pub fn reopened(&self) -> Self {
        self.rows().agents.forget_session_key();
        Self {
            rows: Arc::clone(&self.rows),
            bells: Bells::default(),
        }
    }

    /// A copy of the rows as they are now, as a backup would be.
    #[must_use]
    pub fn backup(&self) -> Self {
        let mut rows = self.rows().clone();
        rows.agents.forget_session_key();
        Self {
            rows: Arc::new(Mutex::new(rows)),
            bells: Bells::default(),
        }
    }

    /// How many wait for tasks of agents.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bells.len()
    }

    /// Each method takes the lock once and never waits while it has it.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
