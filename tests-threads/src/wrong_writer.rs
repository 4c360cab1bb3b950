//! Group commits with a fault, which the checks have to find.

use std::future::Future;
use std::iter;

use widget_core::store::{StoreError, StoreErrorKind};

use crate::committing::Commits;
use crate::error;
use crate::sync::{Arc, AtomicBool, Ordering, Sender, bounded, thread};
use crate::toy::Toy;
use crate::writer::Transact;

/// What a wrong double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing. It passes every check, so what another one fails for is its fault.
    None,
    /// Each job is answered when it is done, and the commit comes later.
    AnswersBeforeCommit,
    /// What is to be done after the commit is done before it.
    RunsAfterBefore,
    /// A commit that failed is not told.
    HidesFailedCommit,
    /// What a failed job has written stays in the transaction.
    KeepsHalves,
    /// Who was in a transaction that was lost to another's job is told that all is well.
    ForgetsWhatWasLost,
    /// Who was in such a transaction is told that it failed.
    GivesUpTheGroup,
    /// Only the first job of a group is answered.
    AnswersTheFirst,
    /// The newest job comes first.
    NewestFirst,
    /// Each job has a transaction of its own.
    OneAtATime,
    /// All that waits, however much.
    NoBound,
    /// When it is closed, what waits is dropped.
    ForgetsWhenClosed,
    /// Closing does not wait for the thread.
    ClosesAtOnce,
}

/// A group commit of a simpler make, with a fault.
#[derive(Debug, Clone, Copy)]
pub struct Wrong(pub Fault);

/// What was started of it.
#[derive(Debug)]
pub struct WrongWriter {
    jobs: Sender<Job>,
    thread: Option<thread::JoinHandle<()>>,
    closed: Arc<AtomicBool>,
    fault: Fault,
}

type Answer = Result<u32, StoreError>;
type After = Box<dyn FnOnce(&u32) + Send>;

struct Job {
    work: Box<dyn FnMut(&Toy) -> Answer + Send>,
    after: Option<After>,
    reply: Sender<Answer>,
    answer: Answer,
}

impl Job {
    fn run(&mut self, toy: &Toy, fault: Fault) {
        self.answer = if fault == Fault::KeepsHalves {
            let mut answer = Err(StoreErrorKind::Unavailable.into());
            let _ = toy.alone(|toy| {
                answer = (self.work)(toy);
                Ok(())
            });
            answer
        } else {
            toy.alone(&mut self.work)
        };
        if fault == Fault::RunsAfterBefore {
            self.run_after();
        }
        if fault == Fault::AnswersBeforeCommit {
            self.reply();
        }
    }

    fn run_after(&mut self) {
        if let Ok(job) = &self.answer
            && let Some(after) = self.after.take()
        {
            after(job);
        }
    }

    fn finish(&mut self) {
        self.run_after();
        self.reply();
    }

    fn reply(&mut self) {
        let answer = std::mem::replace(&mut self.answer, Err(error::closed()));
        let _ = self.reply.try_send(answer);
    }
}

impl Commits for Wrong {
    type Running = WrongWriter;

    fn start(&self, toy: Toy, waiting: usize, group: usize) -> WrongWriter {
        let fault = self.0;
        let (jobs, queue) = bounded(waiting);
        let at_most = match fault {
            Fault::OneAtATime => 1,
            Fault::NoBound => usize::MAX,
            _ => group,
        };
        let closed = Arc::new(AtomicBool::new(false));
        let forgets = Arc::clone(&closed);
        let thread = thread::spawn(move || {
            // Those whom nobody answers.
            let mut kept = Vec::new();
            while let Ok(first) = queue.recv_blocking() {
                if fault == Fault::ForgetsWhenClosed && forgets.load(Ordering::SeqCst) {
                    break;
                }
                let others = iter::from_fn(|| queue.try_recv().ok());
                let mut group: Vec<Job> = iter::once(first).chain(others).take(at_most).collect();
                if fault == Fault::NewestFirst {
                    group.reverse();
                }
                work(&toy, &mut group, fault);
                if fault == Fault::AnswersTheFirst {
                    kept.extend(group.drain(1..));
                }
                group.iter_mut().for_each(Job::finish);
            }
        });
        WrongWriter {
            jobs,
            thread: Some(thread),
            closed,
            fault,
        }
    }

    fn write(
        running: &WrongWriter,
        work: impl FnMut(&Toy) -> Answer + Send + 'static,
        after: impl FnOnce(&u32) + Send + 'static,
    ) -> impl Future<Output = Answer> + Send {
        let (reply, answer) = bounded(1);
        let job = Job {
            work: Box::new(work),
            after: Some(Box::new(after)),
            reply,
            answer: Err(error::closed()),
        };
        async move {
            let sent = running.jobs.send(job).await;
            sent.map_err(|_| error::closed())?;
            answer.recv().await.map_err(|_| error::closed())?
        }
    }
}

impl Drop for WrongWriter {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        self.jobs.close();
        if let Some(thread) = self.thread.take()
            && self.fault != Fault::ClosesAtOnce
        {
            let _ = thread.join();
        }
    }
}

/// Does a group, and notes in each of its jobs what is to be answered.
fn work(toy: &Toy, group: &mut [Job], fault: Fault) {
    let Err(lost) = transact(toy, group, fault) else {
        return;
    };
    let by_a_job = matches!(lost, Lost::ByAJob);
    if by_a_job && fault == Fault::ForgetsWhatWasLost || fault == Fault::HidesFailedCommit {
        return;
    }
    if by_a_job && group.len() > 1 && fault != Fault::GivesUpTheGroup {
        for alone in group.chunks_mut(1) {
            work(toy, alone, fault);
        }
        return;
    }
    for job in group {
        job.answer = Err(StoreErrorKind::Unavailable.into());
    }
}

/// Why a transaction came to nothing.
enum Lost {
    ByAJob,
    Failed,
}

fn transact(toy: &Toy, group: &mut [Job], fault: Fault) -> Result<(), Lost> {
    toy.begin().map_err(|_| Lost::Failed)?;
    for job in group {
        job.run(toy, fault);
        if !toy.is_open() {
            return Err(Lost::ByAJob);
        }
    }
    toy.commit().map_err(|_| Lost::Failed)
}
