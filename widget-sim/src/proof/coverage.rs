//! [`Coverage`]: what happened in many worlds, so that what never happens is noticed.

use std::collections::BTreeMap;
use std::fmt;

use widget_core::task::StateName;

use super::{Edge, Fault, Kind, edges};

/// Counts over many worlds.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// How often tasks went along each edge.
    pub edges: BTreeMap<Edge, u64>,
    /// How many tasks of each kind ended in each state.
    pub ends: BTreeMap<(&'static str, StateName), u64>,
    /// How often each fault came.
    pub faults: BTreeMap<&'static str, u64>,
    /// What was counted in the worlds: messages lost, connections reset and the like.
    pub counts: BTreeMap<String, u64>,
    /// How often each answer was given: verdicts, refusals.
    pub answers: BTreeMap<String, u64>,
}

/// What never happened although it can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps(pub Vec<String>);

/// What servers and their API must have said.
const ANSWERS: [&str; 27] = [
    "ack",
    "busy",
    "work",
    "work: none",
    "verdicts",
    "verdict ok",
    "verdict stale",
    "verdict unknown",
    "verdict refused",
    "refused replaced",
    "refused invalid",
    "refused too_large",
    "opening refused version",
    "opening refused credential",
    "opening refused session",
    "asked: KeyReused",
    "asked: NotBefore",
    "asked: Store",
    "asked: UnknownAgent",
    "asked: AgentIsV1",
    "asked: Kind",
    "asked: InputTooLarge",
    "asked: Input",
    "asked: Ttl",
    "asked: Timeout",
    "asked: OrderingKey",
    "asked: Key",
];

/// What the worlds must have counted.
const COUNTS: [&str; 17] = [
    "report dropped",
    "report thinned",
    "packet lost",
    "partial write",
    "connection reset (bytes)",
    "held by a cut",
    "sent to a host that had lost its power",
    "a server began with another store",
    "message lost",
    "message repeated",
    "connection reset before the effect",
    "connection reset after the effect",
    "store refused",
    "spool set aside",
    "a handler ended its process",
    "a handler started its host anew",
    "handed out after its end: already_delivered",
];

impl Coverage {
    /// Adds what another one has counted.
    pub fn add(&mut self, other: Self) {
        fn add<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
            for (key, count) in from {
                *to.entry(key).or_default() += count;
            }
        }
        add(&mut self.edges, other.edges);
        add(&mut self.ends, other.ends);
        add(&mut self.faults, other.faults);
        add(&mut self.counts, other.counts);
        add(&mut self.answers, other.answers);
    }

    /// Edges that tasks have gone although the rules know none such.
    #[must_use]
    pub fn beyond(&self) -> Vec<String> {
        let known = edges();
        let beyond = self.edges.keys().filter(|edge| !known.contains(edge));
        let beyond = beyond.map(|(from, why, to)| {
            format!("a task went along an edge that is none: {from} -> {to}: {why}")
        });
        beyond.collect()
    }

    /// What can happen and never did.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        let edges = edges().into_iter();
        let edges = edges.filter(|edge| !self.edges.contains_key(edge));
        let edges = edges.map(|(from, why, to)| format!("edge {from} -> {to}: {why}"));
        let faults = Fault::ALL.iter().map(|fault| fault.as_str());
        let faults = faults.filter(|fault| !self.faults.contains_key(fault));
        let faults = faults.map(|fault| format!("fault {fault}"));
        let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
        let had = |kind: &&str| self.ends.keys().any(|(had, _)| had == kind);
        let kinds = kinds
            .filter(|kind| !had(kind))
            .map(|kind| format!("kind {kind}"));
        let answers = ANSWERS.iter();
        let answers = answers.filter(|answer| !self.answers.contains_key(**answer));
        let counts = COUNTS.iter();
        let counts = counts.filter(|count| !self.counts.contains_key(**count));
        let words = answers.chain(counts).map(|word| format!("never: {word}"));
        Gaps(edges.chain(faults).chain(kinds).chain(words).collect())
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "edges of the state table")?;
        for edge in edges() {
            let count = self.edges.get(&edge).copied().unwrap_or(0);
            let (from, why, to) = edge;
            writeln!(f, "{count:>9}  {from} -> {to}: {why}")?;
        }
        writeln!(f, "faults")?;
        for fault in Fault::ALL {
            let count = self.faults.get(fault.as_str()).copied().unwrap_or(0);
            writeln!(f, "{count:>9}  {fault}")?;
        }
        writeln!(f, "ends by kind")?;
        for ((kind, state), count) in &self.ends {
            writeln!(f, "{count:>9}  {kind} {state}")?;
        }
        writeln!(f, "answers")?;
        for (answer, count) in &self.answers {
            writeln!(f, "{count:>9}  {answer}")?;
        }
        writeln!(f, "what else happened")?;
        for (what, count) in &self.counts {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
