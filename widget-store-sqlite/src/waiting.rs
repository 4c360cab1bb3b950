//! [`Waiting`]: the jobs that wait for a thread.

use crate::sync::Receiver;

/// The jobs that wait, as the threads that do them see it.
///
/// Dropping it, when the last of these threads has gone, drops what still waits: so its callers hear
/// that nobody will answer, also after a panic.
// A channel without receivers keeps what it holds until its last sender has gone, and so it would
// keep those who wait for an answer.
#[derive(Debug)]
pub(crate) struct Waiting<J>(Receiver<J>);

impl<J> Waiting<J> {
    pub(crate) const fn new(jobs: Receiver<J>) -> Self {
        Self(jobs)
    }

    /// Waits for the next job. `None` when there will be no more.
    pub(crate) fn next(&self) -> Option<J> {
        self.0.recv_blocking().ok()
    }

    /// The next job, if it waits already.
    pub(crate) fn another(&self) -> Option<J> {
        self.0.try_recv().ok()
    }
}

impl<J> Drop for Waiting<J> {
    fn drop(&mut self) {
        self.0.close();
        while let Some(job) = self.another() {
            drop(job);
        }
    }
}
