//! An agent as list and page show it: its name, where it is, its figures.

use super::figures::{self, LONGEST};
use super::when::When;
use crate::handle::AgentStatus;
use crate::presence::Presence;
use widget_core::time::Timestamp;

/// A clock that is further off is warned of, in milliseconds.
const SKEWED: u64 = 5_000;
/// The most labels that are shown.
const LABELS: usize = 16;

/// What list and page show of an agent.
#[derive(Debug, Clone)]
pub(super) struct AgentView {
    pub(super) id: String,
    /// The start of the id, which tells agents of one fleet apart by their first arrival.
    pub(super) short: String,
    /// The host, or the start of the id if the agent has not said it.
    pub(super) name: String,
    pub(super) presence: &'static str,
    pub(super) labels: Vec<String>,
    /// Transport and version of the protocol.
    pub(super) transport: String,
    /// When the latest report came.
    pub(super) reported: Option<When>,
    pub(super) memory: Option<String>,
    pub(super) cpu: Option<String>,
}

impl AgentView {
    pub(super) fn new(agent: &AgentStatus, now: Timestamp) -> Self {
        let record = &agent.record;
        let id = record.id.to_string();
        let report = agent.latest.as_ref().map(|row| &row.report);
        // An old value is no figure of now.
        let current =
            report.filter(|_| matches!(agent.presence, Presence::Online | Presence::Stale));
        let labels = record.describe.labels.iter().take(LABELS);
        Self {
            short: short(&id),
            name: name(agent),
            presence: agent.presence.as_str(),
            labels: labels
                .map(|(key, value)| figures::cut(&format!("{key}={value}"), LONGEST))
                .collect(),
            transport: format!(
                "{} v{}",
                figures::cut(&record.transport, 16),
                record.protocol
            ),
            reported: agent
                .latest
                .as_ref()
                .map(|row| When::new(row.received, now)),
            memory: current.map(|report| {
                figures::percent(memory_percent(report.used_memory, report.total_memory))
            }),
            cpu: current.map(|report| figures::percent(f64::from(report.average_cpu))),
            id,
        }
    }

    /// What a search looks through, in lower case.
    pub(super) fn search_text(&self) -> String {
        format!(
            "{} {} {} {}",
            self.name,
            self.id,
            self.presence,
            self.labels.join(" ")
        )
        .to_lowercase()
    }
}

/// The host, or the start of the id if the agent has not said it.
pub(super) fn name(agent: &AgentStatus) -> String {
    match agent.record.describe.host.trim() {
        "" => short(&agent.record.id.to_string()),
        host => figures::cut(host, LONGEST),
    }
}

/// The start of an id: `0192d4a0-6c1e`.
pub(super) fn short(id: &str) -> String {
    id.get(..13).unwrap_or(id).to_owned()
}

pub(super) fn memory_percent(used: u64, total: u64) -> f64 {
    used as f64 * 100.0 / total.max(1) as f64
}

/// How far the agent's clock is off, in milliseconds, if that is worth a warning.
pub(super) fn skew(agent: &AgentStatus) -> Option<i64> {
    agent.skew_ms.filter(|skew| skew.unsigned_abs() > SKEWED)
}

/// Now by the agent's clock, which is the one that its reports are kept by.
pub(super) fn agents_clock(agent: &AgentStatus, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(
        now.as_millis()
            .saturating_sub(skew(agent).unwrap_or_default()),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use widget_core::id::AgentId;
    use widget_core::message::Describe;
    use widget_core::report::Report;
    use widget_core::store::{AgentRecord, StoredReport};

    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_361_105);

    pub(crate) fn agent(host: &str, presence: Presence) -> AgentStatus {
        let id = AgentId::from_u128(0x0192_d4a0_6c1e_7b44_9d2e_3f5a_8c7b_1e90);
        let report = Report {
            seq: 1,
            at: NOW,
            total_memory: 16 << 30,
            used_memory: 4 << 30,
            average_cpu: 12.5,
            gauges: vec![("queue.depth".into(), 3.0)],
            thinned: None,
        };
        AgentStatus {
            record: AgentRecord {
                id,
                number: 1,
                first_seen: NOW,
                last_seen: NOW,
                left: None,
                protocol: 2,
                transport: "tcp".into(),
                epoch: None,
                enrolled: None,
                labels: Vec::new(),
                cloned: None,
                describe: Describe {
                    host: host.into(),
                    labels: vec![("role".into(), "Edge".into())],
                    interval_ms: 1_000,
                    ..Describe::default()
                },
            },
            presence,
            latest: Some(StoredReport {
                agent: id,
                number: 1,
                received: NOW,
                report,
            }),
            dropped: 0,
            skew_ms: Some(0),
        }
    }

    #[test]
    fn an_agent_has_its_figures() {
        let view = AgentView::new(&agent("edge-1", Presence::Online), NOW);
        assert_eq!(view.memory.as_deref(), Some("25.0 %"));
        assert_eq!(view.cpu.as_deref(), Some("12.5 %"));
        assert_eq!(view.transport, "tcp v2");
        assert_eq!(view.short, "0192d4a0-6c1e");
        assert_eq!(view.reported.unwrap().ago, "just now");
    }

    #[test]
    fn one_that_is_gone_has_no_figures_of_now() {
        let view = AgentView::new(&agent("edge-1", Presence::Offline), NOW);
        assert_eq!((view.memory, view.cpu), (None, None));
        assert!(view.reported.is_some());
    }

    #[test]
    fn a_nameless_one_goes_by_its_id() {
        assert_eq!(name(&agent(" ", Presence::Online)), "0192d4a0-6c1e");
    }

    #[test]
    fn a_search_finds_host_id_label_and_presence() {
        let text = AgentView::new(&agent("Edge-1", Presence::Stale), NOW).search_text();
        for part in ["edge-1", "3f5a8c7b1e90", "role=edge", "stale"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_clock_is_skewed_above_five_seconds() {
        let with = |skew| AgentStatus {
            skew_ms: skew,
            ..agent("a", Presence::Online)
        };
        assert_eq!(skew(&with(Some(5_000))), None);
        assert_eq!(skew(&with(Some(-5_001))), Some(-5_001));
        assert_eq!(skew(&with(None)), None);
    }
}
