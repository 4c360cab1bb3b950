//! What a ledger begins with: the tasks that a durable spool remembers from an earlier process, and
//! what that makes of each of them. Nothing of it runs before the server has said so.

use std::time::Duration;

use widget_core::Payload;
use widget_core::message::WorkTask;
use widget_core::spool::{End, KeptStage, KeptTask, Process, Recall};
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};
use widget_core::time::Timestamp;

use crate::entry::Stage;
use crate::tasks::{Ledger, Prepared};

/// How long a task waits that its agent was lost with, in milliseconds, the first time. It doubles
/// with each loss.
const PAUSE: u64 = 1_000;
/// How often it doubles at most.
const DOUBLINGS: u32 = 6;
/// The sequence number that a spool gives tasks of another store. None is ever given out.
const FOREIGN: u64 = 0;

impl<J> Ledger<J> {
    /// Takes what the spool remembers. The handlers are looked up anew.
    pub(crate) fn recall(
        &mut self,
        recall: Recall,
        prepare: impl Fn(&WorkTask) -> Result<Prepared<J>, Failure>,
        now: Timestamp,
    ) {
        self.spent = recall.spent;
        self.seen = recall.seen;
        for kept in recall.tasks {
            let task = kept.task.task;
            let (stage, news) = match &kept.stage {
                KeptStage::Waiting if kept.cancel_seen => over(AgentEvent::CancelConfirmed),
                KeptStage::Waiting => match prepare(&kept.task) {
                    Ok(prepared) => {
                        self.wait(&kept, prepared, now);
                        continue;
                    }
                    // Too late to reject it: it was accepted.
                    Err(why) => {
                        let finish = Finish::without(FinishKind::Failed, why);
                        over(AgentEvent::Finish(finish))
                    }
                },
                KeptStage::Started { process, leaving } => {
                    over(lost(&kept, process, &self.process, *leaving))
                }
                KeptStage::Over(last) => (Stage::Over(last.clone()), None),
            };
            if let Some(entry) = self.insert(&kept.task, stage) {
                entry.recorded = true;
                entry.idempotent = kept.idempotent;
                entry.cancel_seen = kept.cancel_seen;
                entry.started = kept.started || matches!(kept.stage, KeptStage::Started { .. });
                entry.start_due = entry.started;
                entry.foreign = kept.task.sequence == FOREIGN;
            }
            if let Some(last) = news {
                self.end(task, last);
            }
        }
    }

    fn wait(&mut self, kept: &KeptTask, prepared: Prepared<J>, now: Timestamp) {
        // It may have waited long; how long, the server knows, and is asked before it starts.
        let ttl_at = now.after(Duration::from_millis(kept.task.ttl_ms));
        let (job, slot) = (prepared.job, false);
        let entry = self.insert(&kept.task, Stage::Waiting { job, ttl_at, slot });
        // Another version of the program may say otherwise now. Started again it is only if both agree,
        // the server having heard the first.
        let idempotent = kept.idempotent && prepared.idempotent;
        if let Some(entry) = entry {
            entry.recorded = true;
            entry.accept_due = true;
            entry.idempotent = idempotent;
            entry.start_first = prepared.start_first;
            entry.foreign = kept.task.sequence == FOREIGN;
        }
        if kept.idempotent != idempotent {
            self.record(kept.task.clone(), idempotent);
        }
    }
}

const fn over<J>(last: AgentEvent) -> (Stage<J>, Option<AgentEvent>) {
    (Stage::Stuck, Some(last))
}

/// The last word on a task that was started in another process, whose end nobody noted.
fn lost(kept: &KeptTask, before: &Process, now: &Process, leaving: Option<End>) -> AgentEvent {
    let gone = match leaving {
        Some(End::Agent) => true,
        Some(End::Host) => before.boot != now.boot,
        None => false,
    };
    let evidence = evidence(before, now);
    if gone {
        return AgentEvent::Finish(Finish::succeeded(evidence));
    }
    if leaving.is_none() && kept.idempotent {
        let doublings = kept.task.losses.min(DOUBLINGS);
        return AgentEvent::Retry {
            failure: Failure::new("agent_lost", "the agent ended while it ran"),
            after_ms: PAUSE << doublings,
            lost: true,
        };
    }
    let why = match leaving {
        None => "the agent ended while it ran: it may have happened",
        Some(_) => "the agent ended while it ran, but its host did not: it may have happened",
    };
    let mut finish = Finish::without(FinishKind::Interrupted, Failure::new("interrupted", why));
    finish.output = Some(evidence);
    AgentEvent::Finish(finish)
}

/// Where it was started and where that was found, as JSON text.
fn evidence(before: &Process, now: &Process) -> Payload {
    let text = [
        "{\"before\":",
        &process(before),
        ",\"after\":",
        &process(now),
        "}",
    ];
    Payload::from_json_text(text.concat().into_bytes())
}

fn process(process: &Process) -> String {
    let plain = |c: &char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    let boot: String = process.boot.chars().filter(plain).collect();
    [
        "{\"boot\":\"",
        &boot,
        "\",\"pid\":",
        &process.pid.to_string(),
        "}",
    ]
    .concat()
}

#[cfg(test)]
#[path = "recall_tests.rs"]
mod tests;
