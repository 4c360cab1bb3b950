//! [`Plan`]: all that is to happen in one world, made from its seed.

use std::time::Duration;

use widget_core::testkit::fixtures::Noise;

use super::Fault;
use crate::{Way, World};

/// What one world is to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed of the world itself: of delays, of the order of turns.
    pub seed: u64,
    /// The fleet.
    pub agents: Vec<AgentPlan>,
    /// What is asked of it.
    pub tasks: Vec<TaskPlan>,
    /// What goes wrong.
    pub faults: Vec<FaultPlan>,
    /// For so long things go wrong; then all is mended.
    pub chaos: Duration,
    /// The first agent is gone for good when all is mended, and two days are waited.
    pub forsaken: bool,
    /// Its agents have joined and prove who they are; else they are taken at their word.
    pub joined: bool,
}

/// One agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentPlan {
    /// It keeps what it has on its disk.
    pub durable: bool,
    /// It has as little room as there may be: on a disk for 2 MiB, without one for a handful of reports.
    pub small_spool: bool,
    /// How it speaks to its server.
    pub way: Way,
    /// How many tasks it takes at a time.
    pub tasks: usize,
    /// How often it reports.
    pub interval: Duration,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlan {
    /// When it is asked for.
    pub at: Duration,
    /// For which agent.
    pub agent: usize,
    /// What its handler does.
    pub kind: Kind,
    /// For how long.
    pub lasts: Duration,
    /// Its ttl.
    pub ttl: Option<Duration>,
    /// Its timeout.
    pub timeout: Option<Duration>,
    /// It is not to be handed out so soon.
    pub not_before: Option<Duration>,
    /// Its priority.
    pub priority: i16,
    /// Its ordering key.
    pub key: Option<u8>,
    /// So long after its acceptance it is cancelled.
    pub cancel: Option<Duration>,
}

impl TaskPlan {
    /// One that is asked for now and has nothing special.
    pub(super) fn plain(world: &World, agent: usize, kind: Kind) -> Self {
        Self {
            at: world.now().since_start(),
            agent,
            kind,
            lasts: Duration::ZERO,
            ttl: None,
            timeout: None,
            not_before: None,
            priority: 0,
            key: None,
            cancel: None,
        }
    }
}

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It runs for a while and has its result; asked to give up, it does.
    Plain,
    /// It does not hear that it is asked to give up.
    Stubborn,
    /// It says how far it is, and writes.
    Chatty,
    /// It blocks.
    Blocking,
    /// It can be tried again, and fails now and then.
    Again,
    /// It panics.
    Panics,
    /// It fails for good.
    Fails,
    /// It ends its own process, and can be tried again.
    Deadly,
    /// It ends its own process, once.
    DeadlyOnce,
    /// No agent has a handler for it.
    Unknown,
    /// It ends the agent; supervisors start it again.
    Shutdown,
    /// It starts the agent anew.
    Restart,
    /// It starts the host anew.
    Reboot,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Plain,
        Self::Stubborn,
        Self::Chatty,
        Self::Blocking,
        Self::Again,
        Self::Panics,
        Self::Fails,
        Self::Deadly,
        Self::DeadlyOnce,
        Self::Unknown,
        Self::Shutdown,
        Self::Restart,
        Self::Reboot,
    ];

    /// Its name, by which it is asked for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Stubborn => "stubborn",
            Self::Chatty => "chatty",
            Self::Blocking => "blocking",
            Self::Again => "again",
            Self::Panics => "panics",
            Self::Fails => "fails",
            Self::Deadly => "deadly",
            Self::DeadlyOnce => "deadly-once",
            Self::Unknown => "unknown",
            Self::Shutdown => "shutdown",
            Self::Restart => "restart",
            Self::Reboot => "reboot",
        }
    }

    /// Whether it ends its agent, and with it what else runs there.
    #[must_use]
    pub const fn ends_a_process(self) -> bool {
        matches!(
            self,
            Self::Shutdown | Self::Restart | Self::Reboot | Self::Deadly | Self::DeadlyOnce
        )
    }

    /// Whether its result is its own, and not that its process or host has ended.
    #[must_use]
    pub(super) const fn is_journaled(self) -> bool {
        !matches!(self, Self::Shutdown | Self::Restart | Self::Reboot)
    }

    /// Whether its handler may fail.
    #[must_use]
    pub const fn may_fail(self) -> bool {
        !matches!(
            self,
            Self::Plain | Self::Stubborn | Self::Chatty | Self::Blocking | Self::DeadlyOnce
        )
    }

    /// Whether it may start more than once.
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Again | Self::Deadly)
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// When it begins.
    pub at: Duration,
    /// Of which agent, if it is of one.
    pub agent: usize,
    /// What it is.
    pub fault: Fault,
    /// For how long; how far, if a clock is set.
    pub lasts: Duration,
}

const SECOND: u64 = 1_000;

impl Plan {
    /// The plan of this seed: about seventy tasks and twenty-five faults, of which twenty come about. The director and the strangers add
    /// tasks of their own.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        // Not the noise of the world, which has the same seed.
        let mut dice = Dice(Noise::new(seed ^ 0x5eed_5eed_5eed_5eed));
        let mut agents: Vec<AgentPlan> = (0..dice.from(1, 3)).map(|_| dice.agent()).collect();
        let chaos = Duration::from_millis(dice.from(20, 84) * SECOND);
        let tasks = dice.from(36, 99);
        let mut tasks: Vec<TaskPlan> = (0..tasks).map(|_| dice.task(agents.len(), chaos)).collect();
        // Some worlds are calm: then nothing excuses anything.
        let count = if dice.of(20) { 0 } else { dice.from(15, 39) };
        if count == 0 {
            tasks.retain(|task| !task.kind.ends_a_process());
        }
        let joined = !seed.is_multiple_of(2);
        let rare = Rare {
            restore: dice.of(8),
            clone: dice.of(12),
            // Who has joined and is deleted never comes back under its id.
            delete: dice.of(4) && !joined,
        };
        let faults = (0..count).map(|_| dice.fault(agents.len(), chaos, &rare));
        let faults = faults.collect();
        let forsaken = dice.of(400);
        if forsaken {
            // Two days of reports would take as long as a hundred other worlds.
            for agent in &mut agents {
                agent.interval = Duration::from_secs(60);
            }
        }
        Self {
            seed,
            faults,
            agents,
            tasks,
            chaos,
            forsaken,
            joined,
        }
    }
}

/// Which of the faults that excuse something may come.
struct Rare {
    restore: bool,
    clone: bool,
    delete: bool,
}

struct Dice(Noise);

impl Dice {
    fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    /// Once in so many times.
    fn of(&mut self, times: u64) -> bool {
        self.0.below(times) == 0
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.from(least, most))
    }

    /// Mostly short, at times long.
    fn mostly_short(&mut self) -> Duration {
        match self.0.below(10) {
            0..6 => self.millis(0, 300),
            6..9 => self.millis(300, 3 * SECOND),
            _ => self.millis(3 * SECOND, 20 * SECOND),
        }
    }

    fn within(&mut self, chaos: Duration) -> Duration {
        Duration::from_millis(self.0.below(chaos.as_millis() as u64))
    }

    fn agent(&mut self) -> AgentPlan {
        AgentPlan {
            durable: !self.of(6),
            small_spool: self.of(5),
            way: match self.0.below(20) {
                0 => Way::Tcp,
                1 => Way::Http,
                _ => Way::Calls,
            },
            tasks: match self.0.below(4) {
                0 => self.from(1, 4) as usize,
                _ => 64,
            },
            interval: Duration::from_secs(self.from(2, 5)),
        }
    }

    fn task(&mut self, agents: usize, chaos: Duration) -> TaskPlan {
        let kind = match self.0.below(200) {
            0..90 => Kind::Plain,
            90..105 => Kind::Stubborn,
            105..115 => Kind::Chatty,
            115..125 => Kind::Blocking,
            125..165 => Kind::Again,
            165..170 => Kind::Panics,
            170..175 => Kind::Fails,
            175..178 => Kind::Deadly,
            178..181 => Kind::DeadlyOnce,
            181..187 => Kind::Unknown,
            187..192 => Kind::Shutdown,
            192..197 => Kind::Restart,
            _ => Kind::Reboot,
        };
        TaskPlan {
            at: self.within(chaos),
            agent: self.0.below(agents as u64) as usize,
            kind,
            lasts: if self.of(30) {
                // Longer than a lease.
                self.millis(20 * SECOND, 45 * SECOND)
            } else {
                self.mostly_short()
            },
            // Of those that are handed out more than once, some are to be over by then.
            ttl: self
                .of(if kind.is_idempotent() { 2 } else { 6 })
                .then(|| self.millis(1, 20 * SECOND)),
            timeout: self.of(8).then(|| self.millis(1, 5 * SECOND)),
            not_before: self.of(12).then(|| self.millis(0, 20 * SECOND)),
            priority: if self.of(5) {
                self.from(0, 4) as i16 - 2
            } else {
                0
            },
            key: self.of(6).then(|| self.0.below(3) as u8),
            cancel: self.of(6).then(|| self.mostly_short()),
        }
    }

    fn fault(&mut self, agents: usize, chaos: Duration, rare: &Rare) -> FaultPlan {
        let fault = loop {
            // Where it may come it comes often: most of what it can break needs a certain moment.
            if rare.restore && self.of(8) {
                break Fault::RestoreServer;
            }
            let fault = Fault::ALL[self.0.below(Fault::ALL.len() as u64) as usize];
            let may = match fault {
                Fault::RestoreServer => rare.restore,
                Fault::CloneAgent => rare.clone,
                Fault::DeleteAgent => rare.delete,
                Fault::Purge => self.of(3),
                _ => true,
            };
            if may {
                break fault;
            }
        };
        let lasts = match fault {
            Fault::AgentClock => self.millis(0, 100_000 * SECOND),
            Fault::ServerClock => self.millis(0, 1_000 * SECOND),
            Fault::StoreRefuses | Fault::DiskFull | Fault::DiskError => self.millis(0, 5 * SECOND),
            _ => match self.0.below(4) {
                0..2 => self.millis(0, SECOND),
                2 => self.millis(SECOND, 8 * SECOND),
                _ => self.millis(8 * SECOND, 45 * SECOND),
            },
        };
        FaultPlan {
            at: self.within(chaos),
            agent: self.0.below(agents as u64) as usize,
            fault,
            lasts,
        }
    }
}
