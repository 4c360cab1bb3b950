//! [`Contents`]: what a spool holds, whatever it is kept on, and how many bytes that counts for.

use std::collections::VecDeque;

use super::thin::thin;
use super::{Backlog, KeptStage, KeptTask, Process, Recall, Record, Spent, SpoolStats};
use crate::id::TaskId;
use crate::message::{Seen, WorkTask};
use crate::payload::Payload;
use crate::report::Report;
use crate::task::{AgentEvent, Finish};

/// The room that each task has for its end, in bytes: an end without output fits into it if its code
/// and message together are at most 5 KiB.
pub const END_ROOM: u64 = 6 * 1024;

/// What all but reports and tasks takes at most, in bytes: mostly [`Spent`] with all its ranges.
const MARKS: u64 = 32 * 1024;
/// What a report and a task take beside their texts at most, in bytes, with the frame around them.
const REPORT: u64 = 112;
const TASK: u64 = 256;

/// What a spool holds: a pure model, without a disk.
///
/// Bytes are counted as if each number were as long as it can be, so what is written is never more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    pub(super) reports: VecDeque<Report>,
    pub(super) tasks: Vec<KeptTask>,
    pub(super) marks: Marks,
    report_bytes: u64,
    task_bytes: u64,
}

/// What there is beside reports and tasks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Marks {
    pub(super) spent: Spent,
    pub(super) seen: Option<Seen>,
    /// Every report through this number was delivered.
    pub(super) delivered: u64,
    /// The number of the next report.
    pub(super) next_seq: u64,
    /// Reports that were given up.
    pub(super) dropped: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            spent: Spent::default(),
            seen: None,
            delivered: 0,
            next_seq: 1,
            dropped: 0,
        }
    }
}

impl Contents {
    /// Does what a record says. One that does not fit, such as the end of a task that is not here,
    /// changes nothing.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Seen(seen) => self.marks.seen = Some(seen.clone()),
            Record::OtherStore => {
                self.marks.seen = None;
                self.marks.spent = Spent::default();
                // Zero is given to no task, so none of these comes to be spent for the new store.
                for kept in &mut self.tasks {
                    kept.task.sequence = 0;
                }
            }
            Record::Taken { task, idempotent } => {
                let before = self.remove(task.task);
                self.keep(KeptTask {
                    task: task.as_ref().clone(),
                    idempotent: *idempotent,
                    cancel_seen: false,
                    started: before.is_some_and(|before| before.started),
                    stage: KeptStage::Waiting,
                });
            }
            Record::Adopted { task, attempt } => {
                self.change(*task, |kept| kept.task.attempt = *attempt);
            }
            Record::CancelSeen { task } => self.change(*task, |kept| kept.cancel_seen = true),
            Record::Started { task, process } => self.change(*task, |kept| {
                kept.started = true;
                kept.stage = KeptStage::Started {
                    process: process.clone(),
                    leaving: None,
                };
            }),
            Record::Leaving { task, end } => self.change(*task, |kept| {
                if let KeptStage::Started { leaving, .. } = &mut kept.stage {
                    *leaving = Some(*end);
                }
            }),
            Record::Over { task, last } => self.change(*task, |kept| {
                kept.stage = KeptStage::Over(last.clone());
                // It does not run again, and the room is for what it came to.
                kept.task.input = Payload::null();
            }),
            Record::Forgotten { task, spent } => {
                if let Some(gone) = self.remove(*task)
                    && *spent
                {
                    self.marks.spent.insert(gone.task.sequence);
                }
            }
        }
    }

    /// Takes a report, whose number is above those of all others.
    pub fn push(&mut self, report: Report) {
        self.marks.next_seq = self.marks.next_seq.max(report.seq.saturating_add(1));
        self.report_bytes += report_bytes(&report);
        self.reports.push_back(report);
    }

    /// Forgets the reports through this number.
    pub fn trim(&mut self, through: u64) {
        let delivered = |report: &mut Report| report.seq <= through;
        while let Some(gone) = self.reports.pop_front_if(delivered) {
            self.report_bytes -= report_bytes(&gone);
        }
        let marks = &mut self.marks;
        marks.delivered = marks.delivered.max(through);
        marks.next_seq = marks.next_seq.max(through.saturating_add(1));
    }

    /// The oldest reports above one number and not above another, at most so many.
    #[must_use]
    pub fn read(&self, after: u64, through: u64, limit: usize) -> Backlog {
        let from = self.reports.partition_point(|report| report.seq <= after);
        let known = self.reports.range(from..);
        let known = known.take_while(|report| report.seq <= through);
        let reports: Vec<Report> = known.take(limit).cloned().collect();
        let last = reports.last().map_or(after, |report| report.seq);
        let sent = u64::try_from(reports.len()).unwrap_or(u64::MAX);
        Backlog {
            dropped: last.saturating_sub(after).saturating_sub(sent),
            reports,
        }
    }

    fn keep(&mut self, task: KeptTask) {
        self.task_bytes += task_bytes(&task);
        self.tasks.push(task);
    }

    /// How many bytes everything counts for.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        MARKS + self.task_bytes + self.report_bytes
    }

    /// Whether a group fits beside what is here into so many bytes, if need be without any report.
    /// One that needs no more room than there was always fits.
    #[must_use]
    pub fn fits(&self, group: &[Record], limit: u64) -> bool {
        let before = MARKS + self.task_bytes;
        let mut after = before;
        for record in group {
            let (is, was) = match record {
                Record::Taken { task, .. } => (
                    work_bytes(task) + task.input_bytes() + END_ROOM,
                    self.bytes_of(task.task),
                ),
                Record::Over { task, last } => match self.find(*task) {
                    Some(kept) => (
                        work_bytes(&kept.task) + end_bytes(last).max(END_ROOM),
                        task_bytes(kept),
                    ),
                    // Taken in this group.
                    None => (end_bytes(last), END_ROOM),
                },
                Record::Forgotten { task, .. } => (0, self.bytes_of(*task)),
                _ => continue,
            };
            after = (after + is).saturating_sub(was);
        }
        after <= limit.max(before)
    }

    /// Thins reports, and drops the oldest if that is not enough, until everything fits into so many
    /// bytes or there are no reports.
    pub fn fit(&mut self, limit: u64) {
        while self.bytes() > limit && !self.reports.is_empty() {
            let before = self.report_bytes;
            self.thin();
            // Reports of few gauges in common can be longer together.
            if self.report_bytes >= before
                && let Some(oldest) = self.reports.pop_front()
            {
                self.marks.dropped += 1;
                self.report_bytes -= report_bytes(&oldest);
            }
        }
    }

    /// Makes fewer reports of those that there are.
    pub(super) fn thin(&mut self) {
        self.marks.dropped += thin(&mut self.reports);
        self.report_bytes = self.reports.iter().map(report_bytes).sum();
    }

    /// What there is of tasks.
    #[must_use]
    pub fn recall(&self) -> Recall {
        Recall {
            tasks: self.tasks.clone(),
            spent: self.marks.spent.clone(),
            seen: self.marks.seen.clone(),
            delivered: self.marks.delivered,
        }
    }

    /// How much there is; nothing is known of bytes here.
    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        SpoolStats {
            reports: self.reports.len(),
            dropped: self.marks.dropped,
            tasks: self.tasks.len(),
            oldest: self.reports.front().map(oldest),
            ..SpoolStats::default()
        }
    }

    fn find(&self, task: TaskId) -> Option<&KeptTask> {
        self.tasks.iter().find(|kept| kept.task.task == task)
    }

    fn bytes_of(&self, task: TaskId) -> u64 {
        self.find(task).map_or(0, task_bytes)
    }

    fn change(&mut self, task: TaskId, change: impl FnOnce(&mut KeptTask)) {
        let mut tasks = self.tasks.iter_mut();
        if let Some(kept) = tasks.find(|kept| kept.task.task == task) {
            let before = task_bytes(kept);
            change(kept);
            self.task_bytes = (self.task_bytes + task_bytes(kept)).saturating_sub(before);
        }
    }

    fn remove(&mut self, task: TaskId) -> Option<KeptTask> {
        let mut tasks = self.tasks.iter();
        let at = tasks.position(|kept| kept.task.task == task)?;
        let kept = self.tasks.remove(at);
        self.task_bytes -= task_bytes(&kept);
        Some(kept)
    }
}

impl KeptTask {
    /// What it takes to make this task of nothing.
    pub(super) fn records(&self) -> Vec<Record> {
        let task = self.task.task;
        let taken = Record::Taken {
            task: Box::new(self.task.clone()),
            idempotent: self.idempotent,
        };
        let started = |process| Record::Started { task, process };
        let mut records = Vec::new();
        match &self.stage {
            KeptStage::Waiting if self.started => {
                let process = Process::default();
                let bare = WorkTask {
                    input: Payload::null(),
                    ..self.task.clone()
                };
                let before = Record::Taken {
                    task: Box::new(bare),
                    idempotent: self.idempotent,
                };
                records.push(before);
                records.push(started(process));
                records.push(taken);
            }
            KeptStage::Waiting => records.push(taken),
            KeptStage::Started { process, leaving } => {
                records.push(taken);
                records.push(started(process.clone()));
                if let Some(end) = *leaving {
                    records.push(Record::Leaving { task, end });
                }
            }
            KeptStage::Over(last) => {
                records.push(taken);
                if self.started {
                    records.push(started(Process::default()));
                }
                let last = last.clone();
                records.push(Record::Over { task, last });
            }
        }
        if self.cancel_seen {
            records.push(Record::CancelSeen { task });
        }
        records
    }
}

impl WorkTask {
    fn input_bytes(&self) -> u64 {
        length(self.input.len())
    }
}

/// When the first sample of a report was taken.
fn oldest(report: &Report) -> crate::time::Timestamp {
    let thinned = report.thinned.as_ref();
    thinned.map_or(report.at, |thinned| thinned.from)
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn report_bytes(report: &Report) -> u64 {
    let gauge = if report.thinned.is_some() { 34 } else { 18 };
    let thinned = if report.thinned.is_some() { 48 } else { 0 };
    let gauges = report.gauges.iter();
    gauges.fold(REPORT + thinned, |sum, (name, _)| {
        sum + length(name.len()) + gauge
    })
}

/// Without the input.
fn work_bytes(task: &WorkTask) -> u64 {
    let key = task.ordering_key.as_ref().map_or(0, String::len);
    TASK + length(task.kind.len() + key)
}

fn task_bytes(kept: &KeptTask) -> u64 {
    let end = match &kept.stage {
        KeptStage::Over(last) => end_bytes(last).max(END_ROOM),
        KeptStage::Started { process, .. } => length(process.boot.len()).max(END_ROOM),
        KeptStage::Waiting => END_ROOM,
    };
    work_bytes(&kept.task) + kept.task.input_bytes() + end
}

fn end_bytes(last: &AgentEvent) -> u64 {
    let (output, failure) = match last {
        AgentEvent::Finish(Finish {
            output, failure, ..
        }) => (output.as_ref(), failure.as_ref()),
        AgentEvent::Reject(failure) | AgentEvent::Retry { failure, .. } => (None, Some(failure)),
        AgentEvent::Progress(payload) => (Some(payload), None),
        AgentEvent::Output(chunk) => return 64 + length(chunk.text.len()),
        AgentEvent::Accept { .. }
        | AgentEvent::Start
        | AgentEvent::CancelConfirmed
        | AgentEvent::Expire => (None, None),
    };
    let failure = failure.map_or(0, |f| f.code.len() + f.message.len());
    64 + length(output.map_or(0, Payload::len) + failure)
}
