//! [`ReportStore`]: what agents reported.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{BucketQuery, StoreError, Summary};
use crate::id::{AgentId, SpoolEpoch};
use crate::report::Report;
use crate::time::Timestamp;

/// Where reports are kept.
///
/// An implementation
/// - must keep one [`Watermark`] for each agent and epoch, and change it together with the
///   reports;
/// - must begin one with [`Watermark::first`] if there is none, and count nothing before it as
///   dropped: an agent sends one batch after the other, each from where the last was answered;
/// - must store nothing and answer the watermark if a batch begins above it;
/// - must skip what is at or below the watermark, so that a repeat is answered the same and
///   counts nothing twice;
/// - must answer an append only after it would survive the loss of power (if it says that it is
///   durable at all);
/// - must give reports back equal to what came, `at` as the agent said and `received` as the
///   server did;
/// - must order what it gives oldest first, by `at`, then by number.
#[async_trait]
pub trait ReportStore: Debug + Send + Sync {
    /// Stores what is new of a batch.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable); nothing of it is stored then.
    async fn append(&self, batch: ReportBatch) -> Result<Appended, StoreError>;

    /// Stores one sample of a version 1 collector under the next number of its agent; the
    /// report's own is ignored.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable); nothing is stored then.
    async fn append_v1(
        &self,
        agent: AgentId,
        report: Report,
        received: Timestamp,
    ) -> Result<Appended, StoreError>;

    /// Reports of one agent or of all: the newest of the range, up to the limit, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn reports(&self, query: &ReportQuery) -> Result<Vec<StoredReport>, StoreError>;

    /// Reports of one agent in buckets of equal length.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn summary(&self, query: &BucketQuery) -> Result<Summary, StoreError>;

    /// For each of these agents the newest report and what was dropped, in the same order.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn latest(&self, agents: &[AgentId]) -> Result<Vec<LatestReport>, StoreError>;

    /// Deletes at most `limit` reports received before this time; says how many.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn prune_reports(
        &self,
        received_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Deletes the reports and watermarks of an agent.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn delete_reports(&self, agent: AgentId) -> Result<(), StoreError>;
}

/// Reports that came together.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportBatch {
    /// Whose.
    pub agent: AgentId,
    /// Of which memory of the agent.
    pub epoch: SpoolEpoch,
    /// The number before the first that is sent or dropped here.
    pub after: u64,
    /// The last number that this covers.
    pub through: u64,
    /// The reports, numbers rising, above `after` and at most `through`.
    pub reports: Vec<Report>,
    /// When they came, by the server's wall clock.
    pub received: Timestamp,
}

/// What an append came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Everything up to this number is dealt with.
    pub through: u64,
    /// How many reports were new.
    pub stored: u64,
}

/// How far the reports of one agent and epoch have come.
///
/// ```
/// use widget_core::store::Watermark;
///
/// let mut mark = Watermark { through: 5, dropped: 0 };
/// // 6 and 7 were dropped, 8 was sent, 5 is a repeat.
/// assert_eq!(mark.advance(4, 8, [5, 8].into_iter()), Some(1..2));
/// assert_eq!(mark, Watermark { through: 8, dropped: 2 });
/// assert_eq!(mark.advance(9, 10, [10].into_iter()), None);
///
/// // A store that knows nothing of the agent begins where the agent does.
/// let mut mark = Watermark::first(40);
/// assert_eq!(mark.advance(40, 41, [41].into_iter()), Some(0..1));
/// assert_eq!(mark, Watermark { through: 41, dropped: 0 });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Every number up to this was stored or counted as dropped.
    pub through: u64,
    /// How many were dropped.
    pub dropped: u64,
}

impl Watermark {
    /// The mark of an agent and epoch of which the store has none, before the first batch, which
    /// begins after this number. What lies before it went to another store, or was lost with this
    /// one's past: the agent dropped none of it, and has none of it to send again.
    #[must_use]
    pub const fn first(after: u64) -> Self {
        Self {
            through: after,
            dropped: 0,
        }
    }

    /// Takes a batch that covers the numbers above `after` up to `through` and carries `seqs`.
    /// Gives the positions of those that are new and counts the others as dropped; `None` if the
    /// batch begins above the mark.
    pub fn advance(
        &mut self,
        after: u64,
        through: u64,
        seqs: impl ExactSizeIterator<Item = u64>,
    ) -> Option<std::ops::Range<usize>> {
        if after > self.through {
            return None;
        }
        let len = seqs.len();
        let known = seqs.take_while(|seq| *seq <= self.through).count();
        if through > self.through {
            let new = u64::try_from(len - known).unwrap_or(u64::MAX);
            let gone = (through - self.through).saturating_sub(new);
            self.dropped = self.dropped.saturating_add(gone);
            self.through = through;
        }
        Some(known..len)
    }
}

/// Which reports to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportQuery {
    /// Whose; none is everybody's.
    pub agent: Option<AgentId>,
    /// `at` not before this.
    pub from: Timestamp,
    /// `at` before this.
    pub to: Timestamp,
    /// Only those before this one, by `at` and [`number`](StoredReport::number): where the part
    /// that was given last begins.
    pub before: Option<(Timestamp, u64)>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReport {
    /// Whose.
    pub agent: AgentId,
    /// A number that no other report of this store has.
    pub number: u64,
    /// When it came, by the server's wall clock.
    pub received: Timestamp,
    /// The report.
    pub report: Report,
}

/// The newest of an agent's reports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatestReport {
    /// The report that came last.
    pub report: Option<StoredReport>,
    /// How many reports of this agent were dropped in all.
    pub dropped: u64,
}
