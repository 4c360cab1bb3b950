//! [`MemorySpool`]: a bounded ring of reports, each start of which is a new epoch.

use std::fmt;

use super::contents::Contents;
use super::{Backlog, Recall, Record, Spool, SpoolError, SpoolStats};
use crate::id::SpoolEpoch;
use crate::report::Report;

/// How many reports are kept unless said otherwise.
pub const DEFAULT_CAPACITY: usize = 4_096;

/// Keeps reports in memory. When it is full, neighbours among the older half become one, so that a
/// long time without a server is remembered coarsely and the last hour finely; when that no longer
/// helps, the oldest go.
pub struct MemorySpool {
    epoch: SpoolEpoch,
    capacity: usize,
    contents: Contents,
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
            contents: Contents::default(),
        }
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
        self.contents.marks.next_seq
    }

    fn append(&mut self, report: Report) -> Result<(), SpoolError> {
        if self.contents.reports.len() >= self.capacity {
            self.contents.thin();
        }
        self.contents.push(report);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError> {
        Ok(self.contents.read(after, u64::MAX, limit))
    }

    fn trim(&mut self, through: u64) -> Result<(), SpoolError> {
        self.contents.trim(through);
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
        self.contents.stats()
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
        assert_eq!(seqs(&mut filled(8, 9)), [2, 4, 5, 6, 7, 8, 9]);
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
        let backlog = spool.read(2, 2).unwrap();
        assert_eq!(
            backlog.reports.iter().map(|r| r.seq).collect::<Vec<_>>(),
            [4, 5]
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
