//! What must be true of when handlers run: one at a time of each ordering key, and none for longer than its
//! timeout.

use std::collections::BTreeMap;
use std::time::Duration;

use widget_core::id::{AgentId, TaskId};

use super::Fault;
use super::checks::Scene;
use super::journal::Start;
use super::oracle::Asked;
use super::plan::Kind;

/// For so long a handler may go on after its timeout.
const DROPPED_WITHIN: Duration = Duration::from_millis(500);

impl Scene<'_> {
    pub(super) fn check_order(&self, broken: &mut Vec<String>) {
        let mut keys: BTreeMap<(AgentId, u8), Vec<(TaskId, &Start)>> = BTreeMap::new();
        for asked in self.asked {
            let Some((id, _)) = asked.accepted else {
                continue;
            };
            let starts = self.journal.starts.get(&id).into_iter().flatten();
            for start in starts {
                self.check_timeout(asked, id, start, broken);
                if let Some(key) = asked.plan.key {
                    let starts = keys.entry((asked.agent, key)).or_default();
                    starts.push((id, start));
                }
            }
        }
        for ((agent, key), mut starts) in keys {
            if self.runs_unknown(agent) {
                continue;
            }
            starts.sort_by_key(|(_, start)| start.at);
            for pair in starts.windows(2) {
                let ((one, first), (two, second)) = (pair[0], pair[1]);
                if first.until.is_none_or(|until| until > second.at) {
                    broken.push(format!(
                        "agent {agent}: tasks {one} and {two} of the ordering key key-{key} ran at a time"
                    ));
                }
            }
        }
    }

    /// Whether handlers may run of which the server knows nothing any more: where a copy runs, or an older state
    /// came back, or the agent was deleted with what it had.
    fn runs_unknown(&self, agent: AgentId) -> bool {
        let history = self.history;
        let mut deleted = history.deleted.iter();
        history.was_copied(agent)
            || !history.restores.is_empty()
            || deleted.any(|(of, _)| *of == agent)
    }

    fn check_timeout(&self, asked: &Asked, id: TaskId, start: &Start, broken: &mut Vec<String>) {
        // The timers of a host that sleeps wait with it; nothing ends what blocks.
        let sleeps = |fault: Fault| matches!(fault, Fault::SuspendAgent);
        let mut faults = self.plan.faults.iter();
        let slept = faults.any(|fault| fault.agent == asked.plan.agent && sleeps(fault.fault));
        let Some(timeout) = asked.plan.timeout.filter(|_| !slept) else {
            return;
        };
        let until = start.until.unwrap_or(self.now);
        let known = start.kind != Kind::Blocking && start.kind.is_journaled();
        if known && until > start.at.after(timeout + DROPPED_WITHIN) {
            broken.push(format!(
                "task {id} ran for {:?}, and its timeout is {timeout:?}",
                until.since(start.at)
            ));
        }
    }
}
