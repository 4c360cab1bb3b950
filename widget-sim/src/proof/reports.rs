//! What must be true of reports: none twice, none missing that is not a counted drop, and no drop where
//! nothing has happened that could have caused one.

use std::collections::BTreeSet;
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::store::{ReportQuery, ReportStore};
use widget_core::time::Timestamp;

use super::checks::Scene;
use super::plan::AgentPlan;
use super::{Coverage, Fault, journal};

/// For so long a sample may be on its way to the disk of its agent.
const KEPT_WITHIN: Duration = Duration::from_secs(6);
/// And so long on its way to the server, once nothing goes wrong.
const SENT_WITHIN: Duration = Duration::from_secs(60);

impl Scene<'_> {
    pub(super) async fn check_reports(&self, coverage: &mut Coverage, broken: &mut Vec<String>) {
        for (number, (agent, plan, host)) in self.agents.iter().enumerate() {
            self.check_reports_of(number, *agent, *plan, host, coverage, broken)
                .await;
        }
    }

    async fn check_reports_of(
        &self,
        number: usize,
        agent: AgentId,
        plan: AgentPlan,
        host: &str,
        coverage: &mut Coverage,
        broken: &mut Vec<String>,
    ) {
        let query = ReportQuery {
            agent: Some(agent),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            before: None,
            limit: usize::MAX,
        };
        let rows = self.rows.reports(&query).await;
        let rows = rows.expect("rows in memory answer");
        let latest = self.rows.latest(&[agent]).await;
        let latest = latest.expect("rows in memory answer");
        let dropped = latest.first().map_or(0, |latest| latest.dropped);
        let mut count = |what: &str, times: u64| {
            if times > 0 {
                *coverage.counts.entry(what.to_owned()).or_default() += times;
            }
        };
        let thinned = rows.iter().filter(|row| row.report.thinned.is_some());
        let thinned = thinned.count() as u64;
        count("report dropped", dropped);
        count("report thinned", thinned);
        let mut samples = BTreeSet::new();
        for row in &rows {
            let Some(sample) = journal::sample(&row.report) else {
                continue;
            };
            if !samples.insert(sample) {
                let seq = row.report.seq;
                broken.push(format!("agent {agent}: report {seq} is there twice"));
            }
        }
        let (history, journal) = (self.history, self.journal);
        let copied = history.was_copied(agent);
        let twice = journal.twice.iter().find(|(of, _)| *of == agent);
        if let Some((_, number)) = twice.filter(|_| !copied) {
            broken.push(format!(
                "agent {agent}: number {number} was given to two reports"
            ));
        }
        if copied || history.deleted.iter().any(|(of, _)| *of == agent) {
            // A copy gives the same numbers to others. What was deleted went with its agent.
            return;
        }
        let acknowledged = journal.numbers.iter();
        for ((_, _, seq), (sample, at)) in acknowledged.filter(|((of, _, _), _)| *of == agent) {
            if !samples.contains(sample) && !history.may_be_gone(*at) {
                broken.push(format!(
                    "agent {agent}: report {seq} was acknowledged and is not there"
                ));
            }
        }
        let marks = journal.reports.iter().filter(|((of, _), _)| *of == agent);
        let promised: u64 = marks.map(|(_, (from, through))| through - from).sum();
        let there = rows.len() as u64 + dropped;
        if there < promised {
            broken.push(format!(
                "agent {agent}: {promised} reports were acknowledged, {} are there and {dropped} counted as dropped",
                rows.len()
            ));
        }
        let restored = !history.restores.is_empty();
        let faults = self.plan.faults.iter();
        let mut faults = faults.filter(|fault| fault.agent == number);
        let disk = |fault: Fault| fault.is_of_disk() || fault == Fault::PowerCut;
        let fails = faults.any(|fault| disk(fault.fault));
        let small = plan.small_spool && !plan.durable;
        if small || restored || fails {
            return;
        }
        if dropped > 0 || thinned > 0 {
            broken.push(format!(
                "agent {agent}: {dropped} reports are dropped and {thinned} thinned, though it had room for all"
            ));
        }
        // What was measured shortly before its process ended may be gone, and what its memory had with that.
        let ends: Vec<_> = history.died.iter().filter(|(of, _)| *of == agent).collect();
        let now = self.now;
        for (sample, (at, of)) in &journal.samples {
            if of != host || samples.contains(sample) || at.after(SENT_WITHIN) > now {
                continue;
            }
            let gone = ends
                .iter()
                .any(|(_, end)| at <= end && (!plan.durable || *end <= at.after(KEPT_WITHIN)));
            if !gone {
                broken.push(format!(
                    "agent {agent}: what it measured at {:?} is neither there nor counted as dropped",
                    at.since_start()
                ));
            }
        }
    }
}
