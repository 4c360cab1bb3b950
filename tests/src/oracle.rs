//! [`Oracle`]: remembers what a server has accepted, and says afterwards whether all of it came to
//! the one end that it may have.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Api, Journal};

/// The longest that accepted tasks may take to end once everything runs again.
const LIMIT: Duration = Duration::from_secs(30);

/// The ttl of a task that has to start soon or never, in seconds.
const SOON: f64 = 0.02;

/// What somebody wants of a task beside that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Whole,
    /// That it is cancelled, as soon as it is known.
    Cancelled,
    /// That it starts within 20 ms, or never.
    Soon,
}

/// A task that somebody asked for.
#[derive(Debug)]
struct Asked {
    key: String,
    kind: String,
    input: u64,
    wish: Wish,
    /// Its id, once the server has answered.
    id: Option<String>,
    /// How often the agent had been killed when it was asked for.
    kills: usize,
    /// How it ended, when that was first seen: the task's state and outcome.
    end: Option<(String, Value)>,
    /// How often the agent had been killed by then.
    kills_then: usize,
}

/// Asks for tasks and remembers the answers.
#[derive(Debug, Default)]
pub struct Oracle {
    asked: Vec<Asked>,
    kills: usize,
    place: u64,
}

/// What became of the tasks.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// Accepted tasks.
    pub tasks: usize,
    /// How many ended in each state.
    pub states: BTreeMap<String, usize>,
    /// Tasks that were started more than once and must not be.
    pub double_starts: usize,
    /// Accepted tasks that the server does not know any more, or that never end.
    pub lost: usize,
    /// Reports that the server has.
    pub reports: usize,
    /// Whatever else is not as promised, in words.
    pub broken: Vec<String>,
}

impl Oracle {
    /// One that has asked for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a task. Whether there is an answer is remembered; [`confirm`](Self::confirm) asks
    /// again for those without one.
    ///
    /// # Panics
    /// If the server refuses it for another reason than that it cannot keep it.
    pub fn ask(&mut self, api: &Api, agent: &str, kind: &str, input: u64) {
        self.ask_for(api, agent, kind, input, Wish::Whole);
    }

    /// The same with a wish. What a server answers to a cancel is remembered if it is an end.
    ///
    /// # Panics
    /// As [`ask`](Self::ask) does.
    pub fn ask_for(&mut self, api: &Api, agent: &str, kind: &str, input: u64, wish: Wish) {
        self.place += 1;
        let mut asked = Asked {
            key: format!("key-{}", self.place),
            kind: kind.to_owned(),
            input,
            wish,
            id: None,
            kills: self.kills,
            end: None,
            kills_then: 0,
        };
        asked.ask(api, agent);
        if wish == Wish::Cancelled {
            asked.cancel(api, self.kills);
        }
        self.asked.push(asked);
    }

    /// Asks again for each task that nobody has answered for: the key makes it the same task.
    /// Whether all are answered now.
    pub fn confirm(&mut self, api: &Api, agent: &str) -> bool {
        let mut all = true;
        for asked in self.asked.iter_mut().filter(|asked| asked.id.is_none()) {
            all &= asked.ask(api, agent);
        }
        all
    }

    /// The agent was killed: what it was doing may be interrupted.
    pub const fn agent_was_killed(&mut self) {
        self.kills += 1;
    }

    /// Looks until all tasks have ended, asking again for those without an answer. Whether they have,
    /// in half a minute.
    pub fn settle(&mut self, api: &Api, agent: &str) -> bool {
        self.settle_while(api, agent, LIMIT, || true)
    }

    /// The same for so long at most, and only while this is so.
    pub fn settle_while(
        &mut self,
        api: &Api,
        agent: &str,
        limit: Duration,
        mut alive: impl FnMut() -> bool,
    ) -> bool {
        let start = Instant::now();
        let kills = self.kills;
        while !self.asked.iter().all(|asked| asked.end.is_some()) {
            if start.elapsed() > limit || !alive() {
                return false;
            }
            for asked in self.asked.iter_mut().filter(|asked| asked.end.is_none()) {
                asked.look(api, agent, kills);
            }
        }
        true
    }

    /// Reads everything once more, and compares.
    #[must_use]
    pub fn check(&self, api: &Api, journal: &Journal) -> Counts {
        let mut counts = Counts {
            tasks: self.asked.len(),
            ..Counts::default()
        };
        let mut ids = HashMap::new();
        for asked in &self.asked {
            let Some(id) = &asked.id else {
                counts
                    .broken
                    .push(format!("{} was never answered", asked.key));
                continue;
            };
            if let Some(other) = ids.insert(id.clone(), &asked.key) {
                counts
                    .broken
                    .push(format!("{other} and {} are one task", asked.key));
            }
            let task = api.task(id);
            let Some((state, outcome)) = end(&task) else {
                counts.lost += 1;
                counts.broken.push(format!("lost: {} {task}", asked.kind));
                continue;
            };
            *counts.states.entry(state.clone()).or_default() += 1;
            let (starts, ends) = (journal.starts(id), journal.ends(id));
            let mut say = |what: &str| {
                let text = format!(
                    "{what}: {} {starts} starts {ends} ends {} to {} kills {task}",
                    asked.kind, asked.kills, asked.kills_then
                );
                counts.broken.push(text);
            };
            if asked.end != Some((state.clone(), outcome)) {
                say("an end has changed");
            }
            if starts > 1 && !asked.is_idempotent() {
                counts.double_starts += 1;
                say("started twice");
            }
            match state.as_str() {
                "succeeded" if starts == 0 || ends == 0 => say("succeeded without having run"),
                "succeeded" => {}
                "interrupted" if asked.losses() > 0 && !asked.may_be_queued_again() => {}
                // Both promise that it has never started.
                "cancelled" if asked.wish == Wish::Cancelled && starts == 0 => {}
                "expired" if asked.wish == Wish::Soon && starts == 0 => {}
                // Given up while its start was being kept, which the server may know already.
                "stopped" if starts == 0 && asked.explains(&task["outcome"]["error"]["code"]) => {}
                // It was lost so often that it is taken for the cause.
                "failed" if asked.losses() >= 3 && asked.is_idempotent() => {}
                _ => say("an end without a reason"),
            }
            let ends_shown = ends_in(&task);
            if ends_shown != 1 {
                say(&format!("{ends_shown} ends in its timeline"));
            }
        }
        counts
    }
}

impl Counts {
    /// Compares the reports of an agent: each number once, and what is missing was counted.
    pub fn check_reports(&mut self, api: &Api, agent: &str) {
        let seqs = api.seqs(agent);
        let (_, shown) = api.get(&format!("/api/v1/agents/{agent}"));
        let dropped = shown["dropped"].as_u64().unwrap_or(u64::MAX);
        let last = seqs.last().copied().unwrap_or_default();
        let rising = seqs.windows(2).all(|pair| pair[0] < pair[1]);
        let there = u64::try_from(seqs.len()).unwrap_or(u64::MAX);
        if !rising || last != there.saturating_add(dropped) {
            let text = format!("reports: {dropped} dropped, {seqs:?}");
            self.broken.push(text);
        }
        self.reports += seqs.len();
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.tasks += other.tasks;
        self.double_starts += other.double_starts;
        self.lost += other.lost;
        self.reports += other.reports;
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
        self.broken.extend(other.broken);
        self
    }

    /// # Panics
    /// If anything is not as promised.
    pub fn assert_kept(&self) {
        assert!(
            self.broken.is_empty() && self.lost == 0 && self.double_starts == 0,
            "{self}\n{}",
            self.broken.join("\n")
        );
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} tasks", self.tasks)?;
        for (state, count) in &self.states {
            write!(f, " · {count} {state}")?;
        }
        write!(
            f,
            " · {} double starts · {} lost · {} reports · {} other faults",
            self.double_starts,
            self.lost,
            self.reports,
            self.broken.len()
        )
    }
}

impl Asked {
    fn is_idempotent(&self) -> bool {
        self.kind.ends_with("-again")
    }

    /// Whether what was wished for is why it was given up with this code.
    fn explains(&self, code: &Value) -> bool {
        let wanted = match self.wish {
            Wish::Whole => return false,
            Wish::Cancelled => "cancelled",
            Wish::Soon => "expired",
        };
        code == wanted
    }

    fn may_be_queued_again(&self) -> bool {
        self.is_idempotent() && self.wish == Wish::Whole
    }

    /// How often the agent was killed while it may have had the task.
    const fn losses(&self) -> usize {
        self.kills_then - self.kills
    }

    /// Whether it has ended, after a short wait.
    fn look(&mut self, api: &Api, agent: &str, kills: usize) {
        if self.id.is_none() && !self.ask(api, agent) {
            thread::sleep(Duration::from_millis(20));
            return;
        }
        let id = self.id.clone().unwrap_or_default();
        match api.try_get(&format!("/api/v1/tasks/{id}?wait=0.1")) {
            Some((200, task)) => {
                self.end = end(&task);
                self.kills_then = kills;
            }
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }

    /// Asks once; whether that was heard may stay open.
    fn cancel(&mut self, api: &Api, kills: usize) {
        let Some(id) = &self.id else { return };
        let answer = api.try_post(&format!("/api/v1/tasks/{id}/cancel"), &Value::Null);
        if let Some((202, task)) = answer {
            self.end = end(&task);
            self.kills_then = kills;
        }
    }

    fn ask(&mut self, api: &Api, agent: &str) -> bool {
        let mut body = json!({
            "kind": self.kind, "input": self.input, "idempotency_key": self.key
        });
        if self.wish == Wish::Soon {
            body["ttl_seconds"] = json!(SOON);
        }
        let Some((status, task)) = api.try_post(&format!("/api/v1/agents/{agent}/tasks"), &body)
        else {
            return false;
        };
        if status == 503 {
            return false;
        }
        assert!(matches!(status, 200 | 201), "{status} {task}");
        self.id = task["id"].as_str().map(str::to_owned);
        self.id.is_some()
    }
}

/// State and outcome of a task that has ended.
fn end(task: &Value) -> Option<(String, Value)> {
    let state = task["state"].as_str()?.to_owned();
    (!task["outcome"].is_null()).then(|| (state, task["outcome"].clone()))
}

/// How many entries of the timeline are ends, but for late evidence.
fn ends_in(task: &Value) -> usize {
    let state = &task["state"];
    let entries = task["timeline"].as_array().into_iter().flatten();
    let mut ends = 0;
    let mut ended = false;
    for entry in entries {
        let is_end = &entry["state"] == state;
        if is_end && !ended {
            ends += 1;
            ended = true;
        } else if ended && !is_end {
            ends += 1;
        }
    }
    ends
}
