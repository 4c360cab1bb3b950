//! Carries a [`Plan`] out in a world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use widget_agent::Ended;
use widget_core::id::AgentId;
use widget_core::spool::LIMITS;
use widget_core::time::Mono;
use widget_server::ServerHandle;

use super::checks::{self, Scene};
use super::collector;
use super::findings::Findings;
use super::handlers::build;
use super::history::History;
use super::journal::{Backup, Journal};
use super::newcomers::Newcomers;
use super::oracle::{Asked, Oracle, SETTLE};
use super::plan::AgentPlan;
use super::rogue;
use super::{Coverage, Fault, Plan};
use crate::{Left, SimAgent, SimServer, Switchboard, World};

/// The host of the server.
pub(super) const SERVER: &str = "server";
/// How often supervisors look at their agents.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// How often a backup is made.
const BACKUP: Duration = Duration::from_secs(10);
/// A task that has to end after its agent is gone waits for that: no-word, and a ttl.
const FORSAKEN: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How often is looked once that takes long.
const LONG: Duration = Duration::from_secs(5);
/// How many reports an agent without a disk keeps that has little room.
const FEW_REPORTS: usize = 5;
/// More tasks than that in one world are a leak.
const MOST_TASKS: usize = 2_000;

pub(super) struct Party {
    pub(super) plan: AgentPlan,
    pub(super) agent: SimAgent,
    pub(super) clone: Option<SimAgent>,
    /// When its supervisor starts it again, if it does not run.
    pub(super) due: Option<Mono>,
    /// It is to end at one of the calls of its disk.
    pub(super) at_disk: Option<Fault>,
    /// Which fault has its disk refuse, and how often it had refused before.
    pub(super) refusing: Option<(usize, u64)>,
}

enum Action {
    Ask(usize),
    Cancel(usize),
    Begin(usize),
    End(usize),
    Look,
    Backup,
}

pub(super) struct Director {
    pub(super) world: World,
    pub(super) plan: Plan,
    pub(super) journal: Journal,
    pub(super) oracle: Oracle,
    pub(super) server: SimServer,
    pub(super) server_due: Option<Mono>,
    pub(super) parties: Vec<Party>,
    pub(super) backups: Vec<Backup>,
    pub(super) history: History,
    actions: BTreeMap<(Duration, u64), Action>,
    last: u64,
    pub(super) broken: Vec<String>,
    pub(super) coverage: Coverage,
    pub(super) board: Switchboard,
    newcomers: Newcomers,
}

impl Director {
    pub(super) fn new(world: &World, plan: Plan) -> Self {
        let board = Switchboard::default();
        let journal = Journal::new(world, &plan);
        board.tap(Arc::new(journal.clone()));
        let joined = plan.joined;
        let parties = plan.agents.iter().enumerate().map(|(number, plan)| {
            let id = AgentId::from_u128(number as u128 + 1);
            let host = format!("agent-{number}");
            let build = build(&journal, id, *plan, joined);
            let agent = SimAgent::new(world, &board, &host, id, (plan.way, SERVER), build);
            let agent = match (plan.durable, plan.small_spool) {
                (true, true) => agent.spool_limit(LIMITS.0),
                (true, false) => agent,
                (false, true) => agent.without_disk().keeps(FEW_REPORTS),
                (false, false) => agent.without_disk(),
            };
            Party {
                plan: *plan,
                agent,
                clone: None,
                due: None,
                at_disk: None,
                refusing: None,
            }
        });
        let parties = parties.collect();
        Self {
            parties,
            oracle: Oracle::new(world),
            server: match joined {
                true => SimServer::new(world, &board, SERVER)
                    .built_by(Arc::new(|server, _| server.expose())),
                false => SimServer::new(world, &board, SERVER),
            },
            server_due: None,
            backups: Vec::new(),
            history: History::default(),
            actions: BTreeMap::new(),
            last: 0,
            broken: Vec::new(),
            coverage: Coverage::default(),
            world: world.clone(),
            journal,
            plan,
            board,
            newcomers: Newcomers::default(),
        }
    }

    fn then(&mut self, at: Duration, action: Action) {
        self.last += 1;
        self.actions.insert((at, self.last), action);
    }

    fn passed(&self) -> Duration {
        self.world.now().since_start()
    }

    fn start_server(&mut self) {
        self.server.start();
        self.journal.look_at(self.server.rows());
        self.oracle.serves(&self.server);
        self.server_due = None;
    }

    pub(super) async fn run(mut self) -> Findings {
        self.let_in().await;
        self.start_server();
        for party in &mut self.parties {
            party.agent.start();
        }
        // So that the agents are known before they are asked for something.
        self.world.sleep(Duration::from_secs(1)).await;
        let strangers = self.plan.seed.is_multiple_of(3);
        if strangers {
            let chaos = self.plan.chaos;
            let joined = self.plan.joined;
            rogue::begin(&self.world, &self.board, &self.oracle, (chaos, joined));
            if joined {
                self.newcomers.begin(&self.world, &self.board, chaos);
            } else {
                collector::begin(&self.world, &self.board, &self.oracle, chaos);
            }
        }
        self.history.disturbed = !self.plan.faults.is_empty() || strangers;
        for number in 0..self.plan.tasks.len() {
            self.then(self.plan.tasks[number].at, Action::Ask(number));
        }
        for number in 0..self.plan.faults.len() {
            self.then(self.plan.faults[number].at, Action::Begin(number));
        }
        self.then(Duration::ZERO, Action::Look);
        self.then(Duration::ZERO, Action::Backup);
        while let Some(((at, _), _)) = self.actions.first_key_value() {
            let at = *at;
            if at > self.plan.chaos {
                break;
            }
            let now = self.passed();
            self.world.sleep(at.saturating_sub(now)).await;
            if let Some((_, action)) = self.actions.pop_first() {
                self.act(action).await;
            }
        }
        self.mend().await;
        self.settle().await;
        self.finish().await
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Ask(number) => {
                let plan = self.plan.tasks[number].clone();
                let agent = self.parties[plan.agent].agent.id();
                let cancel = plan.cancel;
                let number = self.oracle.ask(agent, &plan);
                if let Some(after) = cancel {
                    let at = self.passed() + after + Duration::from_millis(5);
                    self.then(at, Action::Cancel(number));
                }
            }
            Action::Cancel(number) => self.oracle.cancel(number),
            Action::Begin(number) => {
                let lasts = self.plan.faults[number].lasts;
                self.begin(number).await;
                let at = self.passed() + lasts;
                self.then(at, Action::End(number));
            }
            Action::End(number) => self.end(number),
            Action::Look => {
                self.look().await;
                let at = self.passed() + LOOK;
                self.then(at, Action::Look);
            }
            Action::Backup => {
                self.back_up();
                let at = self.passed() + BACKUP;
                self.then(at, Action::Backup);
            }
        }
    }

    /// What supervisors do, and what is to be true at every time.
    pub(super) async fn look(&mut self) {
        let now = self.world.now();
        if self.server_due.is_some_and(|due| due <= now) {
            self.start_server();
        }
        if self.server.has_died() {
            self.hear_refusals();
            self.server.kill();
            let wait = self.world.between(Duration::ZERO, Duration::from_secs(2));
            self.server_due = Some(now.after(wait));
            self.happened(Fault::KillServerAtStore);
        }
        let mut happened = Vec::new();
        for party in &mut self.parties {
            if party.agent.runs() {
                continue;
            }
            let id = party.agent.id();
            let Some(due) = party.due else {
                match party.agent.ended() {
                    Some(Ended::Shutdown) => *self.history.shut_down.entry(id).or_default() += 1,
                    Some(Ended::Restart) => *self.history.restarted.entry(id).or_default() += 1,
                    _ => {}
                }
                // It has ended by itself, or at one of the calls of its disk.
                let at_disk = party.at_disk.take();
                let at_disk = at_disk.filter(|_| party.agent.disk().ended().is_some());
                party.agent.kill(match at_disk {
                    Some(Fault::PowerCutAtDisk) => Left::Torn,
                    _ => Left::Written,
                });
                happened.extend(at_disk);
                self.history.died.push((id, now));
                let wait = self.world.between(Duration::ZERO, Duration::from_secs(2));
                party.due = Some(now.after(wait));
                continue;
            };
            if due <= now {
                party.due = None;
                let before = party.agent.memories().len();
                party.agent.start();
                if !party.plan.durable || party.agent.memories().len() > before {
                    self.history.forgot.push((id, now));
                }
            }
        }
        for fault in happened {
            self.happened(fault);
        }
        let tasks = self.world.tasks();
        if tasks > MOST_TASKS {
            self.broken
                .push(format!("{tasks} things go on at a time: some of them leak"));
        }
        self.oracle.look(self.server.rows());
        self.decide().await;
    }

    /// Nothing goes wrong from here on.
    async fn mend(&mut self) {
        self.world.tell(|| "all is mended".to_owned());
        for number in 0..self.plan.faults.len() {
            self.end(number);
        }
        for party in &mut self.parties {
            party.agent.disk().heal();
            party.at_disk = None;
        }
        self.server.faults().set_end(None);
        if self.server.handle().is_none() || self.server.has_died() {
            self.start_server();
        }
        // Strangers are gone for good, and with them what they hold.
        let until = self.world.now().after(SETTLE);
        for agent in [rogue::ROGUE, collector::COLLECTOR] {
            self.history.deleted.push((agent, until));
        }
        let now = self.world.now();
        for (number, party) in self.parties.iter_mut().enumerate() {
            if self.plan.forsaken && number == 0 {
                party.agent.kill(Left::Torn);
                party.due = Some(now.after(FORSAKEN * 2));
                self.history.died.push((party.agent.id(), now));
            } else if party.due.is_some() {
                party.due = Some(now);
            }
        }
    }

    /// Nothing is kept of strangers, and what they hold ends.
    pub(super) async fn dismiss_strangers(&self) {
        for agent in [rogue::ROGUE, collector::COLLECTOR] {
            self.oracle.delete(agent);
        }
        if self.plan.joined {
            // Also who was never told that it is let in.
            for agent in self.newcomers().await {
                self.oracle.delete(agent);
            }
        }
    }

    /// Waits until everything has ended.
    async fn settle(&mut self) {
        let mut begin = self.passed();
        let mut left = usize::MAX;
        let long = self.plan.forsaken;
        let limit = if long { FORSAKEN } else { SETTLE };
        // Times that were said by one clock pass by another: of who asked, then of the next process.
        let limit = limit + checks::clock_was_set(&self.plan) * 2;
        let mut pause = Duration::from_secs(1);
        loop {
            self.look().await;
            // Where there is time for it, what they hold ends because nobody names it.
            if !long || self.passed() - begin > FORSAKEN - SETTLE {
                self.dismiss_strangers().await;
            }
            for number in self.oracle.unanswered() {
                self.oracle.ask_again(number);
            }
            let now_left = self.oracle.look(self.server.rows());
            if now_left == 0 {
                return;
            }
            // An agent that takes one task at a time takes its time.
            if now_left < left {
                (left, begin) = (now_left, self.passed());
            }
            if self.passed() - begin > limit {
                return;
            }
            if self.passed() - begin > SETTLE {
                pause = if long { LONG * 12 } else { LONG };
            }
            self.world.sleep(pause).await;
        }
    }

    /// A fresh task for each agent, then all that must be true.
    async fn finish(mut self) -> Findings {
        self.fresh().await;
        let (asked, answers, broken) = {
            let oracle = self.oracle.all();
            (
                oracle.asked.clone(),
                oracle.answers.clone(),
                oracle.broken.clone(),
            )
        };
        self.broken.extend(broken);
        self.explain(&asked).await;
        self.broken.extend(self.lost_memories());
        self.broken.extend(self.newcomers.check(&self.history));
        self.hear_refusals();
        let journal = std::mem::take(&mut *self.journal.all());
        self.broken.extend(journal.broken.iter().cloned());
        let parties = self.parties.iter();
        let agents: Vec<_> = parties
            .map(|party| (party.agent.id(), party.plan, party.agent.host().to_owned()))
            .collect();
        let scene = Scene {
            plan: &self.plan,
            rows: self.server.rows(),
            asked: &asked,
            history: &self.history,
            journal: &journal,
            agents: &agents,
            now: self.world.now(),
        };
        let broken = checks::check(&scene, &mut self.coverage).await;
        self.broken.extend(broken);
        self.coverage.answers.extend(journal.answers);
        for (answer, count) in answers {
            *self.coverage.answers.entry(answer).or_default() += count;
        }
        for (what, count) in self.world.counts() {
            *self.coverage.counts.entry(what.to_owned()).or_default() += count;
        }
        let accepted = || asked.iter().filter(|asked| asked.accepted.is_some());
        let tasks = accepted().count();
        let calm_tasks = accepted().filter(|asked| asked.plan.at > self.plan.chaos);
        let calm_tasks = calm_tasks.count();
        // So that two runs which differ in what came of them differ in their hash.
        for (id, _) in accepted().filter_map(|asked| asked.accepted) {
            let end = self.server.rows().peek(id, |task| {
                let entries = task.timeline.len() as u64;
                entries << 32 | task.state.name() as u64
            });
            self.world.mark(end.unwrap_or(u64::MAX));
        }
        let faults = self.coverage.faults.values().sum();
        Findings {
            broken: self.broken,
            coverage: self.coverage,
            hash: self.world.hash(),
            tasks: tasks as u64,
            calm_tasks: calm_tasks as u64,
            faults,
            time: self.world.now().since_start(),
        }
    }

    /// Counts what the process of the server has refused; it is about to end.
    pub(super) fn hear_refusals(&mut self) {
        let refusals = self.server.handle().map(ServerHandle::refusals);
        for (reason, count) in refusals.unwrap_or_default() {
            let word = format!("counted as refused: {reason}");
            *self.coverage.answers.entry(word).or_default() += count;
        }
    }

    /// What the server itself says of tasks that have not ended.
    async fn explain(&mut self, asked: &[Asked]) {
        let open = asked.iter().filter(|asked| asked.end.is_none());
        for (id, _) in open.filter_map(|asked| asked.accepted) {
            let answer = self
                .server
                .ask(|handle| async move { handle.explain(id).await });
            if let Some(Ok(Some(why))) = answer.await {
                self.world
                    .tell(|| format!("{id} has not ended: {}", why.sentence));
            }
        }
    }

    /// Whether this agent is gone for good.
    pub(super) const fn is_forsaken(&self, number: usize) -> bool {
        self.plan.forsaken && number == 0
    }
}
