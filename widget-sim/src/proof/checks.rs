//! What must be true after a run, line by line.

use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::store::{MemoryStore, TaskStore};
use widget_core::task::{Event, LEASE, StateName, Task, TimelineEntry};
use widget_core::time::Mono;

use super::director::LOOK;
use super::edges::gone_by;
use super::history::History;
use super::journal;
use super::oracle::Asked;
use super::plan::{AgentPlan, FaultPlan, Kind};
use super::{Coverage, Fault, Plan};

/// All that a check may look at.
pub(super) struct Scene<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rows: &'a MemoryStore,
    pub(super) asked: &'a [Asked],
    pub(super) history: &'a History,
    pub(super) journal: &'a journal::All,
    /// Each agent of the fleet, with its host.
    pub(super) agents: &'a [(AgentId, AgentPlan, String)],
    pub(super) now: Mono,
}

/// The number of the agent, for tasks of those that are none of the fleet.
pub(super) const STRANGER: usize = usize::MAX;

/// What a word takes on its way at most, when it is to be compared with a time.
const SLACK: Duration = Duration::from_secs(5);

/// After so long without a word nothing is held any more.
const DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// By how much the server's clock is set in all. A process that begins takes it as it is.
pub(super) fn clock_was_set(plan: &Plan) -> Duration {
    let set = plan
        .faults
        .iter()
        .filter(|fault| fault.fault == Fault::ServerClock);
    set.map(|fault| fault.lasts).sum()
}

/// Everything that is not as promised.
pub(super) async fn check(scene: &Scene<'_>, coverage: &mut Coverage) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, asked) in scene.asked.iter().enumerate() {
        let Some((id, accepted)) = asked.accepted else {
            continue;
        };
        let task = scene.rows.task(id).await.expect("rows in memory answer");
        let Some(task) = task else {
            if !scene.history.may_be_gone(accepted) {
                broken.push(format!(
                    "an accepted task is gone: task {number} {id} {}",
                    asked.plan.kind.as_str()
                ));
            }
            continue;
        };
        for (edge, _) in gone_by(&task) {
            *coverage.edges.entry(edge).or_default() += 1;
        }
        let end = (asked.plan.kind.as_str(), task.state.name());
        *coverage.ends.entry(end).or_default() += 1;
        let failure = task.state.outcome().and_then(|end| end.failure.as_ref());
        if let Some(failure) = failure.filter(|failure| failure.code == "already_delivered") {
            let code = format!("handed out after its end: {}", failure.code);
            *coverage.counts.entry(code).or_default() += 1;
            // Only then is something handed out that its agent has had before.
            let (history, agent) = (scene.history, asked.agent);
            let since = Mono::from_start(asked.plan.at);
            if history.restores.is_empty()
                && !history.was_copied(agent)
                && !history.may_be_taken_for_lost(agent, since)
            {
                broken.push(format!(
                    "a task was handed out after its end, though no older state came back: task {number} {id}"
                ));
            }
        }
        scene.check_task(asked, accepted, &task, |what| {
            let story: Vec<String> = task
                .timeline
                .iter()
                .map(|entry| format!("{}: {}", entry.state, entry.cause))
                .collect();
            let starts = scene.journal.starts.get(&id).into_iter().flatten();
            let starts: Vec<String> = starts
                .map(|start| format!("{} at {:?}", start.host, start.at.since_start()))
                .collect();
            let kind = asked.plan.kind.as_str();
            let (at, ttl) = (asked.plan.at, asked.plan.ttl);
            broken.push(format!(
                "{what}: task {number} {id} {kind}, asked for at {at:?}, ttl {ttl:?}, started {starts:?}, {story:?}"
            ));
        });
    }
    scene.check_words(&mut broken).await;
    scene.check_answers(&mut broken).await;
    scene.check_order(&mut broken);
    scene.check_ends_of_agents(&mut broken);
    scene.check_reports(coverage, &mut broken).await;
    broken
}

impl Scene<'_> {
    fn check_task(&self, asked: &Asked, accepted: Mono, task: &Task, mut broken: impl FnMut(&str)) {
        let kind = asked.plan.kind;
        let state = task.state.name();
        let Some(outcome) = task.state.outcome() else {
            if !self.waits_for_no_word(asked, task) {
                broken("an accepted task has not ended");
            }
            return;
        };
        if let Some((_, before)) = &asked.end
            && before != outcome
        {
            broken(&format!("an end has changed, it was {}", before.state));
        }
        let ends = task
            .timeline
            .iter()
            .filter(|entry| entry.state.is_terminal());
        let last = task.timeline.last().map(|entry| entry.state);
        if ends.count() != 1 || last != Some(state) {
            broken("its timeline has not one end, the last entry");
        }
        let leased = task
            .timeline
            .iter()
            .filter(|entry| entry.state == StateName::Leased);
        let leased = leased.count();
        if task.left_out == 0 && leased != task.state.attempt.0 as usize {
            let attempt = task.state.attempt;
            broken(&format!(
                "it was handed out {leased} times and is at attempt {attempt}"
            ));
        }
        let asked_to_end = |entry: &TimelineEntry| entry.cause.starts_with(Event::Cancel.cause());
        let mut since = task
            .timeline
            .iter()
            .skip_while(|entry| !asked_to_end(entry));
        if since.any(|entry| entry.state == StateName::Queued) {
            broken("it was queued again although its end was asked for");
        }
        let starts = self
            .journal
            .starts
            .get(&task.id)
            .map_or(&[][..], Vec::as_slice);
        let since = Mono::from_start(asked.plan.at);
        // A copy of the disk has what the agent had, and runs it too. Where nothing tells the two apart, what
        // is handed to the one is handed to the other as well.
        let copied = self.history.has_unnoticed_copy(asked.agent, since);
        let twice = starts.len() > 1 && !kind.is_idempotent() && !copied;
        if twice && !self.history.nobody_knows(asked.agent, starts) {
            broken("a handler that is not idempotent started twice");
        }
        if asked.plan.agent == STRANGER {
            // It says what it likes, and that is what its tasks come to.
            return;
        }
        let mut taken_back = starts.iter().map(|start| start.at);
        let taken_back = taken_back.any(|at| self.history.may_be_gone(at));
        if Asked::says_nothing_happened(state) && !starts.is_empty() && !taken_back && !copied {
            broken("it says that nothing has happened, but it was started");
        }
        if let Some(last) = self.latest_start(asked, accepted)
            && starts.iter().any(|start| start.at > last)
        {
            broken("it started long after its ttl");
        }
        let calm = !self.history.disturbed;
        if calm && kind == Kind::Plain && state == StateName::Succeeded && asked.went_on() {
            broken("its handler was not told that its end was asked for");
        }
        let journaled = kind.is_journaled();
        match state {
            StateName::Succeeded if journaled => {
                let results = self.journal.results.get(&task.id);
                let output = outcome
                    .output
                    .as_ref()
                    .map(|output| output.as_bytes().to_vec());
                let known = output
                    .is_some_and(|output| results.is_some_and(|results| results.contains(&output)));
                if !known {
                    broken("it succeeded with a result that no handler gave");
                }
            }
            StateName::TimedOut if asked.plan.timeout.is_none() => {
                broken("it timed out without a timeout");
            }
            StateName::Expired if !self.clock_counts() && asked.ended_before_its_ttl() => {
                broken("it expired before its ttl had passed");
            }
            StateName::Rejected if kind != Kind::Unknown => {
                broken("an agent with its handler rejected it");
            }
            StateName::Lost if !self.history.was_deleted(asked.agent, accepted) => {
                broken("it is lost, but its agent was not deleted");
            }
            StateName::Cancelled
                if !asked.cancel_asked && !self.history.was_purged(asked.agent, since) =>
            {
                broken("nobody has cancelled it");
            }
            StateName::Interrupted if !self.may_be_interrupted(asked) => {
                broken("it was interrupted, though nothing has broken into it");
            }
            // What could not be started in time, such as for want of a disk, does nothing any more.
            StateName::Stopped
                if !asked.cancel_asked
                    && !self.history.has_died(asked.agent, since)
                    && !copied
                    && (asked.plan.ttl.is_none()
                        || !(starts.is_empty() || kind.is_idempotent())) =>
            {
                broken("it gave up, though nobody has asked it to");
            }
            StateName::Failed if !kind.may_fail() => {
                broken("a handler that cannot fail has failed");
            }
            _ => {}
        }
    }

    /// Whether the server's clock was set, and that counts: a process that begins takes it as it is, and
    /// one that slept meanwhile may not notice.
    fn clock_counts(&self) -> bool {
        let set = |fault: &&FaultPlan| fault.fault == Fault::ServerClock;
        let begins = |fault: &FaultPlan| {
            matches!(
                fault.fault,
                Fault::KillServer | Fault::StopServer | Fault::RestoreServer
            )
        };
        let faults = &self.plan.faults;
        let Some(since) = faults.iter().filter(set).map(|fault| fault.at).min() else {
            return false;
        };
        // Set back while its host sleeps, by about as long as that, it seems not to have moved at all.
        let sleeps = |fault: &FaultPlan| fault.fault == Fault::SuspendServer;
        // Killed at one of the next uses of its store: when that is, is not planned.
        let killed = |fault: &FaultPlan| fault.fault == Fault::KillServerAtStore;
        let counts =
            |f: &FaultPlan| sleeps(f) || killed(f) || (begins(f) && f.at + f.lasts + LOOK >= since);
        faults.iter().any(counts)
    }

    /// Until when a task may start, if it is known: a lease after its ttl, unless clocks and hosts stood
    /// still.
    fn latest_start(&self, asked: &Asked, accepted: Mono) -> Option<Mono> {
        let of = asked.plan.agent;
        let slept = |fault: &FaultPlan| match fault.fault {
            Fault::SuspendServer => true,
            Fault::SuspendAgent => fault.agent == of,
            _ => false,
        };
        let known = !self.clock_counts() && !self.plan.faults.iter().any(slept);
        let ttl = asked.plan.ttl.filter(|_| known)?;
        Some(accepted.after(ttl + LEASE + SLACK))
    }

    /// Whether something has happened that can break into a task, or leaves nobody who knows.
    fn may_be_interrupted(&self, asked: &Asked) -> bool {
        let (history, agent) = (self.history, asked.agent);
        let since = Mono::from_start(asked.plan.at);
        // What is called off after an earlier attempt may have happened.
        let again = asked.plan.kind.is_idempotent();
        let called_off = asked.plan.ttl.is_some() || history.was_purged(agent, since);
        asked.cancel_asked
            || (again && called_off)
            || history.has_died(agent, since)
            || history.may_be_taken_for_lost(agent, since)
            || history.has_copy(agent, since)
            || history.was_restored(since)
            // Which tasks are older than a restore is told by the server's clock.
            || (history.was_restored(Mono::from_start(Duration::ZERO))
                && clock_was_set(self.plan) > Duration::ZERO)
    }

    /// What only a copy of an agent had taken ends when nobody has named it for a day; and so does what
    /// had ended, and came back as running with an old state of the store. Others of its ordering key
    /// wait for it. Where the world waits for so long, all have ended.
    fn waits_for_no_word(&self, asked: &Asked, task: &Task) -> bool {
        let is_held = matches!(task.state.name(), StateName::Accepted | StateName::Running);
        let may = |asked: &Asked| self.history.may_be_held_by_nobody(asked);
        let holds_up = |other: &Asked| {
            other.agent == asked.agent
                && other.plan.key == asked.plan.key
                && other.end.is_none()
                && may(other)
        };
        let held_up = || asked.plan.key.is_some() && self.asked.iter().any(holds_up);
        // What was asked for last, the store may have taken back after all that waiting.
        let waited = self.now.since(Mono::from_start(asked.plan.at)) > DAYS;
        !(self.plan.forsaken && waited) && ((is_held && may(asked)) || held_up())
    }

    /// One task ends one process at most.
    fn check_ends_of_agents(&self, broken: &mut Vec<String>) {
        for (agent, _, _) in self.agents {
            let of = |kind: Kind| {
                let starts = self.journal.starts.values().flatten();
                let starts = starts.filter(|start| start.agent == *agent && start.kind == kind);
                starts.count()
            };
            let ends = [
                (Kind::Shutdown, &self.history.shut_down),
                (Kind::Restart, &self.history.restarted),
            ];
            for (kind, seen) in ends {
                let seen = seen.get(agent).copied().unwrap_or(0);
                if seen > of(kind) {
                    broken.push(format!(
                        "agent {agent} ended {seen} times for {} starts of kind {}",
                        of(kind),
                        kind.as_str()
                    ));
                }
            }
        }
    }
}
