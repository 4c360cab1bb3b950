//! A database in memory that is written in transactions, with the troubles of a real one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shuttle::rand::{Rng, thread_rng};
use widget_core::store::{StoreError, StoreErrorKind};

use crate::sync::step;
use crate::writer::Transact;

/// What is written: which half of which job.
pub type Row = (u32, Half);

/// Each job writes two rows, so that one can be seen that was done by half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Comes first.
    First,
    /// Comes after it.
    Second,
}

/// The side that is written to, by one thread.
#[derive(Debug)]
pub struct Toy {
    disk: Arc<Mutex<Disk>>,
    troubled: bool,
}

/// The side that everybody may look at.
#[derive(Debug, Clone)]
pub struct Durable(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    rows: Vec<Row>,
    commits: usize,
    /// Jobs of each transaction that was committed or came to nothing.
    jobs: Vec<usize>,
    /// The rows and jobs of the transaction that is open.
    open: Option<(Vec<Row>, usize)>,
}

impl Toy {
    /// A database that works, or one with troubles at random.
    #[must_use]
    pub fn new(troubled: bool) -> Self {
        let disk = Arc::default();
        Self { disk, troubled }
    }

    /// For those who look.
    #[must_use]
    pub fn durable(&self) -> Durable {
        Durable(Arc::clone(&self.disk))
    }

    /// Writes a row within the transaction. A full disk may take back all of it.
    ///
    /// # Errors
    /// If it is taken back, or was before.
    pub fn insert(&self, row: Row) -> Result<(), StoreError> {
        step();
        if self.has_trouble() {
            self.lose();
        }
        let mut disk = lock(&self.disk);
        let (rows, _) = disk.open.as_mut().ok_or_else(failing)?;
        rows.push(row);
        Ok(())
    }

    /// Takes the whole transaction back, as a disk may that is full.
    pub fn lose(&self) {
        lock(&self.disk).open = None;
    }

    /// One time out of eight.
    fn has_trouble(&self) -> bool {
        self.troubled && thread_rng().gen_range(0..8) == 0
    }
}

impl Transact for Toy {
    type Error = StoreError;

    fn begin(&self) -> Result<(), StoreError> {
        step();
        if self.has_trouble() {
            return Err(failing());
        }
        // What a failed commit may have left is taken back.
        lock(&self.disk).open = Some((Vec::new(), 0));
        Ok(())
    }

    fn is_open(&self) -> bool {
        lock(&self.disk).open.is_some()
    }

    fn alone<T>(&self, work: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let before = {
            let mut disk = lock(&self.disk);
            let (rows, jobs) = disk.open.as_mut().ok_or_else(failing)?;
            *jobs += 1;
            rows.len()
        };
        let result = work(self);
        if let Some((rows, _)) = &mut lock(&self.disk).open
            && result.is_err()
        {
            rows.truncate(before);
        }
        result
    }

    fn commit(&self) -> Result<(), StoreError> {
        step();
        let fails = self.has_trouble();
        let stays_open = fails && self.has_trouble();
        let mut disk = lock(&self.disk);
        if stays_open {
            return Err(failing());
        }
        let (rows, jobs) = disk.open.take().ok_or_else(failing)?;
        disk.jobs.push(jobs);
        if fails {
            return Err(failing());
        }
        disk.rows.extend(rows);
        disk.commits += 1;
        drop(disk);
        step();
        Ok(())
    }
}

impl Durable {
    /// How many of a job's two rows are there.
    ///
    /// # Panics
    /// If one of them is there twice.
    #[must_use]
    pub fn rows_of(&self, job: u32) -> usize {
        let disk = lock(&self.0);
        let count = |half| disk.rows.iter().filter(|row| **row == (job, half)).count();
        let (first, second) = (count(Half::First), count(Half::Second));
        assert!(first <= 1 && second <= 1, "job {job} was written twice");
        first + second
    }

    /// The jobs in the order in which they were written.
    #[must_use]
    pub fn jobs(&self) -> Vec<u32> {
        let disk = lock(&self.0);
        let firsts = disk.rows.iter().filter(|(_, half)| *half == Half::First);
        firsts.map(|(job, _)| *job).collect()
    }

    /// How many commits went well.
    #[must_use]
    pub fn commits(&self) -> usize {
        lock(&self.0).commits
    }

    /// The most jobs that were in one transaction.
    #[must_use]
    pub fn largest_group(&self) -> usize {
        lock(&self.0).jobs.iter().copied().max().unwrap_or_default()
    }
}

fn failing() -> StoreError {
    StoreErrorKind::Unavailable.into()
}

// A lock of std: it is never held over a step, so no schedule can differ in it.
fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}
