//! Threads that only read, beside the one that writes. Each job sees one state of the database.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_channel::Sender;
use rusqlite::Connection;
use widget_core::store::StoreError;

use crate::error::{self, Result};
use crate::waiting::Waiting;

/// Jobs that may wait; further callers wait for a place.
const QUEUE: usize = 256;

/// Takes jobs to the reading threads. Ends them when dropped.
#[derive(Debug)]
pub(crate) struct Readers {
    jobs: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

struct Job(Box<dyn FnOnce(&Connection) + Send>);

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl Readers {
    /// One thread for each connection.
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (jobs, waiting) = async_channel::bounded(QUEUE);
        let waiting = Arc::new(Waiting::new(waiting));
        let mut readers = Self {
            jobs,
            threads: Vec::new(),
        };
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            let thread = thread::Builder::new()
                .name("widget-store-read".into())
                .spawn(move || run(&connection, &waiting))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let (reply, answer) = async_channel::bounded(1);
        let job = move |connection: &Connection| {
            // A caller that has gone away wants no answer.
            let _ = reply.try_send(in_snapshot(connection, work).map_err(StoreError::from));
        };
        self.jobs
            .send(Job(Box::new(job)))
            .await
            .map_err(|_| error::closed())?;
        answer.recv().await.map_err(|_| error::closed())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reading thread has panicked");
            }
        }
    }
}

fn run(connection: &Connection, waiting: &Waiting<Job>) {
    while let Some(Job(work)) = waiting.next() {
        work(connection);
    }
}

/// All statements of a job see the same state.
fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute(())?;
    let result = work(connection);
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute(())?;
    }
    result
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, zip};
    use widget_core::store::StoreErrorKind;

    use super::*;

    #[test]
    fn who_waits_when_the_last_reading_thread_panics_is_told_that_it_is_closed() {
        let readers = Readers::start(vec![Connection::open_in_memory().unwrap()]).unwrap();
        block_on(async {
            let (start, started) = async_channel::bounded::<()>(1);
            let (hold, held) = async_channel::bounded::<()>(1);
            let bad = readers.read(move |_| -> Result<()> {
                start.close();
                let _ = held.recv_blocking();
                panic!("as a bug in a job would");
            });
            let other = async {
                let _ = started.recv().await;
                let waiting = readers.read(|_| Ok(()));
                zip(waiting, async { hold.close() }).await.0
            };
            let (bad, other) = zip(bad, other).await;
            assert_eq!(*bad.unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(*other.unwrap_err().kind(), StoreErrorKind::Unavailable);
        });
    }
}
