//! The one thread that writes. Whatever waits goes into one transaction, and is answered after its
//! commit; one sync then serves all of them. What a transaction is stands in `transact`.

use std::error::Error;
use std::fmt;
use std::iter;

use widget_core::store::{StoreError, StoreErrorKind};

use crate::error;
use crate::sync::{Sender, bounded, thread};
use crate::waiting::Waiting;

/// What is written to, one transaction after the other.
pub(crate) trait Transact: Send + 'static {
    type Error: Into<StoreError> + Send;

    /// Begins a transaction. What an earlier one may have left is taken back.
    fn begin(&self) -> Result<(), Self::Error>;

    /// Whether the transaction is still there: a job can make it be taken back.
    fn is_open(&self) -> bool;

    /// Does some work within the transaction. If that fails, it is taken back alone.
    fn alone<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Self::Error>,
    ) -> Result<T, Self::Error>;

    /// Makes the transaction durable, or else takes it back.
    fn commit(&self) -> Result<(), Self::Error>;
}

/// How much at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Jobs that may wait; further callers wait for a place.
    pub(crate) waiting: usize,
    /// Jobs in one transaction at most, so that the first of them is not kept waiting by the last.
    pub(crate) group: usize,
}

/// Takes jobs to the writing thread. Ends the thread when dropped, after what waits is written.
#[derive(Debug)]
pub(crate) struct Writer<C> {
    jobs: Sender<Box<dyn Job<C>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<C: Transact> Writer<C> {
    pub(crate) fn start(connection: C, bounds: Bounds) -> std::io::Result<Self> {
        let (jobs, waiting) = bounded(bounds.waiting);
        let waiting = Waiting::new(waiting);
        let thread = thread::Builder::new()
            .name("widget-store-write".into())
            .spawn(move || run(&connection, &waiting, bounds.group))?;
        Ok(Self {
            jobs,
            thread: Some(thread),
        })
    }

    /// Does some work, and `after` it once it is durable, on the writing thread. The work may be
    /// done more than once, of which only the last counts.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&C) -> Result<T, C::Error> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = bounded(1);
        let job = Write {
            work,
            after,
            reply,
            result: None,
        };
        self.jobs
            .send(Box::new(job))
            .await
            .map_err(|_| error::closed())?;
        answer.recv().await.map_err(|_| error::closed())?
    }
}

impl<C> Drop for Writer<C> {
    fn drop(&mut self) {
        self.jobs.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writing thread has panicked");
        }
    }
}

/// Something to do within a transaction, and an answer to give after it.
trait Job<C>: Send {
    fn run(&mut self, connection: &C);
    fn answer(self: Box<Self>, commit: &Commit);
}

impl<C> fmt::Debug for dyn Job<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// How a transaction ended: if not well, nothing of it is there.
type Commit = Result<(), Lost>;

/// A transaction that came to nothing, told to each of its callers.
struct Lost {
    kind: StoreErrorKind,
    why: String,
    /// It was taken back because of one job, so the others can be tried again.
    by_a_job: bool,
}

impl Lost {
    fn because(error: impl Into<StoreError>) -> Self {
        let error = error.into();
        let why = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        Self {
            kind: error.kind().clone(),
            why,
            by_a_job: false,
        }
    }
}

struct Write<C: Transact, T, W, A> {
    work: W,
    after: A,
    reply: Sender<Result<T, StoreError>>,
    result: Option<Result<T, C::Error>>,
}

impl<C, T, W, A> Job<C> for Write<C, T, W, A>
where
    C: Transact,
    T: Send,
    W: FnMut(&C) -> Result<T, C::Error> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, connection: &C) {
        self.result = Some(connection.alone(&mut self.work));
    }

    fn answer(self: Box<Self>, commit: &Commit) {
        let answer = match (commit, self.result) {
            (Ok(()), Some(result)) => result.map_err(Into::into),
            (Err(lost), Some(Err(error))) if lost.by_a_job => Err(error.into()),
            (Err(lost), _) => Err(StoreError::with(lost.kind.clone(), lost.why.clone())),
            (Ok(()), None) => Err(error::closed()),
        };
        if let Ok(value) = &answer {
            (self.after)(value);
        }
        // A caller that has gone away wants no answer.
        let _ = self.reply.try_send(answer);
    }
}

fn run<C: Transact>(connection: &C, waiting: &Waiting<Box<dyn Job<C>>>, at_most: usize) {
    while let Some(first) = waiting.next() {
        let others = iter::from_fn(|| waiting.another());
        let mut group: Vec<_> = iter::once(first).chain(others).take(at_most).collect();
        match transact(connection, &mut group) {
            Err(lost) if lost.by_a_job && group.len() > 1 => {
                for job in group {
                    let mut alone = vec![job];
                    let commit = transact(connection, &mut alone);
                    answer(alone, &commit);
                }
            }
            commit => answer(group, &commit),
        }
    }
}

fn answer<C>(group: Vec<Box<dyn Job<C>>>, commit: &Commit) {
    if let Err(lost) = commit {
        tracing::debug!(callers = group.len(), why = %lost.why, "a transaction came to nothing");
    }
    for job in group {
        job.answer(commit);
    }
}

fn transact<C: Transact>(connection: &C, group: &mut [Box<dyn Job<C>>]) -> Commit {
    connection.begin().map_err(Lost::because)?;
    for job in group {
        job.run(connection);
        // A full disk can take the whole transaction back, not only the statement that met it.
        if !connection.is_open() {
            return Err(Lost {
                kind: StoreErrorKind::Unavailable,
                why: "the disk is full or failing: the transaction was taken back".into(),
                by_a_job: true,
            });
        }
    }
    connection.commit().map_err(Lost::because)
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, zip};
    use rusqlite::Connection;

    use super::*;
    use crate::error::Result;

    fn writer() -> Writer<Connection> {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        let bounds = Bounds {
            waiting: 8,
            group: 8,
        };
        Writer::start(connection, bounds).unwrap()
    }

    fn insert(connection: &Connection, n: i64) -> Result<()> {
        connection.execute("INSERT INTO t VALUES (?1)", [n])?;
        Ok(())
    }

    fn count(connection: &Connection) -> Result<i64> {
        Ok(connection.query_row("SELECT count(*) FROM t", (), |row| row.get(0))?)
    }

    #[test]
    fn a_job_that_fails_takes_nothing_but_itself_back() {
        let writer = writer();
        block_on(async {
            let bad = writer.write(
                |connection| {
                    insert(connection, 1)?;
                    Err::<(), _>(StoreErrorKind::Conflict.into())
                },
                |()| panic!("nothing was written"),
            );
            let good = writer.write(|connection| insert(connection, 2), |()| {});
            let (bad, good) = zip(bad, good).await;
            assert_eq!(*bad.unwrap_err().kind(), StoreErrorKind::Conflict);
            good.unwrap();
            assert_eq!(writer.write(count, |_| {}).await.unwrap(), 1);
        });
    }

    #[test]
    fn a_transaction_that_is_taken_back_by_one_job_is_done_again_without_it() {
        let writer = writer();
        block_on(async {
            // Both wait while the first one is at work, so they meet in one transaction.
            let (start, started) = async_channel::bounded::<()>(1);
            let (hold, held) = async_channel::bounded::<()>(1);
            let first = writer.write(
                move |_| {
                    start.close();
                    Ok(held.recv_blocking().is_ok())
                },
                |_| {},
            );
            let good = writer.write(|connection| insert(connection, 1), |()| {});
            let bad = writer.write(
                |connection| {
                    connection.execute_batch("ROLLBACK")?;
                    Err::<(), _>(StoreErrorKind::Unavailable.into())
                },
                |()| panic!("nothing was written"),
            );
            let others = async {
                let _ = started.recv().await;
                zip(zip(good, bad), async { hold.close() }).await
            };
            let (_, ((good, bad), _)) = zip(first, others).await;
            good.unwrap();
            assert_eq!(*bad.unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(writer.write(count, |_| {}).await.unwrap(), 1);
        });
    }
    #[test]
    fn who_waits_when_the_thread_panics_is_told_that_it_is_closed() {
        let writer = writer();
        block_on(async {
            let (start, started) = async_channel::bounded::<()>(1);
            let (hold, held) = async_channel::bounded::<()>(1);
            let bad = writer.write(
                move |_| -> Result<()> {
                    start.close();
                    let _ = held.recv_blocking();
                    panic!("as a bug in a job would");
                },
                |()| {},
            );
            let other = async {
                let _ = started.recv().await;
                let waiting = writer.write(|connection| insert(connection, 1), |()| {});
                zip(waiting, async { hold.close() }).await.0
            };
            let (bad, other) = zip(bad, other).await;
            assert_eq!(*bad.unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(*other.unwrap_err().kind(), StoreErrorKind::Unavailable);
            let late = writer.write(|connection| insert(connection, 2), |()| {});
            assert_eq!(*late.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        });
    }
}
