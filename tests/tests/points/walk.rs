//! [`Walk`]: the same short life again and again, hit one call later each time, until it gets through.

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use widget_tests::{Counts, Oracle, Rig, Strace, Way};

/// How long one that was hit has to go on by itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many calls of each kind fail when it is not only one. An agent tries again after 1, 2, 4 and 8
/// seconds.
const OFTEN: u32 = 2;
/// How long nothing must have been called until the walk goes on.
const QUIET: Duration = Duration::from_millis(150);

/// Which of the two is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Agent,
    Server,
}

/// What happens at the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, before it is done.
    Kill,
    /// It fails with this error.
    Once(&'static str),
    /// It fails, and so do the next ones.
    Often(&'static str),
}

/// A walk over the calls of one program.
#[derive(Debug)]
pub(crate) struct Walk {
    victim: Victim,
    fault: Fault,
    calls: String,
    step: u32,
    way: Way,
    rig: Rig,
    oracle: Oracle,
    agent: String,
    logs: TempDir,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    /// How often the victim was hit.
    pub(crate) hit: u32,
    /// How often it went on by itself.
    went_on: u32,
    /// How often it ended and was started again.
    ended: u32,
    /// How often it neither ended nor went on, and was killed and started again.
    hung: u32,
    pub(crate) counts: Counts,
}

impl Walk {
    pub(crate) fn new(victim: Victim, way: Way, calls: &str, fault: Fault) -> Self {
        let mut rig = Rig::new(way, 3_600_000).one_thread();
        rig.start_server();
        rig.start_agent();
        let agent = rig.agent_id();
        let _ = rig.api.reporting(&agent);
        Self {
            victim,
            fault,
            calls: calls.to_owned(),
            step: 1,
            way,
            rig,
            oracle: Oracle::new(),
            agent,
            logs: TempDir::new().unwrap(),
        }
    }

    /// Leaves calls out: only each so-manieth is hit.
    pub(crate) const fn step(mut self, step: u32) -> Self {
        self.step = step;
        self
    }

    pub(crate) fn run(mut self) -> Table {
        let name = format!(
            "{:?} {:?} {:?} {}",
            self.victim, self.way, self.fault, self.calls
        );
        let mut table = Table {
            name: name.clone(),
            hit: 0,
            went_on: 0,
            ended: 0,
            hung: 0,
            counts: Counts::default(),
        };
        let mut said = Vec::new();
        for number in (1..).step_by(self.step.try_into().unwrap()) {
            let strace = self.strace(number);
            let done = self.live(&strace);
            if done {
                self.quiet(&strace);
            }
            let ended = !self.is_alive();
            if !ended && strace.injected() == 0 {
                assert!(
                    done,
                    "{name} at {number}: nothing was hit, and yet it does not end: {:?} {:?} {:?}",
                    self.rig.said(),
                    self.oracle,
                    strace.calls()
                );
                break;
            }
            table.hit += 1;
            let words = self.rig.said();
            match (ended, done) {
                (true, _) => table.ended += 1,
                (false, true) => table.went_on += 1,
                (false, false) => {
                    table.hung += 1;
                    let calls = strace.calls().join("\n");
                    said.push(format!("{name} at {number}: hangs: {words}\n{calls}"));
                }
            }
            if words.contains("panicked") {
                said.push(format!("{} at {number}: a panic: {words}", table.name));
            }
            // One that ends by itself has to say why.
            let silent = ended && self.fault != Fault::Kill && !words.contains("widget-");
            if silent {
                said.push(format!("{} at {number}: ended without a word", table.name));
            }
            if !done || self.fault == Fault::Kill {
                self.kill();
                self.start();
            }
            if !self.oracle.settle(&self.rig.api, &self.agent) {
                said.push(format!("{} at {number}: not all tasks end", table.name));
                break;
            }
        }
        self.kill();
        self.start();
        table.counts = self.oracle.check(&self.rig.api, &self.rig.journal());
        table.counts.broken.extend(said);
        table
    }

    /// Waits for what is called after the tasks have ended: their last words are forgotten then.
    fn quiet(&mut self, strace: &Strace) {
        let (mut calls, mut since) = (0, Instant::now());
        while self.is_alive() && since.elapsed() < QUIET {
            let now = strace.calls().len();
            if now != calls {
                (calls, since) = (now, Instant::now());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn strace(&self, number: u32) -> Strace {
        let files: Vec<PathBuf> = match self.victim {
            Victim::Agent => ["spool.log", "spool.log.new"]
                .map(|name| self.rig.state().join(name))
                .into(),
            Victim::Server => ["widget.db", "widget.db-wal", "widget.db-journal"]
                .map(|name| self.rig.data().join(name))
                .into(),
        };
        let strace = Strace::new(&self.calls, files, &self.logs.path().join("strace"));
        match self.fault {
            Fault::Kill => strace.kill_at(number),
            Fault::Once(error) => strace.fail_at(error, number, 1),
            Fault::Often(error) => strace.fail_at(error, number, OFTEN),
        }
    }

    /// Starts the victim anew under strace and asks for two tasks. Whether they have ended before it
    /// did.
    fn live(&mut self, strace: &Strace) -> bool {
        self.kill();
        let started = match self.victim {
            Victim::Agent => {
                let command = strace.around(&self.rig.agent_command());
                self.rig.start_agent_as(command)
            }
            Victim::Server => {
                // An agent whose server goes away again and again waits longer and longer.
                self.rig.kill_agent();
                let command = strace.around(&self.rig.server_command());
                let started = self.rig.start_server_as(command);
                self.rig.start_agent();
                started
            }
        };
        for (kind, input) in [("quick", 0), ("slow", 5)] {
            if started {
                self.oracle.ask(&self.rig.api, &self.agent, kind, input);
            }
        }
        let program = match self.victim {
            Victim::Agent => self.rig.agent.as_mut(),
            Victim::Server => self.rig.server.as_mut(),
        };
        let program = program.unwrap();
        let alive = || program.is_running();
        let done = started
            && self
                .oracle
                .settle_while(&self.rig.api, &self.agent, PATIENCE, alive);
        if !started {
            // It is over, or nearly so.
            let _ = program.exit();
        }
        if !done && !program.is_running() && self.victim == Victim::Agent {
            self.oracle.agent_was_killed();
        }
        done
    }

    fn is_alive(&mut self) -> bool {
        let program = match self.victim {
            Victim::Agent => self.rig.agent.as_mut(),
            Victim::Server => self.rig.server.as_mut(),
        };
        program.is_some_and(widget_tests::Program::is_running)
    }

    fn kill(&mut self) {
        match self.victim {
            Victim::Agent => {
                self.rig.kill_agent();
                self.oracle.agent_was_killed();
            }
            Victim::Server => self.rig.kill_server(),
        }
    }

    fn start(&mut self) {
        match self.victim {
            Victim::Agent => self.rig.start_agent(),
            Victim::Server => self.rig.start_server(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<60} {:>3} hit · {} went on · {} ended · {} hung ·{}",
            self.name, self.hit, self.went_on, self.ended, self.hung, self.counts
        )
    }
}
