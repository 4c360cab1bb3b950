//! [`Journal`]: what really happened, seen from outside of every process: which handlers started and
//! ended, and what servers answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::{Command, RefusalReason, Response, UpdateItem, Verdict};
use widget_core::report::Report;
use widget_core::store::MemoryStore;
use widget_core::task::{AgentEvent, Finish, StateName, Task};
use widget_core::time::Mono;

use super::{Fault, Kind, Plan};
use crate::{Tap, World};

/// What happened. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    world: World,
    all: Arc<Mutex<All>>,
}

/// Reports by the memory that they are of: before the first, and through which one they are there.
pub(super) type Marks = BTreeMap<(AgentId, SpoolEpoch), (u64, u64)>;

/// When it was made, the rows, and what was acknowledged then.
pub(super) type Backup = (Mono, MemoryStore, Marks);

#[derive(Debug, Default)]
pub(super) struct All {
    /// The starts of each task.
    pub(super) starts: BTreeMap<TaskId, Vec<Start>>,
    /// The results that handlers of it gave.
    pub(super) results: BTreeMap<TaskId, BTreeSet<Vec<u8>>>,
    /// What servers said ok to: the last words of agents.
    pub(super) acknowledged: Vec<(Mono, (TaskId, Attempt), Finish)>,
    /// What was accepted with the word of a server.
    pub(super) accepted: BTreeSet<(TaskId, Attempt)>,
    /// Reports of each memory of an agent: before the first, and through which one they were
    /// acknowledged.
    pub(super) reports: Marks,
    /// An older state of the store has come back.
    pub(super) was_restored: bool,
    /// What each number of a memory of an agent stood for, and when it was acknowledged last.
    pub(super) numbers: BTreeMap<(AgentId, SpoolEpoch, u64), (u64, Mono)>,
    /// Numbers that stood for two samples.
    pub(super) twice: Vec<(AgentId, u64)>,
    /// When each sample was made, and of which host.
    pub(super) samples: BTreeMap<u64, (Mono, String)>,
    /// What was seen to be wrong at once.
    pub(super) broken: Vec<String>,
    /// How often servers gave each answer.
    pub(super) answers: BTreeMap<String, u64>,
    /// Backups that were made while tasks were handed out and not yet taken, or taken and not yet started.
    pub(super) backups: Vec<Backup>,
    /// Tasks that had succeeded when a goodbye was answered which named another attempt than the present.
    pub(super) left_with: Vec<(TaskId, Attempt, Attempt)>,
    /// How many starts there were.
    all_starts: usize,
    /// Whether any are made: only where one is to be put back.
    backs_up: bool,
    /// The rows as the running server has them.
    rows: Option<MemoryStore>,
    /// Since when it is seen that there are two of an agent and nobody has decided.
    held: BTreeMap<AgentId, Mono>,
}

/// How long a server may go by what it has read of an agent, and a little more.
const TRUST: Duration = Duration::from_secs(2);

/// One start of a handler.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) at: Mono,
    pub(super) kind: Kind,
    pub(super) agent: AgentId,
    pub(super) host: String,
    /// When its handler was through, or gone with its process.
    pub(super) until: Option<Mono>,
}

impl All {
    /// The attempt that a task is at, in the rows.
    fn attempt(&self, task: TaskId) -> Option<Attempt> {
        let rows = self.rows.as_ref()?;
        rows.peek(task, |task| task.state.attempt)
    }

    /// The same, unless it has ended.
    fn open_attempt(&self, task: TaskId) -> Option<Attempt> {
        let rows = self.rows.as_ref()?;
        let open = |task: &Task| task.state.outcome().is_none().then_some(task.state.attempt);
        rows.peek(task, open).flatten()
    }

    /// A goodbye that names an attempt which is over ends nothing.
    fn heard(&mut self, (task, attempt): (TaskId, Attempt), before: Attempt) {
        if attempt == before || self.attempt(task) == Some(attempt) {
            return;
        }
        let rows = self.rows.as_ref();
        let state = rows.and_then(|rows| rows.peek(task, |task| task.state.name()));
        if state == Some(StateName::Succeeded) {
            self.left_with.push((task, attempt, before));
        }
    }

    /// Makes a backup half of the time, where one is to be put back.
    fn back_up(&mut self, world: &World) {
        let rows = self.rows.as_ref();
        let rows = rows.filter(|_| self.backs_up && world.chance(500));
        if let Some(rows) = rows.map(MemoryStore::backup) {
            let marks = self.reports.clone();
            self.backups.push((world.now(), rows, marks));
        }
    }
}

impl Journal {
    pub(super) fn new(world: &World, plan: &Plan) -> Self {
        let mut faults = plan.faults.iter();
        let backs_up = faults.any(|fault| fault.fault == Fault::RestoreServer);
        let all = All {
            backs_up,
            ..All::default()
        };
        Self {
            world: world.clone(),
            all: Arc::new(Mutex::new(all)),
        }
    }

    /// Whether backups are made, because one is to be put back.
    pub(super) fn backs_up(&self) -> bool {
        self.all().backs_up
    }

    pub(super) fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that servers write from now on.
    pub(super) fn look_at(&self, rows: &MemoryStore) {
        let mut all = self.all();
        all.rows = Some(rows.clone());
        all.held.clear();
    }

    /// Whether it is seen that there are two of an agent and nobody has decided.
    pub(super) fn holds(&self, agent: AgentId, held: bool) {
        let now = self.world.now();
        let mut all = self.all();
        if held {
            all.held.entry(agent).or_insert(now);
        } else {
            all.held.remove(&agent);
        }
    }

    /// A handler starts.
    pub(super) fn starts(
        &self,
        (task, attempt): (TaskId, Attempt),
        kind: Kind,
        (agent, host): (AgentId, &str),
        by_calls: bool,
    ) -> Runs {
        let at = self.world.now();
        self.world
            .tell(|| format!("{host} starts {task}, attempt {attempt}"));
        let number = u64::from_le_bytes(task.as_bytes()[8..].try_into().unwrap_or_default());
        self.world.mark(number ^ u64::from(attempt.0));
        let mut all = self.all();
        if by_calls && !all.accepted.contains(&(task, attempt)) {
            let text = format!(
                "task {task} started at {host} as attempt {attempt} before a server said that it may"
            );
            all.broken.push(text);
        }
        all.all_starts += 1;
        let number = all.all_starts;
        let starts = all.starts.entry(task).or_default();
        starts.push(Start {
            at,
            kind,
            agent,
            host: host.to_owned(),
            until: None,
        });
        Runs {
            journal: self.clone(),
            task,
            nth: starts.len() - 1,
            number,
        }
    }

    /// A host is measured; gives which sample of all it is.
    pub(super) fn samples(&self, host: &str) -> f64 {
        let at = self.world.now();
        let mut all = self.all();
        let number = f64::from(u32::try_from(all.samples.len()).unwrap_or(u32::MAX));
        all.samples.insert(number.to_bits(), (at, host.to_owned()));
        number
    }

    /// A handler has this result.
    pub(super) fn ends(&self, task: TaskId, result: &[u8]) {
        let mut all = self.all();
        all.results.entry(task).or_default().insert(result.to_vec());
    }

    /// What really happened ends for this start.
    fn stops(&self, task: TaskId, nth: usize) {
        let at = self.world.now();
        let mut all = self.all();
        let start = all
            .starts
            .get_mut(&task)
            .and_then(|starts| starts.get_mut(nth));
        if let Some(start) = start {
            start.until = Some(at);
        }
    }
}

/// Lives as long as a handler runs.
#[derive(Debug)]
pub(super) struct Runs {
    journal: Journal,
    task: TaskId,
    nth: usize,
    /// Which start of all it is.
    pub(super) number: usize,
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.journal.stops(self.task, self.nth);
    }
}

/// Which sample a report is; none if it is a mean of several, or no agent of the fleet has sent it.
pub(super) fn sample(report: &Report) -> Option<u64> {
    let mut gauges = report.gauges.iter().filter(|_| report.thinned.is_none());
    let sample = gauges.find(|(name, _)| name == "sim.sample");
    sample.map(|(_, sample)| sample.to_bits())
}

impl Tap for Journal {
    fn refused(&self, reason: RefusalReason) {
        let word = format!("opening refused {}", reason.as_str());
        *self.all().answers.entry(word).or_default() += 1;
    }

    fn before(&self, agent: AgentId, command: &Command) -> Vec<Option<Attempt>> {
        match command {
            // Says by its length whether the agent has to wait.
            Command::RequestWork(_) => {
                let held = self.all().held.get(&agent).copied();
                let late = held.filter(|since| self.world.now().since(*since) > TRUST);
                late.map(|_| None).into_iter().collect()
            }
            Command::Update(update) => {
                let (all, items) = (self.all(), update.items.iter());
                items.map(|item| all.attempt(item.task)).collect()
            }
            Command::Goodbye(goodbye) => {
                let (all, task) = (self.all(), goodbye.task.iter());
                task.map(|(task, _)| all.open_attempt(*task)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn after(
        &self,
        agent: AgentId,
        command: &Command,
        before: &[Option<Attempt>],
        answer: &Response,
    ) {
        let at = self.world.now();
        let mut all = self.all();
        let word = match answer {
            Response::Refused(refusal) => format!("refused {}", refusal.reason.as_str()),
            Response::Welcome(_) => "welcome".to_owned(),
            Response::Ack { .. } => "ack".to_owned(),
            Response::Work(work) if work.is_empty() => "work: none".to_owned(),
            Response::Work(_) | Response::Assigned(_) => "work".to_owned(),
            Response::Verdicts(_) => "verdicts".to_owned(),
            Response::Busy { .. } => "busy".to_owned(),
            Response::Unsupported => "unsupported".to_owned(),
        };
        *all.answers.entry(word).or_default() += 1;
        let asked_while_held = matches!(command, Command::RequestWork(_)) && !before.is_empty();
        if asked_while_held && all.held.contains_key(&agent) {
            *all.answers.entry("work: held".to_owned()).or_default() += 1;
            let given = match answer {
                Response::Work(work) => &*work.tasks,
                Response::Assigned(assigned) => &*assigned.work.tasks,
                _ => &[],
            };
            if let Some(task) = given.first() {
                let task = task.task;
                let text = format!(
                    "task {task} was handed out though there were two of its agent and nobody had decided"
                );
                all.broken.push(text);
            }
        }
        match (command, answer) {
            (Command::RequestWork(_), Response::Work(work)) if !work.tasks.is_empty() => {
                all.back_up(&self.world);
            }
            (Command::RequestWork(_), Response::Assigned(_)) => all.back_up(&self.world),
            (Command::Update(update), Response::Verdicts(verdicts)) => {
                let accepts = |item: &UpdateItem| matches!(item.event, AgentEvent::Accept { .. });
                if update.items.iter().any(accepts) {
                    all.back_up(&self.world);
                }
                for ((item, verdict), attempt) in update.items.iter().zip(verdicts).zip(before) {
                    let word = match verdict {
                        Verdict::Ok => "verdict ok",
                        Verdict::Stale => "verdict stale",
                        Verdict::Unknown => "verdict unknown",
                        Verdict::Refused(_) => "verdict refused",
                    };
                    *all.answers.entry(word.to_owned()).or_default() += 1;
                    if *verdict != Verdict::Ok {
                        continue;
                    }
                    // It may have been handed out anew while this was on its way.
                    let later = all.attempt(item.task);
                    let before = attempt.is_some_and(|before| item.attempt < before);
                    let beyond = later.is_some_and(|later| item.attempt > later);
                    if before || beyond {
                        let text = format!(
                            "task {}: a word of attempt {} was taken while it was at {attempt:?}",
                            item.task, item.attempt
                        );
                        all.broken.push(text);
                    }
                    match &item.event {
                        AgentEvent::Accept { .. } => {
                            all.accepted.insert((item.task, item.attempt));
                        }
                        AgentEvent::Finish(finish) => {
                            let which = (item.task, item.attempt);
                            all.acknowledged.push((at, which, finish.clone()));
                        }
                        _ => {}
                    }
                }
            }
            (
                Command::Submit(submit),
                Response::Ack {
                    through: Some(through),
                },
            ) => {
                let key = (agent, submit.epoch);
                // What lies before the first went to a past that was taken back, or it is missing.
                let first = if all.was_restored { submit.after } else { 0 };
                let mark = all.reports.entry(key).or_insert((first, first));
                mark.1 = mark.1.max(*through);
                for report in submit
                    .reports
                    .iter()
                    .filter(|report| report.seq <= *through)
                {
                    let Some(sample) = sample(report) else {
                        continue;
                    };
                    let key = (agent, submit.epoch, report.seq);
                    let known = all.numbers.entry(key).or_insert((sample, at));
                    known.1 = at;
                    if known.0 != sample {
                        all.twice.push((agent, report.seq));
                    }
                }
            }
            (Command::Goodbye(goodbye), Response::Ack { .. }) => {
                let before = before.first().copied().flatten();
                if let Some((task, before)) = goodbye.task.zip(before) {
                    all.heard(task, before);
                }
            }
            _ => {}
        }
    }
}
