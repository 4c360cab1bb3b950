//! What outlives an agent in a test: a durable spool that several runs share, and a wall clock that
//! goes with virtual time and can be set.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use widget_agent::runtime::{Address, BoxFuture, Runtime, Stream, TokioRuntime};
use widget_agent::widget_core::id::{SpoolEpoch, TaskId};
use widget_agent::widget_core::report::Report;
use widget_agent::widget_core::spool::{
    Backlog, KeptStage, KeptTask, MemorySpool, Recall, Record, Spool, SpoolError, SpoolStats,
};
use widget_agent::widget_core::task::AgentEvent;
use widget_agent::widget_core::time::{Mono, Timestamp};

/// Outlives the spools that are opened on it.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    records: Vec<Record>,
    reports: MemorySpool,
    delivered: u64,
    refuses: Refuses,
    commits: usize,
}

/// What a disk does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuses {
    Nothing,
    Everything,
    Tasks,
    Outputs,
    Starts,
    Ends,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            records: Vec::new(),
            reports: MemorySpool::new(SpoolEpoch::from_bytes([3; 16])),
            delivered: 0,
            refuses: Refuses::Nothing,
            commits: 0,
        })))
    }

    pub(crate) fn open(&self) -> impl Spool + 'static {
        OnDisk(Arc::clone(&self.0))
    }

    pub(crate) fn set(&self, refuses: Refuses) {
        self.0.lock().unwrap().refuses = refuses;
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().records.clone()
    }

    pub(crate) fn commits(&self) -> usize {
        self.0.lock().unwrap().commits
    }
}

#[derive(Debug)]
struct OnDisk(Arc<Mutex<State>>);

impl Spool for OnDisk {
    fn epoch(&self) -> SpoolEpoch {
        self.0.lock().unwrap().reports.epoch()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn next_seq(&self) -> u64 {
        self.0.lock().unwrap().reports.next_seq()
    }

    fn append(&mut self, report: Report) -> Result<(), SpoolError> {
        self.0.lock().unwrap().reports.append(report)
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        match self.0.lock().unwrap().refuses {
            Refuses::Everything => Err(io::Error::other("the disk is gone").into()),
            _ => Ok(()),
        }
    }

    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError> {
        self.0.lock().unwrap().reports.read(after, limit)
    }

    fn trim(&mut self, through: u64) -> Result<(), SpoolError> {
        let mut state = self.0.lock().unwrap();
        state.delivered = state.delivered.max(through);
        state.reports.trim(through)
    }

    fn recall(&self) -> Recall {
        let state = self.0.lock().unwrap();
        let mut recall = Recall {
            delivered: state.delivered,
            ..Recall::default()
        };
        for record in &state.records {
            apply(&mut recall, record.clone());
        }
        recall
    }

    fn commit(&mut self, group: &[Record]) -> Result<(), SpoolError> {
        let mut state = self.0.lock().unwrap();
        state.commits += 1;
        let full = |record: &Record| match (state.refuses, record) {
            (Refuses::Tasks, Record::Taken { .. }) => true,
            (Refuses::Outputs, Record::Over { last, .. }) => {
                matches!(last, AgentEvent::Finish(finish) if finish.output.is_some())
            }
            _ => false,
        };
        let started = |record: &Record| matches!(record, Record::Started { .. });
        let over = |record: &Record| matches!(record, Record::Over { .. });
        let gone = match state.refuses {
            Refuses::Everything => true,
            Refuses::Starts => group.iter().any(started),
            Refuses::Ends => group.iter().any(over),
            Refuses::Nothing | Refuses::Tasks | Refuses::Outputs => false,
        };
        if gone {
            return Err(io::Error::other("the disk is gone").into());
        }
        if group.iter().any(full) {
            return Err(SpoolError::Full);
        }
        state.records.extend_from_slice(group);
        Ok(())
    }

    fn stats(&self) -> SpoolStats {
        let state = self.0.lock().unwrap();
        SpoolStats {
            bytes: 7,
            limit: 9,
            ..state.reports.stats()
        }
    }
}

fn apply(recall: &mut Recall, record: Record) {
    let find = |recall: &mut Recall, task: TaskId| {
        let mut tasks = recall.tasks.iter();
        tasks.position(|kept| kept.task.task == task)
    };
    let task = match &record {
        Record::Seen(seen) => {
            recall.seen = Some(seen.clone());
            return;
        }
        Record::OtherStore => {
            (recall.seen, recall.spent) =
                (None, widget_agent::widget_core::spool::Spent::default());
            return;
        }
        Record::Taken { task, idempotent } => {
            recall.tasks.push(KeptTask {
                task: task.as_ref().clone(),
                idempotent: *idempotent,
                cancel_seen: false,
                started: false,
                stage: KeptStage::Waiting,
            });
            return;
        }
        Record::Adopted { task, .. }
        | Record::CancelSeen { task }
        | Record::Started { task, .. }
        | Record::Leaving { task, .. }
        | Record::Over { task, .. }
        | Record::Forgotten { task, .. } => *task,
    };
    let at = find(recall, task).expect("a record is of a task that is there");
    let kept = recall.tasks.get_mut(at).unwrap();
    match record {
        Record::Adopted { attempt, .. } => kept.task.attempt = attempt,
        Record::CancelSeen { .. } => kept.cancel_seen = true,
        Record::Started { process, .. } => {
            kept.started = true;
            kept.stage = KeptStage::Started {
                process,
                leaving: None,
            };
        }
        Record::Leaving { end, .. } => match &mut kept.stage {
            KeptStage::Started { leaving, .. } => *leaving = Some(end),
            stage => panic!("leaving from {stage:?}"),
        },
        Record::Over { last, .. } => kept.stage = KeptStage::Over(last),
        Record::Forgotten { spent, .. } => {
            let gone = recall.tasks.remove(at);
            if spent {
                recall.spent.insert(gone.task.sequence);
            }
        }
        Record::Seen(_) | Record::OtherStore | Record::Taken { .. } => {}
    }
}

/// Tokio's, with a wall clock that goes with it, on a host that says how long it is up.
#[derive(Debug)]
pub(crate) struct Clocked {
    tokio: TokioRuntime,
    set: AtomicI64,
    slept: AtomicU64,
}

impl Clocked {
    pub(crate) fn new() -> Self {
        Self {
            tokio: TokioRuntime::current().unwrap(),
            set: AtomicI64::new(1_700_000_000_000),
            slept: AtomicU64::new(0),
        }
    }

    /// The host was suspended for so long.
    pub(crate) fn suspend(&self, time: Duration) {
        let millis = time.as_millis();
        self.slept
            .fetch_add(u64::try_from(millis).unwrap(), Ordering::SeqCst);
        self.set(i64::try_from(millis).unwrap());
    }

    /// Somebody sets the wall clock by so many milliseconds.
    pub(crate) fn set(&self, millis: i64) {
        self.set.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Runtime for Clocked {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.tokio.spawn(work);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.tokio.spawn_blocking(work);
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        self.tokio.sleep_until(at)
    }

    fn now(&self) -> Mono {
        self.tokio.now()
    }

    fn wall(&self) -> Timestamp {
        let start = Timestamp::from_millis(self.set.load(Ordering::SeqCst));
        start.after(self.tokio.now().since_start())
    }

    fn uptime(&self) -> Option<Duration> {
        let slept = Duration::from_millis(self.slept.load(Ordering::SeqCst));
        Some(self.tokio.now().since_start() + slept)
    }

    fn random(&self) -> u64 {
        self.tokio.random()
    }

    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        self.tokio.connect(to)
    }
}
