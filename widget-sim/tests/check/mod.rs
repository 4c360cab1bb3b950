//! A life of one server and two agents under seeded faults, and what must be true of its tasks and
//! reports afterwards, whoever carried or kept them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::or;
use widget_agent::TaskError;
use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::runtime::RuntimeExt;
use widget_core::store::{ReportQuery, ReportStore, TaskStore};
use widget_core::task::{Actor, StateName, Task};
use widget_core::time::{Mono, Timestamp};
use widget_core::transport::Transport;
use widget_sim::{
    Build, Carry, Left, Link, Open, SimAgent, SimRuntime, SimServer, Switchboard, Way, World,
};

const SERVER: &str = "server";
const AGENTS: [&str; 2] = ["one", "two"];

/// How long after the last fault everything must have come to rest: a connection that nobody told of
/// its end, a wait for work, a lease, and the longest handler.
const REST: Duration = Duration::from_secs(120);
/// How long a task may take that is queued after that.
const FRESH: Duration = Duration::from_secs(5);

/// Something of one's own around the way of each agent.
pub(crate) type Wrap = fn(Arc<dyn Transport>, &SimRuntime) -> Arc<dyn Transport>;

/// What kind of life.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) way: Way,
    /// How often something happens.
    pub(crate) steps: u32,
    /// Whether processes are killed, or the network alone is bad.
    pub(crate) kills: bool,
    pub(crate) wrap: Option<Wrap>,
    pub(crate) open: Option<Open>,
}

impl Setting {
    pub(crate) fn new(seed: u64, way: Way) -> Self {
        Self {
            seed,
            way,
            steps: 10,
            kills: true,
            wrap: None,
            open: None,
        }
    }
}

/// How a life went.
#[derive(Debug)]
pub(crate) struct Lived {
    /// A sentence for each promise that was broken.
    pub(crate) broken: Vec<String>,
    pub(crate) hash: u64,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// How many tasks ended in which state.
    pub(crate) ends: BTreeMap<StateName, u64>,
    /// How many reports were stored.
    pub(crate) reports: u64,
}

impl Lived {
    /// # Panics
    /// If a promise was broken.
    pub(crate) fn check(&self, setting: &Setting) {
        let Setting { seed, way, .. } = setting;
        let broken = self.broken.join("; ");
        assert!(broken.is_empty(), "seed {seed} by {way:?}: {broken}");
    }
}

/// Lives one life.
pub(crate) fn live(setting: &Setting) -> Lived {
    let world = World::new(setting.seed);
    let (setting, inner) = (setting.clone(), world.clone());
    let (broken, ends, reports) = world.run(async move {
        let mut life = Life::new(&inner, &setting);
        inner.sleep(Duration::from_secs(2)).await;
        for _ in 0..setting.steps {
            life.something_happens(setting.kills).await;
            life.tasks_come().await;
            let pause = inner.between(Duration::from_millis(100), Duration::from_secs(5));
            inner.sleep(pause).await;
        }
        life.heal();
        life.rest().await;
        life.what_comes_then_is_done_at_once().await;
        life.look().await;
        (life.broken, life.ends, life.reports)
    });
    let (hash, counts) = (world.hash(), world.counts());
    world.end();
    Lived {
        broken,
        hash,
        counts,
        ends,
        reports,
    }
}

struct Life {
    world: World,
    server: SimServer,
    agents: Vec<SimAgent>,
    starts: Arc<Mutex<BTreeMap<TaskId, u32>>>,
    asked: Vec<Asked>,
    /// When the process of which agent was killed.
    kills: Vec<(AgentId, Mono)>,
    broken: Vec<String>,
    ends: BTreeMap<StateName, u64>,
    reports: u64,
}

/// A task that the server answered as queued.
struct Asked {
    id: TaskId,
    agent: AgentId,
    input: Payload,
    at: Mono,
    cancelled: bool,
}

impl Life {
    fn new(world: &World, setting: &Setting) -> Self {
        let board = Switchboard::default();
        let mut server = SimServer::new(world, &board, SERVER);
        if let Some(open) = &setting.open {
            server = server.with_stores(Arc::clone(open));
        }
        server.start();
        let starts = Arc::default();
        let agents = (1..).zip(AGENTS).map(|(n, host)| {
            let (id, to) = (AgentId::from_u128(n), (setting.way, SERVER));
            let mut agent = SimAgent::new(world, &board, host, id, to, handlers(&starts));
            if let Some(wrap) = setting.wrap {
                let (way, board) = (setting.way, board.clone());
                let carry: Carry =
                    Arc::new(move |from| wrap(way.transport(from, &board, SERVER), from));
                agent = agent.carried_by(carry);
            }
            agent.start();
            agent
        });
        let agents = agents.collect();
        Self {
            world: world.clone(),
            server,
            agents,
            starts,
            asked: Vec::new(),
            kills: Vec::new(),
            broken: Vec::new(),
            ends: BTreeMap::new(),
            reports: 0,
        }
    }

    async fn something_happens(&mut self, kills: bool) {
        let n = self.world.below(self.agents.len() as u64) as usize;
        match self.world.below(if kills { 9 } else { 6 }) {
            0 => self.world.part(AGENTS[n], SERVER, true),
            1 => self.cut_one_way(AGENTS[n], SERVER),
            2 => self.cut_one_way(SERVER, AGENTS[n]),
            3 => self.both_ways(AGENTS[n], &bad()),
            4 => self.both_ways(AGENTS[n], &slow()),
            5 => self.both_ways(AGENTS[n], &Link::default()),
            6 => {
                self.server.kill();
                self.pause().await;
                self.server.start();
            }
            which => {
                let left = if which == 7 {
                    Left::Written
                } else {
                    Left::Torn
                };
                self.kills.push((self.agents[n].id(), self.world.now()));
                self.agents[n].kill(left);
                self.pause().await;
                self.agents[n].start();
            }
        }
    }

    fn cut_one_way(&self, from: &str, to: &str) {
        let is_cut = true;
        let link = self.world.link(from, to);
        self.world.set_link(from, to, Link { is_cut, ..link });
        self.world.count("cut one way");
    }

    fn both_ways(&self, agent: &str, link: &Link) {
        self.world.set_link(agent, SERVER, link.clone());
        self.world.set_link(SERVER, agent, link.clone());
        if link.delay.1 > Duration::from_secs(1) {
            self.world.count("link is slow");
        }
    }

    async fn pause(&self) {
        let most = Duration::from_secs(2);
        self.world
            .sleep(self.world.between(Duration::ZERO, most))
            .await;
    }

    async fn tasks_come(&mut self) {
        for _ in 0..self.world.below(4) {
            let agent = self.agents[self.world.below(2) as usize].id();
            let kind = if self.world.chance(500) {
                "echo"
            } else {
                "slow"
            };
            self.ask(agent, kind).await;
        }
        if self.world.chance(300) && !self.asked.is_empty() {
            let nth = self.world.below(self.asked.len() as u64) as usize;
            let id = self.asked[nth].id;
            let cancel = |server: widget_server::ServerHandle| async move {
                server.cancel(id, Actor::Api).await
            };
            // Whatever came of it: it may have been asked.
            self.asked[nth].cancelled = true;
            self.server.ask(cancel).await;
        }
    }

    async fn ask(&mut self, agent: AgentId, kind: &'static str) {
        let input = Payload::from_json_text(self.asked.len().to_string());
        let (at, given) = (self.world.now(), input.clone());
        let send = move |server: widget_server::ServerHandle| async move {
            server.send(agent, kind, given).await
        };
        if let Some(Ok(task)) = self.server.ask(send).await {
            self.asked.push(Asked {
                id: task.id,
                agent,
                input,
                at,
                cancelled: false,
            });
        }
    }

    fn heal(&self) {
        for agent in AGENTS {
            self.both_ways(agent, &Link::default());
        }
    }

    async fn task(&self, asked: &Asked) -> Option<Task> {
        self.server.rows().task(asked.id).await.unwrap()
    }

    async fn open(&self) -> Vec<String> {
        let mut open = Vec::new();
        for asked in &self.asked {
            match self.task(asked).await {
                Some(task) if !task.state.name().is_terminal() => {
                    open.push(format!("task {} is {}", asked.id, task.state.name()));
                }
                _ => {}
            }
        }
        for agent in &self.agents {
            let reports = agent.handle().unwrap().status().reports;
            if reports.pending > 2 {
                let (host, pending) = (agent.host(), reports.pending);
                open.push(format!("{host} has {pending} reports to deliver"));
            }
        }
        open
    }

    /// Everything ends in bounded time once the faults have.
    async fn rest(&mut self) {
        let begin = self.world.now();
        while !self.open().await.is_empty() && self.world.now().since(begin) < REST {
            self.world.sleep(Duration::from_secs(1)).await;
        }
        for open in self.open().await {
            self.break_promise(format!("{open}, {REST:?} after the last fault"));
        }
    }

    async fn what_comes_then_is_done_at_once(&mut self) {
        let before = self.asked.len();
        for n in 0..self.agents.len() {
            self.ask(self.agents[n].id(), "echo").await;
        }
        self.world.sleep(FRESH).await;
        if self.asked.len() != before + self.agents.len() {
            self.break_promise("no task can be queued though all faults are over".to_owned());
        }
        for asked in self.asked.split_off(before) {
            let state = self.task(&asked).await.map(|task| task.state.name());
            if state != Some(StateName::Succeeded) {
                let state = state.map_or("not there", StateName::as_str);
                let text = format!("a task that came after all faults is {state} after {FRESH:?}");
                self.break_promise(text);
            }
        }
    }

    async fn look(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        for asked in &asked {
            match self.task(asked).await {
                None => {
                    self.break_promise(format!("task {} was queued and is not there", asked.id));
                }
                Some(task) => self.look_at(asked, &task),
            }
        }
        for n in 0..self.agents.len() {
            self.look_at_reports(n).await;
        }
    }

    fn look_at(&mut self, asked: &Asked, task: &Task) {
        let (id, name) = (asked.id, task.state.name());
        *self.ends.entry(name).or_default() += 1;
        let starts = self.starts.lock().unwrap().get(&id).copied().unwrap_or(0);
        if starts > 1 {
            self.break_promise(format!("task {id} was started {starts} times"));
        }
        let ends = task.timeline.iter().filter(|e| e.state.is_terminal());
        if name.is_terminal() && ends.count() != 1 {
            self.break_promise(format!(
                "task {id} ended more than once: {:?}",
                task.timeline
            ));
        }
        let died = self
            .kills
            .iter()
            .any(|(agent, at)| *agent == asked.agent && *at >= asked.at);
        let wrong = match name {
            StateName::Succeeded if starts != 1 => Some("succeeded and was never started"),
            StateName::Succeeded => {
                let output = task.state.outcome().and_then(|end| end.output.clone());
                (output.as_ref() != Some(&asked.input)).then_some("has another task's output")
            }
            StateName::Interrupted if !died => Some("is interrupted though its agent lived"),
            StateName::Cancelled if starts > 0 => Some("is cancelled and was started"),
            StateName::Cancelled | StateName::Stopped if !asked.cancelled => {
                Some("is cancelled and nobody asked for it")
            }
            StateName::Interrupted | StateName::Cancelled | StateName::Stopped => None,
            // Said already.
            name if !name.is_terminal() => None,
            _ => Some("ended in a state that nothing here leads to"),
        };
        if let Some(wrong) = wrong {
            self.break_promise(format!("task {id} ({name}) {wrong}"));
        }
    }

    /// What an agent has measured since its first start is there, once each.
    async fn look_at_reports(&mut self, n: usize) {
        let agent = &self.agents[n];
        let (id, host) = (agent.id(), AGENTS[n]);
        let query = ReportQuery {
            agent: Some(id),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            before: None,
            limit: usize::MAX,
        };
        let stored = self.server.rows().reports(&query).await.unwrap();
        let dropped = agent.handle().unwrap().status().reports.dropped;
        let missing = self.server.rows().latest(&[id]).await.unwrap()[0].dropped;
        let seqs: BTreeSet<u64> = stored.iter().map(|row| row.report.seq).collect();
        let (count, last) = (stored.len(), seqs.last().copied().unwrap_or(0));
        let mut wrong = Vec::new();
        if dropped + missing > 0 {
            wrong.push(format!(
                "{dropped} reports of {host} are dropped, {missing} counted as such"
            ));
        }
        if count != seqs.len() {
            wrong.push(format!(
                "of {count} reports of {host} {} are doubles",
                count - seqs.len()
            ));
        }
        if seqs.len() as u64 != last {
            wrong.push(format!(
                "{host} said {last} reports, but {} are there",
                seqs.len()
            ));
        }
        // What it has not to deliver any more was acknowledged.
        let newest = stored.iter().map(|row| row.report.at).max();
        let age = newest.map(|at| self.server.handle().unwrap().wall().since(at));
        if age.is_none_or(|age| age > FRESH) {
            wrong.push(format!(
                "the newest report of {host} is {age:?} old, though it has none left to deliver"
            ));
        }
        self.reports += count as u64;
        wrong.into_iter().for_each(|text| self.break_promise(text));
    }

    fn break_promise(&mut self, text: String) {
        self.world.tell(|| format!("BROKEN: {text}"));
        self.broken.push(text);
    }
}

/// Repeats packets and ends connections now and then.
fn bad() -> Link {
    Link {
        lost: 100,
        repeated: 100,
        resets: 60,
        ..Link::default()
    }
}

fn slow() -> Link {
    Link {
        delay: (Duration::from_millis(300), Duration::from_secs(4)),
        ..Link::default()
    }
}

/// One handler that answers at once and one that takes its time; none may be started twice.
fn handlers(starts: &Arc<Mutex<BTreeMap<TaskId, u32>>>) -> Build {
    let starts = Arc::clone(starts);
    Arc::new(move |builder, runtime| {
        let count = {
            let starts = Arc::clone(&starts);
            move |id| *starts.lock().unwrap().entry(id).or_default() += 1
        };
        let (quick, world) = (count.clone(), runtime.world().clone());
        builder
            .on_raw("echo", move |cx, input| {
                quick(cx.id());
                async move { Ok(input) }
            })
            .on_raw("slow", move |cx, input| {
                count(cx.id());
                let time = world.between(Duration::ZERO, Duration::from_secs(15));
                async move {
                    let done = async {
                        cx.runtime().sleep(time).await;
                        Ok(input)
                    };
                    let ended = async {
                        cx.cancelled().await;
                        Err(TaskError::new("asked", "somebody asked for the end"))
                    };
                    or(ended, done).await
                }
            })
    })
}
