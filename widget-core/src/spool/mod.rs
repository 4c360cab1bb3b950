//! [`Spool`]: where an agent keeps what it has not yet delivered.
//!
//! Blocking by design: an agent calls it where blocking is allowed. [`MemorySpool`] is a ring in
//! memory.

mod memory;

use std::fmt::Debug;

pub use memory::{DEFAULT_CAPACITY, MemorySpool};

use crate::id::SpoolEpoch;
use crate::report::Report;

/// Where an agent keeps what it has not yet delivered.
///
/// An implementation
/// - must keep a bound, thin telemetry before it drops any, and count each report that it gives
///   up;
/// - must give reports back in the order of their numbers;
/// - must say in [`Backlog::dropped`] how many numbers of the range it no longer has.
pub trait Spool: Debug + Send {
    /// Which memory this is. A new one means that whatever was not delivered is gone.
    fn epoch(&self) -> SpoolEpoch;

    /// Whether its content outlives the process.
    fn is_durable(&self) -> bool;

    /// The number for the next report.
    fn next_seq(&self) -> u64;

    /// Keeps a report, whose number is [`next_seq`](Self::next_seq).
    ///
    /// # Errors
    /// [`SpoolError`]; the report is then not kept, and counts as dropped.
    fn append(&mut self, report: Report) -> Result<(), SpoolError>;

    /// Makes sure that what was appended survives as far as this spool promises.
    ///
    /// # Errors
    /// [`SpoolError`]; what was appended since the last sync is then in doubt.
    fn sync(&mut self) -> Result<(), SpoolError>;

    /// The oldest reports above this number, at most so many.
    ///
    /// # Errors
    /// [`SpoolError`] if they cannot be read.
    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError>;

    /// Everything up to this number was delivered and can be forgotten.
    ///
    /// # Errors
    /// [`SpoolError`]; the spool is then as it was.
    fn trim(&mut self, through: u64) -> Result<(), SpoolError>;

    /// How much it holds.
    fn stats(&self) -> SpoolStats;
}

/// Reports that wait to be delivered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backlog {
    /// The reports, numbers rising.
    pub reports: Vec<Report>,
    /// How many numbers between the one that was asked for and the last of these are missing.
    pub dropped: u64,
}

/// How much a spool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Reports that wait.
    pub reports: usize,
    /// Reports that were given up since the spool was made.
    pub dropped: u64,
}

/// A spool could not keep or give what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the spool cannot be used")]
pub struct SpoolError(#[from] std::io::Error);
