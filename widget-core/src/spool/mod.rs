//! [`Spool`]: where an agent keeps what it has not yet delivered.
//!
//! Blocking by design: an agent calls it where blocking is allowed. [`MemorySpool`] is a ring in
//! memory; [`LogSpool`] is a log in a file, on a [`Disk`] that is given to it.

mod contents;
mod disk;
mod log;
mod memory;
mod record;
mod spent;
mod thin;

use std::fmt::Debug;

pub use contents::{Contents, END_ROOM};
pub use disk::{Disk, DiskFile};
pub use log::{
    DEFAULT_LIMIT, Damage, Inspection, LIMITS, LOG, LOG_NEW, LogSpool, Opened, SetAside,
};
pub use memory::{DEFAULT_CAPACITY, MemorySpool};
pub use record::{End, KeptStage, KeptTask, Process, Record};
pub use spent::Spent;

use crate::id::SpoolEpoch;
use crate::message::Seen;
use crate::report::Report;
use crate::time::Timestamp;

/// Where an agent keeps what it has not yet delivered.
///
/// An implementation
/// - must keep a bound, thin telemetry before it drops any, and count each report that it gives
///   up;
/// - must give reports back in the order of their numbers, and if it is durable, none that would not
///   survive the loss of power: its number would be given a second time;
/// - must say in [`Backlog::dropped`] how many numbers of the range it no longer has;
/// - must keep a group of [`commit`](Self::commit) as a whole or not at all, and answer it only after
///   it would survive the loss of power (if it is durable at all);
/// - must have room for the end of every task that it has, even when reports fill it: an end without
///   output always fits.
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
    /// [`SpoolError`]; what was appended since the last sync is then in doubt: it is kept in memory,
    /// and [`read`](Self::read) does not give it until it is safe.
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

    /// What it remembers of tasks, asked for once when the agent starts. Empty if it is not durable.
    fn recall(&self) -> Recall;

    /// Keeps what became of tasks, all of the group or nothing, so that it survives.
    ///
    /// # Errors
    /// [`SpoolError::Full`] if there is no room, in which case nothing has changed;
    /// [`SpoolError::Unusable`], and whether the group is kept is known only after a restart.
    fn commit(&mut self, group: &[Record]) -> Result<(), SpoolError>;

    /// How much it holds.
    fn stats(&self) -> SpoolStats;
}

/// What a spool remembers of tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recall {
    /// The tasks that the agent has, in the order in which it was given them.
    pub tasks: Vec<KeptTask>,
    /// The sequence numbers of tasks that it had.
    pub spent: Spent,
    /// What it has seen of the store that gave it tasks.
    pub seen: Option<Seen>,
    /// Every report through this number was delivered.
    pub delivered: u64,
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
    /// Tasks that it has.
    pub tasks: usize,
    /// Bytes that it takes where it is kept; 0 in memory.
    pub bytes: u64,
    /// Bytes that it may take at most; 0 in memory.
    pub limit: u64,
    /// When the oldest report that waits was taken.
    pub oldest: Option<Timestamp>,
}

/// A spool could not keep or give what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// What is to be kept does not fit beside what is there.
    #[error("the spool is full")]
    Full,
    /// The disk refused, now or before: nothing more is kept until a new file could be begun.
    #[error("the spool cannot be used")]
    Unusable(#[from] std::io::Error),
}
