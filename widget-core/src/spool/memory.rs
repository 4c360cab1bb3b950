//! [`MemorySpool`]: a bounded ring of reports, each start of which is a new epoch.

use std::collections::VecDeque;
use std::fmt;

use super::{Backlog, Recall, Record, Spool, SpoolError, SpoolStats};
use crate::id::SpoolEpoch;
use crate::report::Report;

/// How many reports are kept unless said otherwise.
pub const DEFAULT_CAPACITY: usize = 4_096;

/// Keeps reports in memory. When it is full, every second report of its older half is given up,
/// so that a long time without a server is remembered coarsely and the last hour finely; when
/// thinning no longer helps, the oldest go.
pub struct MemorySpool {
    epoch: SpoolEpoch,
    capacity: usize,
    reports: VecDeque<Report>,
    next_seq: u64,
    dropped: u64,
    /// Reports with numbers up to this have been thinned as far as they will be.
    thinned_through: u64,
}

impl MemorySpool {
    /// An empty spool for at most [`DEFAULT_CAPACITY`] reports. The epoch should be random.
    #[must_use]
    pub fn new(epoch: SpoolEpoch) -> Self {
        Self::with_capacity(epoch, DEFAULT_CAPACITY)
    }

    /// An empty spool for at most so many reports, at least 2.
    #[must_use]
    pub fn with_capacity(epoch: SpoolEpoch, capacity: usize) -> Self {
        Self {
            epoch,
            capacity: capacity.max(2),
            reports: VecDeque::new(),
            next_seq: 1,
            dropped: 0,
            thinned_through: 0,
        }
    }

    /// Gives up every second report that was not thinned before, among the older half; the oldest
    /// one if there is none.
    fn make_room(&mut self) {
        let before = self.reports.len();
        let middle = self.reports.get(before / 2).map_or(0, |report| report.seq);
        let (from, mut position) = (self.thinned_through, 0_usize);
        self.reports.retain(|report| {
            if report.seq <= from || report.seq > middle {
                return true;
            }
            position += 1;
            position % 2 == 1
        });
        self.thinned_through = middle;
        if self.reports.len() == before {
            self.reports.pop_front();
        }
        let gone = before - self.reports.len();
        self.dropped += u64::try_from(gone).unwrap_or(u64::MAX);
    }
}

impl Spool for MemorySpool {
    fn epoch(&self) -> SpoolEpoch {
        self.epoch
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn append(&mut self, report: Report) -> Result<(), SpoolError> {
        if self.reports.len() >= self.capacity {
            self.make_room();
        }
        self.next_seq = report.seq + 1;
        self.reports.push_back(report);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError> {
        let from = self.reports.partition_point(|report| report.seq <= after);
        let reports: Vec<Report> = self.reports.range(from..).take(limit).cloned().collect();
        let last = reports.last().map_or(after, |report| report.seq);
        let sent = u64::try_from(reports.len()).unwrap_or(u64::MAX);
        Ok(Backlog {
            dropped: last.saturating_sub(after).saturating_sub(sent),
            reports,
        })
    }

    fn trim(&mut self, through: u64) -> Result<(), SpoolError> {
        let gone = self.reports.partition_point(|report| report.seq <= through);
        self.reports.drain(..gone);
        Ok(())
    }

    fn recall(&self) -> Recall {
        Recall::default()
    }

    /// Tasks are in the agent's memory already, and end with it as this spool does.
    fn commit(&mut self, _: &[Record]) -> Result<(), SpoolError> {
        Ok(())
    }

    fn stats(&self) -> SpoolStats {
        SpoolStats {
            reports: self.reports.len(),
            dropped: self.dropped,
            oldest: self.reports.front().map(|report| report.at),
            ..SpoolStats::default()
        }
    }
}

impl fmt::Debug for MemorySpool {
    // Not what is in it: that would be thousands of reports, and a small agent would have to know
    // how to print them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemorySpool")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn filled(capacity: usize, count: u64) -> MemorySpool {
        let mut spool = MemorySpool::with_capacity(SpoolEpoch::from_bytes([1; 16]), capacity);
        for seq in 1..=count {
            assert_eq!(spool.next_seq(), seq);
            let report = Report {
                seq,
                at: Timestamp::default(),
                total_memory: 1,
                used_memory: 0,
                average_cpu: 0.0,
                gauges: Vec::new(),
                thinned: None,
            };
            spool.append(report).unwrap();
        }
        spool
    }

    fn seqs(spool: &mut MemorySpool) -> Vec<u64> {
        spool
            .read(0, 100)
            .unwrap()
            .reports
            .iter()
            .map(|report| report.seq)
            .collect()
    }

    #[test]
    fn a_full_spool_thins_its_older_half_first() {
        assert_eq!(seqs(&mut filled(8, 9)), [1, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn it_never_holds_more_than_its_capacity_and_counts_what_is_gone() {
        for count in 0..200 {
            let spool = filled(8, count);
            let stats = spool.stats();
            assert!(stats.reports <= 8);
            assert_eq!(stats.dropped + u64::try_from(stats.reports).unwrap(), count);
        }
    }

    #[test]
    fn what_is_missing_in_a_range_is_said() {
        let mut spool = filled(8, 9);
        let backlog = spool.read(3, 2).unwrap();
        assert_eq!(
            backlog.reports.iter().map(|r| r.seq).collect::<Vec<_>>(),
            [5, 6]
        );
        assert_eq!(backlog.dropped, 1);
    }

    #[test]
    fn what_was_delivered_is_forgotten() {
        let mut spool = filled(8, 4);
        spool.trim(3).unwrap();
        assert_eq!(seqs(&mut spool), [4]);
        assert_eq!(spool.stats().dropped, 0);
    }
}
