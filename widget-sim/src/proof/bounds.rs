//! That the memory of every party is bounded: what is left when everything has ended and nothing more is to be
//! done.

use widget_core::spool::{LOG, LOG_NEW};

use super::director::Director;

/// Reports that an agent may be about to send.
const PENDING: usize = 2;

impl Director {
    /// What is more than there may be.
    pub(super) fn bounds(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (number, party) in self.parties.iter().enumerate() {
            let image = party.agent.image();
            let files = [LOG, LOG_NEW].iter().filter_map(|name| image.get(*name));
            let bytes: usize = files.map(Vec::len).sum();
            let limit = party.agent.limit();
            if party.plan.durable && bytes as u64 > limit {
                broken.push(format!(
                    "agent {number} has {bytes} bytes on its disk, but may have {limit}"
                ));
            }
            if self.is_forsaken(number) {
                continue;
            }
            let Some(handle) = party.agent.handle() else {
                continue;
            };
            let pending = handle.status().reports.pending;
            if pending > PENDING {
                broken.push(format!(
                    "agent {number} still has {pending} reports though nothing holds them up"
                ));
            }
        }
        // Strangers were deleted, and nothing is kept of them.
        let parties = self.parties.len();
        // One request of each agent waits; another may have come before the end of it was noticed.
        let waiting = self.server.rows().waiting();
        if waiting > 2 * parties {
            broken.push(format!(
                "{waiting} wait for tasks, though there are {parties} agents at most: some of them leak"
            ));
        }
        let known = self.server.handle();
        let known = known.map_or(0, widget_server::ServerHandle::agents_in_memory);
        if known > parties {
            broken.push(format!(
                "the server has {known} agents in its memory, though there are {parties} at most"
            ));
        }
        broken
    }
}
