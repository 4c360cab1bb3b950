//! The one thread that writes. Whatever waits goes into one transaction, and is answered after its
//! commit; one sync then serves all of them.

use std::fmt;
use std::thread::{self, JoinHandle};

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use widget_core::store::{StoreError, StoreErrorKind};

use crate::error::{self, Error, Result};

/// Jobs that may wait; further callers wait for a place.
const QUEUE: usize = 1_024;
/// Jobs in one transaction at most, so that the first of them is not kept waiting by the last.
const GROUP: usize = 512;

/// Takes jobs to the writing thread. Ends the thread when dropped, after what waits is written.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Sender<Box<dyn Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (jobs, waiting) = async_channel::bounded(QUEUE);
        let thread = thread::Builder::new()
            .name("widget-store-write".into())
            .spawn(move || run(&connection, &waiting))?;
        Ok(Self {
            jobs,
            thread: Some(thread),
        })
    }

    /// Does some work, and `after` it once it is durable, on the writing thread. The work may be
    /// done more than once, of which only the last counts.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let (reply, answer) = async_channel::bounded(1);
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

impl Drop for Writer {
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
trait Job: Send {
    fn run(&mut self, connection: &Connection);
    fn answer(self: Box<Self>, commit: &Commit);
}

impl fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// How a transaction ended: if not well, nothing of it is there.
type Commit = std::result::Result<(), Lost>;

/// A transaction that came to nothing, told to each of its callers.
struct Lost {
    kind: StoreErrorKind,
    why: String,
    /// SQLite took it back because of one job, so the others can be tried again.
    by_a_job: bool,
}

impl Lost {
    fn because(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        let kind = StoreError::from(Error::from(error)).kind().clone();
        Self {
            kind,
            why,
            by_a_job: false,
        }
    }
}

struct Write<T, W, A> {
    work: W,
    after: A,
    reply: Sender<std::result::Result<T, StoreError>>,
    result: Option<Result<T>>,
}

impl<T, W, A> Job for Write<T, W, A>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, connection: &Connection) {
        self.result = Some(in_savepoint(connection, &mut self.work));
    }

    fn answer(self: Box<Self>, commit: &Commit) {
        let answer = match (commit, self.result) {
            (Ok(()), Some(result)) => result.map_err(StoreError::from),
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

fn run(connection: &Connection, waiting: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = waiting.recv_blocking() {
        let others = std::iter::from_fn(|| waiting.try_recv().ok());
        let mut group: Vec<_> = std::iter::once(first)
            .chain(others.take(GROUP - 1))
            .collect();
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

fn answer(group: Vec<Box<dyn Job>>, commit: &Commit) {
    if let Err(lost) = commit {
        tracing::debug!(callers = group.len(), why = %lost.why, "a transaction came to nothing");
    }
    for job in group {
        job.answer(commit);
    }
}

fn transact(connection: &Connection, group: &mut [Box<dyn Job>]) -> Commit {
    if !connection.is_autocommit() {
        // Left over from a commit that failed and could not even be taken back.
        execute(connection, "ROLLBACK").map_err(Lost::because)?;
    }
    execute(connection, "BEGIN IMMEDIATE").map_err(Lost::because)?;
    for job in group {
        job.run(connection);
        // A full disk can take the whole transaction back, not only the statement that met it.
        if connection.is_autocommit() {
            return Err(Lost {
                kind: StoreErrorKind::Unavailable,
                why: "the disk is full or failing: the transaction was taken back".into(),
                by_a_job: true,
            });
        }
    }
    execute(connection, "COMMIT").map_err(|error| {
        if !connection.is_autocommit()
            && let Err(error) = execute(connection, "ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be taken back");
        }
        Lost::because(error)
    })
}

/// What fails is taken back alone.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    execute(connection, "SAVEPOINT job")?;
    let result = work(connection);
    if result.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        execute(connection, "RELEASE job")?;
    }
    result
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, zip};

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        Writer::start(connection).unwrap()
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
}
