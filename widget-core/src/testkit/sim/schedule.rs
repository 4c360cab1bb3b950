//! Tasks, and which of them can go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use super::host::ProcessId;
use super::lock;
use crate::runtime::BoxFuture;

/// All tasks of a world.
#[derive(Default)]
pub(super) struct Schedule {
    tasks: Mutex<Tasks>,
    ready: Arc<Mutex<Vec<Arc<Flag>>>>,
}

#[derive(Default)]
struct Tasks {
    places: Vec<Option<Task>>,
    free: Vec<usize>,
    /// Distinguishes the tasks that had one place.
    last: u64,
}

struct Task {
    number: u64,
    process: ProcessId,
    /// None while it has its turn.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
}

/// Who can go on. It is in the list of the ready ones once at most.
pub(super) struct Flag {
    number: u64,
    place: usize,
    process: ProcessId,
    is_ready: AtomicBool,
    ready: Arc<Mutex<Vec<Arc<Flag>>>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            let ready = Arc::clone(&self.ready);
            lock(&ready).push(self);
        }
    }
}

impl Flag {
    pub(super) const fn process(&self) -> ProcessId {
        self.process
    }

    pub(super) const fn place(&self) -> u64 {
        self.place as u64
    }
}

impl Schedule {
    pub(super) fn spawn(&self, process: ProcessId, future: BoxFuture<'static, ()>) {
        let mut tasks = lock(&self.tasks);
        tasks.last += 1;
        let (number, end) = (tasks.last, tasks.places.len());
        let place = tasks.free.pop().unwrap_or(end);
        let flag = Arc::new(Flag {
            number,
            place,
            process,
            is_ready: AtomicBool::new(true),
            ready: Arc::clone(&self.ready),
        });
        let task = Task {
            number,
            process,
            future: Some(future),
            waker: Waker::from(Arc::clone(&flag)),
        };
        if place == end {
            tasks.places.push(Some(task));
        } else {
            tasks.places[place] = Some(task);
        }
        drop(tasks);
        lock(&self.ready).push(flag);
    }

    pub(super) fn len(&self) -> usize {
        let tasks = lock(&self.tasks);
        tasks.places.len() - tasks.free.len()
    }

    /// Takes one of those that can go on out of their list; `below` says which of so many.
    pub(super) fn take(&self, below: impl FnOnce(u64) -> u64) -> Option<Arc<Flag>> {
        let mut ready = lock(&self.ready);
        match ready.len() {
            0 | 1 => ready.pop(),
            count => {
                let nth = below(count as u64) as usize;
                Some(ready.swap_remove(nth))
            }
        }
    }

    /// Puts some back into the list.
    pub(super) fn put_back(&self, flags: Vec<Arc<Flag>>) {
        lock(&self.ready).extend(flags);
    }

    /// The task of this flag, if it is still there, goes on until it waits.
    pub(super) fn have(&self, flag: Arc<Flag>) {
        // Before it runs: what wakes it from here on counts.
        flag.is_ready.store(false, Ordering::Relaxed);
        let taken = {
            let mut tasks = lock(&self.tasks);
            let task = tasks.places.get_mut(flag.place).and_then(Option::as_mut);
            let task = task.filter(|task| task.number == flag.number);
            task.and_then(|task| Some((task.future.take()?, task.waker.clone())))
        };
        let Some((mut future, waker)) = taken else {
            return;
        };
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = lock(&self.tasks);
        let place = tasks.places.get_mut(flag.place);
        // It may have been ended by itself meanwhile.
        let task = place.filter(|task| task.as_ref().is_some_and(|t| t.number == flag.number));
        if let Some(task) = task {
            if polled.is_pending() {
                if let Some(task) = task {
                    task.future = Some(future);
                }
                return;
            }
            *task = None;
            tasks.free.push(flag.place);
        }
        // Other people's code, so not behind the lock.
        drop(tasks);
        drop(future);
    }

    /// Drops all tasks.
    pub(super) fn end_all(&self) {
        let ended: Vec<Option<Task>> = {
            let mut tasks = lock(&self.tasks);
            let places = std::mem::take(&mut tasks.places);
            tasks.free.clear();
            places
        };
        drop(ended);
        lock(&self.ready).clear();
    }

    /// Drops all tasks of a process.
    pub(super) fn end(&self, process: ProcessId) {
        let mut ended = Vec::new();
        {
            let mut tasks = lock(&self.tasks);
            for place in 0..tasks.places.len() {
                let is_its = |task: &mut Task| task.process == process;
                if let Some(task) = tasks.places[place].take_if(is_its) {
                    ended.push(task);
                    tasks.free.push(place);
                }
            }
        }
        // What drops of one of them may wake others of them, which are gone.
        drop(ended);
    }
}
