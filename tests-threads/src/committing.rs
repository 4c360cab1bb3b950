//! What is promised of the group commit: each job is answered once, after the commit that holds it, and
//! not well after one that failed; in order; also when it is closed, and when its caller has gone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_lite::future::{poll_once, zip};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use widget_core::store::{StoreError, StoreErrorKind};

use crate::sync::{Arc, Closed, bounded, thread};
use crate::toy::{Durable, Half, Toy};
use crate::waiting::Waiting;
use crate::writer::{Bounds, Writer};

/// A group commit, right or wrong. Dropping it writes what waits.
pub trait Commits: Sized + Send + Sync + 'static {
    /// Starts its thread. At most `waiting` jobs wait, at most `group` are in one transaction.
    fn start(&self, toy: Toy, waiting: usize, group: usize) -> Self::Running;

    /// What was started.
    type Running: Send + Sync + 'static;

    /// Does the work and, once it is durable, `after` it.
    fn write(
        running: &Self::Running,
        work: impl FnMut(&Toy) -> Result<u32, StoreError> + Send + 'static,
        after: impl FnOnce(&u32) + Send + 'static,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

/// That of the SQLite store.
#[derive(Debug, Clone, Copy)]
pub struct Real;

/// Its writer.
#[derive(Debug)]
pub struct RealWriter(Writer<Toy>);

impl Commits for Real {
    type Running = RealWriter;

    fn start(&self, toy: Toy, waiting: usize, group: usize) -> RealWriter {
        RealWriter(Writer::start(toy, Bounds { waiting, group }).unwrap())
    }

    fn write(
        running: &RealWriter,
        work: impl FnMut(&Toy) -> Result<u32, StoreError> + Send + 'static,
        after: impl FnOnce(&u32) + Send + 'static,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send {
        running.0.write(work, after)
    }
}

/// A writer, and what can be seen of its work.
struct Scene<C: Commits> {
    running: C::Running,
    durable: Durable,
}

/// What became of a job, beside its answer.
#[derive(Debug, Clone)]
struct Traces {
    job: u32,
    durable: Durable,
    afters: Shared<AtomicUsize>,
}

impl Traces {
    fn afters(&self) -> usize {
        self.afters.load(Ordering::SeqCst)
    }

    /// When the answer has come.
    fn check(&self, answer: &Result<u32, StoreError>) {
        let (rows, afters) = (self.durable.rows_of(self.job), self.afters());
        if answer.is_ok() {
            assert_eq!(answer.as_ref().ok(), Some(&self.job), "another's answer");
            assert_eq!(rows, 2, "answered ok and not durable");
            assert_eq!(afters, 1, "answered ok before what is done after it");
        }
        self.check_whole();
    }

    /// At any time when the writing thread is through with the job.
    fn check_end(&self, answer: Option<&Result<u32, StoreError>>) {
        let (rows, afters) = (self.durable.rows_of(self.job), self.afters());
        self.check_whole();
        assert_eq!(
            afters * 2,
            rows,
            "done after it, and not durable, or not done"
        );
        if let Some(answer) = answer {
            assert_eq!(answer.is_ok(), rows == 2, "answered wrongly: {answer:?}");
        }
    }

    fn check_whole(&self) {
        assert_ne!(self.durable.rows_of(self.job), 1, "done by half");
        assert!(self.afters() <= 1, "done after it twice");
    }
}

impl<C: Commits> Scene<C> {
    fn new(commits: &C, troubled: bool, waiting: usize, group: usize) -> Self {
        let toy = Toy::new(troubled);
        Self {
            durable: toy.durable(),
            running: commits.start(toy, waiting, group),
        }
    }

    fn traces(&self, job: u32) -> Traces {
        Traces {
            job,
            durable: self.durable.clone(),
            afters: Shared::default(),
        }
    }

    /// Writes a job, which fails half way if it is one that does.
    async fn write(&self, traces: &Traces) -> Result<u32, StoreError> {
        let job = traces.job;
        let work = move |toy: &Toy| {
            toy.insert((job, Half::First))?;
            if fails(job) {
                return Err(StoreErrorKind::Conflict.into());
            }
            toy.insert((job, Half::Second))?;
            Ok(job)
        };
        let seen = traces.clone();
        let after = move |job: &u32| {
            assert_eq!(seen.durable.rows_of(*job), 2, "done before it is durable");
            seen.afters.fetch_add(1, Ordering::SeqCst);
        };
        let answer = C::write(&self.running, work, after).await;
        traces.check(&answer);
        answer
    }
}

/// The first of each caller's in the checks with several callers.
fn fails(job: u32) -> bool {
    job.is_multiple_of(10)
}

/// Several callers, each with one job after the other, and few places; with troubles or without.
pub fn callers_get_their_answers_after_the_commit<C: Commits>(commits: &C, troubled: bool) {
    let scene = Arc::new(Scene::new(commits, troubled, 1, 2));
    let durable = scene.durable.clone();
    let callers = [10, 20, 30].map(|first| {
        let scene = Arc::clone(&scene);
        thread::spawn(move || {
            [first, first + 1].map(|job| {
                let traces = scene.traces(job);
                let answer = block_on(scene.write(&traces));
                (traces, answer)
            })
        })
    });
    drop(scene);
    for caller in callers {
        for (traces, answer) in caller.join().unwrap() {
            traces.check_end(Some(&answer));
            let fails = fails(traces.job);
            assert!(
                troubled || answer.is_ok() != fails,
                "failed without a cause"
            );
        }
    }
    assert!(durable.largest_group() <= 2, "too many in one transaction");
}

/// One caller with several jobs at once: they are done in the order in which they came into the queue.
// With a place for each: who waits for a place may be overtaken by who comes when there is one.
pub fn jobs_are_done_in_order<C: Commits>(commits: &C, troubled: bool) {
    let scene = Scene::new(commits, troubled, 4, 3);
    let traces = [1, 2, 3, 4].map(|job| scene.traces(job));
    let [one, two, three, four] = &traces;
    let _ = block_on(zip(
        zip(scene.write(one), scene.write(two)),
        zip(scene.write(three), scene.write(four)),
    ));
    let jobs = scene.durable.jobs();
    assert!(jobs.is_sorted(), "done in the order {jobs:?}");
    drop(scene);
    traces.iter().for_each(|traces| traces.check_end(None));
}

/// A job for which the whole transaction is taken back costs the others nothing.
pub fn one_job_costs_only_itself<C: Commits>(commits: &C) {
    let scene = Scene::new(commits, false, 4, 3);
    let (one, three) = (scene.traces(1), scene.traces(3));
    let work = |toy: &Toy| {
        toy.insert((2, Half::First))?;
        toy.lose();
        Err(StoreErrorKind::Unavailable.into())
    };
    let bad = C::write(&scene.running, work, |_| {});
    let good = zip(scene.write(&one), scene.write(&three));
    let (bad, good) = block_on(zip(bad, good));
    assert!(bad.is_err(), "answered ok and taken back");
    assert!(good.0.is_ok() && good.1.is_ok(), "failed for another's job");
    assert_eq!(scene.durable.rows_of(2), 0, "taken back and there");
}

/// Whatever waits while the thread is at work goes into the next transaction, all of it.
pub fn what_waits_shares_a_commit<C: Commits>(commits: &C) {
    let scene = Scene::new(commits, false, 8, 8);
    let (go, gone) = bounded::<()>(1);
    let held = C::write(
        &scene.running,
        move |_| {
            let _ = gone.recv_blocking();
            Ok(0)
        },
        |_| {},
    );
    let traces = [1, 2, 3].map(|job| scene.traces(job));
    let [one, two, three] = &traces;
    let others = zip(zip(scene.write(one), scene.write(two)), scene.write(three));
    block_on(zip(held, zip(others, async { go.close() })))
        .0
        .unwrap();
    let commits = scene.durable.commits();
    assert!(commits <= 2, "{commits} commits for what waited together");
}

/// Closing writes what waits, also of callers who have gone, and is over when that is durable.
pub fn closing_writes_what_waits<C: Commits>(commits: &C) {
    let scene = Scene::new(commits, false, 4, 2);
    let traces = [1, 2, 3].map(|job| scene.traces(job));
    for traces in &traces {
        // There is a place, so the first poll has put it into the queue.
        block_on(async {
            let _ = poll_once(pin!(scene.write(traces))).await;
        });
    }
    drop(scene);
    for traces in &traces {
        assert_eq!(traces.afters(), 1, "forgotten when it was closed");
        traces.check_end(None);
    }
}

/// Callers who go at any moment leave a job that is done or not, and nobody else is the worse for it.
pub fn callers_may_go<C: Commits>(commits: &C, troubled: bool) {
    let scene = Arc::new(Scene::new(commits, troubled, 1, 2));
    let leavers = [1, 2].map(|job| {
        let scene = Arc::clone(&scene);
        thread::spawn(move || {
            let traces = scene.traces(job);
            let polls = thread_rng().gen_range(1..4);
            block_on(async {
                let mut call = pin!(scene.write(&traces));
                for _ in 0..polls {
                    if poll_once(&mut call).await.is_some() {
                        break;
                    }
                    shuttle::future::yield_now().await;
                }
            });
            traces
        })
    });
    let stays = scene.traces(3);
    let answer = block_on(scene.write(&stays));
    drop(scene);
    let leavers = leavers.map(|leaver| leaver.join().unwrap());
    stays.check_end(Some(&answer));
    assert!(troubled || answer.is_ok(), "failed without a cause");
    leavers.iter().for_each(|traces| traces.check_end(None));
}

/// A thread that ends while jobs wait, as one that panics does, leaves nobody waiting. Right if the jobs
/// are kept in a `Waiting`, wrong if they are in a bare receiver.
pub fn nobody_waits_for_a_thread_that_has_gone(bare: bool) {
    let (jobs, waiting) = bounded(1);
    let worker = thread::spawn(move || {
        if bare {
            drop(waiting.recv_blocking());
            drop(waiting);
        } else {
            let waiting = Waiting::new(waiting);
            drop(waiting.next());
        }
    });
    let jobs = Arc::new(jobs);
    let callers = [(); 3].map(|()| {
        let jobs = Arc::clone(&jobs);
        thread::spawn(move || {
            let (reply, answer) = bounded::<()>(1);
            block_on(async {
                jobs.send(reply).await?;
                answer.recv().await
            })
        })
    });
    for caller in callers {
        assert_eq!(caller.join().unwrap(), Err(Closed), "nobody answers");
    }
    worker.join().unwrap();
}
