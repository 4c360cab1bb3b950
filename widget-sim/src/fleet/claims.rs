//! What is asserted of tasks, and what is said when it does not hold.

use std::fmt::Write as _;
use std::panic::Location;

use widget_core::id::TaskId;
use widget_core::task::{StateName, Task};
use widget_core::testkit::fixtures::NOW;

use super::Fleet;

/// An assertion that is to be looked at.
pub(super) struct Claim {
    pub(super) fleet: Fleet,
    at: &'static Location<'static>,
}

impl Fleet {
    /// The handler of this task has started exactly once.
    ///
    /// # Panics
    /// If not. So do all other assertions.
    #[track_caller]
    pub fn assert_started_once(&self, task: TaskId) -> impl Future<Output = ()> + Send + 'static {
        self.assert_starts(task, |starts| starts == 1, "once")
    }

    /// The handler of this task has started once or never.
    #[track_caller]
    pub fn assert_started_at_most_once(
        &self,
        task: TaskId,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.assert_starts(task, |starts| starts <= 1, "once at most")
    }

    /// The handler of this task has never started.
    #[track_caller]
    pub fn assert_never_started(&self, task: TaskId) -> impl Future<Output = ()> + Send + 'static {
        self.assert_starts(task, |starts| starts == 0, "never")
    }

    /// The task is in this state.
    #[track_caller]
    pub fn assert_state(
        &self,
        task: TaskId,
        state: StateName,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.assert_task(task, move |row| {
            let found = row.state.name();
            (found != state).then(|| format!("is {found}, and not {state}"))
        })
    }

    /// The task is in one of these states.
    #[track_caller]
    pub fn assert_state_among(
        &self,
        task: TaskId,
        states: &[StateName],
    ) -> impl Future<Output = ()> + Send + 'static {
        let states = states.to_vec();
        self.assert_task(task, move |row| {
            let found = row.state.name();
            let missing = || format!("is {found}, and none of {states:?}");
            (!states.contains(&found)).then(missing)
        })
    }

    /// The task has passed through exactly these states, in this order, from queued on.
    #[track_caller]
    pub fn assert_life(
        &self,
        task: TaskId,
        states: &[StateName],
    ) -> impl Future<Output = ()> + Send + 'static {
        let states = states.to_vec();
        self.assert_task(task, move |row| {
            let mut life: Vec<StateName> = row.timeline.iter().map(|entry| entry.state).collect();
            life.dedup();
            (life != states).then(|| format!("went through {life:?}, and not {states:?}"))
        })
    }

    /// The task has succeeded with this output, as JSON text.
    #[track_caller]
    pub fn assert_output(
        &self,
        task: TaskId,
        output: &str,
    ) -> impl Future<Output = ()> + Send + 'static {
        let output = output.to_owned();
        self.assert_task(task, move |row| {
            let found = row.state.outcome().and_then(|end| end.output.as_ref());
            let found = found.map(|output| String::from_utf8_lossy(output.as_bytes()));
            let is_it =
                row.state.name() == StateName::Succeeded && found.as_deref() == Some(&output);
            let found = found.as_deref().unwrap_or("no output");
            let state = row.state.name();
            (!is_it).then(|| format!("is {state} with {found}, and not succeeded with {output}"))
        })
    }

    /// The task has not succeeded, for a reason with this code.
    #[track_caller]
    pub fn assert_failure(
        &self,
        task: TaskId,
        code: &str,
    ) -> impl Future<Output = ()> + Send + 'static {
        let code = code.to_owned();
        self.assert_task(task, move |row| {
            let found = row.state.outcome().and_then(|end| end.failure.as_ref());
            let is_it = found.is_some_and(|failure| failure.code == code);
            let found = found.map_or_else(|| "no failure".to_owned(), ToString::to_string);
            let state = row.state.name();
            (!is_it).then(|| format!("is {state} with {found}, and not with the code {code}"))
        })
    }

    /// Looks at a task: the sentence, if there is one, says what is wrong with it.
    #[track_caller]
    pub fn assert_task(
        &self,
        task: TaskId,
        wrong: impl FnOnce(&Task) -> Option<String> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let claim = self.claim();
        async move {
            let row = claim.fleet.task(task).await;
            if let Some(wrong) = wrong(&row) {
                claim.check(false, &row, || wrong);
            }
        }
    }

    #[track_caller]
    fn assert_starts(
        &self,
        task: TaskId,
        is_right: fn(usize) -> bool,
        often: &'static str,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (claim, starts) = (self.claim(), self.starts(task));
        async move {
            if is_right(starts) {
                return;
            }
            let wrong = format!("was to start {often}, and has started {starts} times");
            match claim.fleet.stores().tasks.task(task).await {
                Ok(Some(row)) => claim.check(false, &row, || wrong),
                // Its store was restored.
                Ok(None) | Err(_) => claim.fail(&format!("the task {task} {wrong}")),
            }
        }
    }

    #[track_caller]
    pub(super) fn claim(&self) -> Claim {
        Claim {
            fleet: self.clone(),
            at: Location::caller(),
        }
    }
}

impl Claim {
    /// Fails with what is wrong with a task, and its life so far.
    pub(super) fn check(&self, holds: bool, row: &Task, wrong: impl FnOnce() -> String) {
        if holds {
            return;
        }
        let mut text = format!("the task {} ({}) {}", row.kind, row.id, wrong());
        self.place(&mut text);
        for entry in &row.timeline {
            let at = (entry.at.as_millis() - NOW.as_millis()) as f64 / 1_000.0;
            let _ = write!(text, "\n{at:>14.3} s  {}: {}", entry.state, entry.cause);
        }
        if let Some(end) = row.state.outcome() {
            let failure = end.failure.iter().map(ToString::to_string);
            failure.for_each(|failure| text = format!("{text}\n{:>18}{failure}", ""));
        }
        for start in self.fleet.0.starts.of(row.id) {
            let at = start.since_start().as_secs_f64();
            let _ = write!(text, "\n{at:>14.3} s  its handler starts");
        }
        panic!("{text}");
    }

    /// Fails with what is wrong with something else.
    pub(super) fn fail(&self, wrong: &str) -> ! {
        let mut text = wrong.to_owned();
        self.place(&mut text);
        panic!("{text}");
    }

    fn place(&self, text: &mut String) {
        let now = self.fleet.time().as_secs_f64();
        let _ = write!(
            text,
            "\nasserted at {}, {now:.3} s after the world began",
            self.at
        );
    }
}
