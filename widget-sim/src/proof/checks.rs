//! What must be true after a run, line by line.

use std::collections::BTreeSet;
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::store::{MemoryStore, ReportQuery, ReportStore, TaskStore};
use widget_core::task::{Event, StateName, Task, TimelineEntry};
use widget_core::time::{Mono, Timestamp};

use super::director::LOOK;
use super::edges::gone_by;
use super::journal;
use super::oracle::{Asked, History};
use super::plan::{AgentPlan, FaultPlan, Kind};
use super::{Coverage, Fault, Plan};
use crate::Way;

/// All that a check may look at.
pub(super) struct Scene<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rows: &'a MemoryStore,
    pub(super) asked: &'a [Asked],
    pub(super) history: &'a History,
    pub(super) journal: &'a journal::All,
    pub(super) agents: &'a [(AgentId, AgentPlan)],
}

/// The number of the agent, for tasks of those that are none of the fleet.
pub(super) const STRANGER: usize = usize::MAX;

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
    scene.check_ends_of_agents(&mut broken);
    scene.check_reports(&mut broken).await;
    broken
}

impl Scene<'_> {
    fn check_task(&self, asked: &Asked, accepted: Mono, task: &Task, mut broken: impl FnMut(&str)) {
        let kind = asked.plan.kind;
        let state = task.state.name();
        let Some(outcome) = task.state.outcome() else {
            if !self.waits_for_no_word(task) {
                broken("an accepted task has not ended");
            }
            return;
        };
        if let Some((_, before)) = &asked.end
            && before != outcome
        {
            broken(&format!("an end has changed, it was {}", before.state));
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
        // A copy of the disk has what the agent had, and runs it too; and nothing tells the two apart, so
        // what is handed to the one is handed to the other as well.
        let mut clones = self.history.clones.iter();
        let cloned = clones.any(|(agent, _)| *agent == asked.agent);
        let forgotten = self.forgotten(asked.agent);
        if starts.len() > 1 && !kind.is_idempotent() && !cloned && !forgotten {
            broken("a handler that is not idempotent started twice");
        }
        if asked.plan.agent == STRANGER {
            // It says what it likes, and that is what its tasks come to.
            return;
        }
        let excused = starts
            .iter()
            .any(|start| self.history.may_be_gone(start.at))
            || cloned;
        if Asked::says_nothing_happened(state) && !starts.is_empty() && !excused {
            broken("it says that nothing has happened, but it was started");
        }
        let calm = !self.history.disturbed;
        if calm && kind == Kind::Plain && state == StateName::Succeeded && asked.went_on() {
            broken("its handler was not told that its end was asked for");
        }
        let journaled = !matches!(kind, Kind::Shutdown | Kind::Restart | Kind::Reboot);
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
            StateName::Cancelled if !asked.cancel_asked && !self.was_purged() => {
                broken("nobody has cancelled it");
            }
            StateName::Interrupted | StateName::Stopped
                if !self.history.disturbed && !asked.cancel_asked && !self.agents_end() =>
            {
                // Nothing has happened that could have broken into it.
                let waits = starts.is_empty() || kind.is_idempotent();
                let late = asked.plan.ttl.is_some() && waits;
                // What the agent had when it went for good, nobody ends but no-word.
                let forsaken = self.plan.forsaken && asked.plan.agent == 0;
                if !late && !forsaken {
                    broken("it did not come to its own end, though nothing went wrong");
                }
            }
            StateName::Failed if kind == Kind::Plain || kind == Kind::Stubborn => {
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
        let counts = |f: &FaultPlan| sleeps(f) || (begins(f) && f.at + f.lasts + LOOK >= since);
        faults.iter().any(counts)
    }

    /// Where store and agent have both lost what they knew, there is nobody left who knows.
    fn forgotten(&self, agent: AgentId) -> bool {
        let history = self.history;
        !history.restores.is_empty() && history.forgetful.contains(&agent)
    }

    /// What only a copy of an agent had taken ends when nobody has named it for a day; and so does what
    /// had ended, and came back as running with an old state of the store. Others of its ordering key
    /// wait for it.
    fn waits_for_no_word(&self, task: &Task) -> bool {
        let history = self.history;
        let is_held = matches!(task.state.name(), StateName::Accepted | StateName::Running);
        let may_wait = is_held || task.ordering_key.is_some();
        may_wait && !(history.clones.is_empty() && history.restores.is_empty())
    }

    fn was_purged(&self) -> bool {
        let mut faults = self.plan.faults.iter();
        faults.any(|fault| fault.fault == Fault::Purge)
    }

    /// Whether some task ends agents, and with them what runs.
    fn agents_end(&self) -> bool {
        self.plan
            .tasks
            .iter()
            .any(|task| task.kind.ends_a_process())
    }

    /// What an agent was told that its server has, the server has.
    async fn check_words(&self, broken: &mut Vec<String>) {
        for (at, id, finish) in &self.journal.acknowledged {
            if self.history.may_be_gone(*at) {
                continue;
            }
            let task = self.rows.task(*id).await.expect("rows in memory answer");
            let Some(task) = task else {
                broken.push(format!("an acknowledged end is gone with its task: {id}"));
                continue;
            };
            let outcome = task.state.outcome();
            let kept = outcome.is_some_and(|outcome| outcome.agrees_with(finish));
            let beside = task.evidence.is_some();
            // What ends a task instead says so itself.
            let replaced = outcome.is_some_and(|outcome| {
                Asked::says_nothing_happened(outcome.state)
                    || matches!(outcome.state, StateName::Interrupted | StateName::Lost)
            });
            if !kept && !beside && !replaced {
                broken.push(format!(
                    "an acknowledged end is not there: {id}, {:?} said, {} is kept",
                    finish.kind,
                    task.state.name()
                ));
            }
        }
    }

    /// One task ends one process at most.
    fn check_ends_of_agents(&self, broken: &mut Vec<String>) {
        for (agent, _) in self.agents {
            let of = |kind: Kind| {
                let asked = self.asked.iter();
                asked
                    .filter(|asked| asked.agent == *agent && asked.plan.kind == kind)
                    .count()
            };
            let ends = [
                (Kind::Shutdown, &self.history.shut_down),
                (Kind::Restart, &self.history.restarted),
            ];
            for (kind, seen) in ends {
                let seen = seen.get(agent).copied().unwrap_or(0);
                let cloned = self.history.clones.iter().any(|(of, _)| of == agent);
                let forgotten = self.forgotten(*agent);
                if seen > of(kind) && !cloned && !forgotten {
                    broken.push(format!(
                        "agent {agent} ended {seen} times for {} tasks of kind {}",
                        of(kind),
                        kind.as_str()
                    ));
                }
            }
        }
    }

    /// No report twice, none missing that is not counted.
    async fn check_reports(&self, broken: &mut Vec<String>) {
        for (agent, plan) in self.agents {
            let query = ReportQuery {
                agent: Some(*agent),
                from: Timestamp::from_millis(i64::MIN),
                to: Timestamp::from_millis(i64::MAX),
                before: None,
                limit: usize::MAX,
            };
            let rows = self
                .rows
                .reports(&query)
                .await
                .expect("rows in memory answer");
            let mut samples = BTreeSet::new();
            for row in &rows {
                let Some(sample) = journal::sample(&row.report) else {
                    continue;
                };
                if !samples.insert(sample) {
                    broken.push(format!(
                        "agent {agent}: report {} is there twice",
                        row.report.seq
                    ));
                }
            }
            let history = self.history;
            let cloned = history.clones.iter().any(|(of, _)| of == agent);
            let twice = self.journal.twice.iter().find(|(of, _)| of == agent);
            if let Some((_, number)) = twice.filter(|_| !cloned) {
                broken.push(format!(
                    "agent {agent}: number {number} was given to two reports"
                ));
            }
            let began_anew = history.deleted.iter().any(|(of, _)| of == agent);
            if began_anew || cloned || plan.way != Way::Calls {
                continue;
            }
            let latest = self
                .rows
                .latest(&[*agent])
                .await
                .expect("rows in memory answer");
            let dropped = latest.first().map_or(0, |latest| latest.dropped);
            let marks = self.journal.reports.iter();
            let promised: u64 = marks
                .filter(|((of, _), _)| of == agent)
                .map(|(_, (from, through))| through - from)
                .sum();
            let there = rows.len() as u64 + dropped;
            if there < promised {
                broken.push(format!(
                    "agent {agent}: {promised} reports were acknowledged, {} are there and {dropped} counted as dropped",
                    rows.len()
                ));
            }
        }
    }
}
