//! A durable spool in memory: what one agent has kept in it, the next one recalls.

use std::io;
use std::sync::{Arc, Mutex};

use widget_core::id::SpoolEpoch;
use widget_core::report::Report;
use widget_core::spool::{Backlog, Contents, Recall, Record, Spool, SpoolError, SpoolStats};

/// What outlives an agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    contents: Contents,
    records: Vec<Record>,
    next_seq: u64,
    open: bool,
    broken: bool,
}

/// The spool of one agent.
#[derive(Debug)]
pub(crate) struct KeptSpool(Kept);

impl Kept {
    /// Opens it. One agent at a time may have it.
    pub(crate) fn open(&self) -> KeptSpool {
        let mut state = self.0.lock().unwrap();
        assert!(!std::mem::replace(&mut state.open, true), "it is in use");
        KeptSpool(self.clone())
    }

    /// Everything that was kept, in this order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().records.clone()
    }

    /// Whether an agent has it.
    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().unwrap().open
    }

    /// From now on the disk refuses.
    pub(crate) fn break_it(&self) {
        self.0.lock().unwrap().broken = true;
    }
}

impl Drop for KeptSpool {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().open = false;
    }
}

impl Spool for KeptSpool {
    fn epoch(&self) -> SpoolEpoch {
        SpoolEpoch::from_bytes([9; 16])
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn next_seq(&self) -> u64 {
        self.0.0.lock().unwrap().next_seq + 1
    }

    fn append(&mut self, report: Report) -> Result<(), SpoolError> {
        let mut state = self.0.0.lock().unwrap();
        state.next_seq = report.seq;
        state.contents.push(report);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError> {
        let state = self.0.0.lock().unwrap();
        Ok(state.contents.read(after, u64::MAX, limit))
    }

    fn trim(&mut self, through: u64) -> Result<(), SpoolError> {
        self.0.0.lock().unwrap().contents.trim(through);
        Ok(())
    }

    fn recall(&self) -> Recall {
        self.0.0.lock().unwrap().contents.recall()
    }

    fn commit(&mut self, group: &[Record]) -> Result<(), SpoolError> {
        let mut state = self.0.0.lock().unwrap();
        if state.broken {
            return Err(SpoolError::Unusable(io::Error::other("no disk")));
        }
        for record in group {
            state.contents.apply(record);
            state.records.push(record.clone());
        }
        Ok(())
    }

    fn stats(&self) -> SpoolStats {
        self.0.0.lock().unwrap().contents.stats()
    }
}
