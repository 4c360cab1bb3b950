//! The reports of a [`MemoryStore`].

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, Rows};
use crate::id::{AgentId, SpoolEpoch};
use crate::report::Report;
use crate::store::{
    Appended, BucketQuery, Buckets, LatestReport, ReportBatch, ReportQuery, ReportStore,
    StoreError, StoredReport, Summary, Watermark,
};
use crate::time::Timestamp;

/// The reports of one agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Reports {
    marks: BTreeMap<Option<SpoolEpoch>, Watermark>,
    /// By `at`, then by the number in this store.
    rows: BTreeMap<(Timestamp, u64), StoredReport>,
    /// The one that came last.
    newest: Option<(Timestamp, u64)>,
    /// None was received before this, so that no row is looked at while all are young.
    oldest: Option<Timestamp>,
}

impl Reports {
    fn add(&mut self, row: StoredReport) {
        let key = (row.report.at, row.number);
        self.newest = Some(key);
        self.oldest = Some(
            self.oldest
                .map_or(row.received, |old| old.min(row.received)),
        );
        self.rows.insert(key, row);
    }
}

impl Rows {
    fn number_report(&mut self) -> u64 {
        let number = self.next_report;
        self.next_report += 1;
        number
    }
}

#[async_trait]
impl ReportStore for MemoryStore {
    async fn append(&self, batch: ReportBatch) -> Result<Appended, StoreError> {
        let mut rows = self.rows();
        let marks = &mut rows.reports.entry(batch.agent).or_default().marks;
        let mark = marks.entry(Some(batch.epoch));
        let mark = mark.or_insert(Watermark::first(batch.after));
        let seqs = batch.reports.iter().map(|report| report.seq);
        let Some(new) = mark.advance(batch.after, batch.through, seqs) else {
            return Ok(Appended {
                through: mark.through,
                stored: 0,
            });
        };
        let (through, mut stored) = (mark.through, 0);
        for report in batch.reports.into_iter().skip(new.start) {
            let number = rows.number_report();
            let agent = batch.agent;
            let row = StoredReport {
                agent,
                number,
                received: batch.received,
                report,
            };
            rows.reports.entry(agent).or_default().add(row);
            stored += 1;
        }
        Ok(Appended { through, stored })
    }

    async fn append_v1(
        &self,
        agent: AgentId,
        mut report: Report,
        received: Timestamp,
    ) -> Result<Appended, StoreError> {
        let mut rows = self.rows();
        let number = rows.number_report();
        let reports = rows.reports.entry(agent).or_default();
        let mark = reports.marks.entry(None).or_default();
        mark.through += 1;
        report.seq = mark.through;
        let through = mark.through;
        reports.add(StoredReport {
            agent,
            number,
            received,
            report,
        });
        Ok(Appended { through, stored: 1 })
    }

    async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError> {
        let before_all = query.before.is_some_and(|(at, _)| at < query.from);
        if query.from >= query.to || before_all {
            return Ok(Vec::new());
        }
        let rows = self.rows();
        let end = query
            .before
            .map_or((query.to, 0), |before| before.min((query.to, 0)));
        let span = (query.from, 0)..end;
        let newest = |reports: &Reports| -> Vec<StoredReport> {
            let range = reports.rows.range(span.clone()).rev().take(query.limit);
            range.map(|(_, row)| row.clone()).collect()
        };
        let mut found: Vec<StoredReport> = match query.agent {
            Some(agent) => rows.reports.get(&agent).map(newest).unwrap_or_default(),
            None => rows.reports.values().flat_map(newest).collect(),
        };
        found.sort_by_key(|row| (row.report.at, row.number));
        let surplus = found.len().saturating_sub(query.limit);
        found.drain(..surplus);
        Ok(found)
    }

    async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError> {
        let mut buckets = Buckets::new(query);
        if query.from < query.to
            && let Some(reports) = self.rows().reports.get(&query.agent)
        {
            for row in reports.rows.range((query.from, 0)..(query.to, 0)) {
                buckets.add(&row.1.report);
            }
        }
        Ok(buckets.finish())
    }

    async fn latest(&self, agents: &[AgentId]) -> Result<Vec<LatestReport>, StoreError> {
        let rows = self.rows();
        let latest = |agent| {
            let Some(reports) = rows.reports.get(agent) else {
                return LatestReport::default();
            };
            let newest = reports.newest.and_then(|key| reports.rows.get(&key));
            LatestReport {
                report: newest.cloned(),
                dropped: reports
                    .marks
                    .values()
                    .fold(0, |sum: u64, mark| sum.saturating_add(mark.dropped)),
            }
        };
        Ok(agents.iter().map(latest).collect())
    }

    async fn prune_reports(
        &self,
        received_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut pruned = 0;
        for reports in self.rows().reports.values_mut() {
            if reports.oldest.is_none_or(|old| old >= received_before) {
                continue;
            }
            let mut oldest: Option<Timestamp> = None;
            reports.rows.retain(|_, row| {
                let keep = pruned >= limit || row.received >= received_before;
                pruned += usize::from(!keep);
                if keep {
                    oldest = Some(oldest.map_or(row.received, |old| old.min(row.received)));
                }
                keep
            });
            reports.oldest = oldest;
            if reports
                .newest
                .is_none_or(|key| !reports.rows.contains_key(&key))
            {
                reports.newest = reports
                    .rows
                    .keys()
                    .max_by_key(|(_, number)| *number)
                    .copied();
            }
        }
        Ok(pruned)
    }

    async fn delete_reports(&self, agent: AgentId) -> Result<(), StoreError> {
        self.rows().reports.remove(&agent);
        Ok(())
    }
}
