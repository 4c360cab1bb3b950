//! [`SimAgent`]: an agent, its disk, and what can happen to both.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use widget_agent::{Agent, AgentBuilder, AgentHandle, Ended, Host, Probe, Sample};
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::runtime::{Runtime, RuntimeExt, SharedRuntime};
use widget_core::spool::{DEFAULT_LIMIT, Damage, LogSpool, MemorySpool, Opened, Spool};
use widget_core::testkit::fixtures::Noise;
use widget_core::transport::Transport;

use crate::{Image, SimDisk, SimRuntime, Switchboard, Way, World};

/// Adds handlers, labels and the like to the agent of each new process.
pub type Build = Arc<dyn Fn(AgentBuilder, &SimRuntime) -> AgentBuilder + Send + Sync>;

/// Makes a way of one's own to a server, for each new process.
pub type Carry = Arc<dyn Fn(&SimRuntime) -> Arc<dyn Transport> + Send + Sync>;

/// What a process leaves on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// All that was written: the process alone has ended.
    Written,
    /// What was synced, and of the rest some: the power was cut.
    Torn,
}

/// One agent on a host of its own.
pub struct SimAgent {
    world: World,
    host: String,
    id: AgentId,
    board: Switchboard,
    ways: Vec<(Way, String)>,
    carries: Vec<Carry>,
    build: Build,
    durable: bool,
    disk: SimDisk,
    limit: u64,
    reports: Option<usize>,
    memories: Vec<(SpoolEpoch, Option<Damage>)>,
    running: Option<Running>,
}

struct Running {
    runtime: SimRuntime,
    handle: AgentHandle,
    ended: Arc<Mutex<Option<Ended>>>,
}

impl fmt::Debug for SimAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimAgent")
            .field("host", &self.host)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SimAgent {
    /// An agent with an empty disk that has yet to be [started](Self::start). It knows one server.
    #[must_use]
    pub fn new(
        world: &World,
        board: &Switchboard,
        host: &str,
        id: AgentId,
        to: (Way, &str),
        build: Build,
    ) -> Self {
        Self {
            world: world.clone(),
            host: host.to_owned(),
            id,
            board: board.clone(),
            ways: vec![(to.0, to.1.to_owned())],
            carries: Vec::new(),
            build,
            durable: true,
            disk: SimDisk::default(),
            limit: DEFAULT_LIMIT,
            reports: None,
            memories: Vec::new(),
            running: None,
        }
    }

    /// Adds another way to a server, tried after the others.
    #[must_use]
    pub fn or_by(mut self, way: Way, to: &str) -> Self {
        self.ways.push((way, to.to_owned()));
        self
    }

    /// Has it use this way of one's own, and those that are added later, instead of the others.
    #[must_use]
    pub fn carried_by(mut self, carry: Carry) -> Self {
        self.ways.clear();
        self.carries.push(carry);
        self
    }

    /// Keeps what is not delivered in memory, and not on its disk.
    #[must_use]
    pub const fn without_disk(mut self) -> Self {
        self.durable = false;
        self
    }

    /// How many reports it keeps at most [without a disk](Self::without_disk).
    #[must_use]
    pub const fn keeps(mut self, reports: usize) -> Self {
        self.reports = Some(reports);
        self
    }

    /// How many bytes its spool takes at most.
    #[must_use]
    pub const fn spool_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// How many bytes its spool takes at most, as [told](Self::spool_limit).
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Starts a process with what its disk holds; one that runs is killed first. What the spool says
    /// that it found is told.
    pub fn start(&mut self) -> AgentHandle {
        self.kill(Left::Written);
        let runtime = self.world.process(&self.host);
        let shared: SharedRuntime = Arc::new(runtime.clone());
        let transports = self.ways.iter();
        let transports = transports.map(|(way, to)| way.transport(&runtime, &self.board, to));
        let transports = transports.chain(self.carries.iter().map(|carry| carry(&runtime)));
        let mut builder = Agent::builder()
            .id(self.id)
            .runtime(Arc::clone(&shared))
            .transports(transports)
            .without_host_probe()
            .probe(Steady)
            .host(Host {
                name: self.host.clone(),
                os: "simulated".to_owned(),
                boot: self.world.boot(&self.host),
            });
        if self.durable {
            let fresh = SpoolEpoch::generate(runtime.wall(), runtime.random_pair());
            let disk = Box::new(self.disk.clone());
            let Opened { spool, aside, .. } =
                LogSpool::open(disk, self.limit, fresh, runtime.wall());
            let damage = aside.as_ref().map(|aside| aside.damage);
            if let Some(aside) = aside {
                self.world.count("spool set aside");
                self.world.tell(|| format!("{}: {}", self.host, aside.name));
            }
            if self
                .memories
                .last()
                .is_none_or(|(last, _)| *last != spool.epoch())
            {
                self.memories.push((spool.epoch(), damage));
            }
            builder = builder.spool(spool);
        } else if let Some(capacity) = self.reports {
            let fresh = SpoolEpoch::generate(runtime.wall(), runtime.random_pair());
            builder = builder.spool(MemorySpool::with_capacity(fresh, capacity));
        }
        let builder = (self.build)(builder, &runtime);
        let (agent, handle) = builder.build().expect("an agent that can be built");
        let ended = Arc::new(Mutex::new(None));
        let place = Arc::clone(&ended);
        runtime.spawn(Box::pin(async move {
            let why = agent.await;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }));
        self.world.tell(|| format!("{} starts", self.host));
        self.running = Some(Running {
            runtime,
            handle: handle.clone(),
            ended,
        });
        handle
    }

    /// Ends the process, and with [`Left::Torn`] its host: the next start is on another boot.
    pub fn kill(&mut self, left: Left) {
        let Some(running) = self.running.take() else {
            return;
        };
        let moment = self.disk.ended().unwrap_or_else(|| self.disk.moment());
        match left {
            Left::Written => self.world.kill(running.runtime.process()),
            Left::Torn => self.world.reboot(&self.host),
        }
        let disk = match left {
            Left::Written => SimDisk::at(moment),
            Left::Torn => {
                let mut noise = Noise::new(self.world.below(u64::MAX));
                SimDisk::with(moment.torn(&mut noise))
            }
        };
        // A process that begins anew heals no disk.
        disk.refuse_as(&self.disk);
        self.disk = disk;
        self.world
            .tell(|| format!("{} is killed: {left:?}", self.host));
    }

    /// Asks the agent to end in order, and does not wait for that.
    pub fn ask_to_stop(&self) {
        if let Some(running) = &self.running {
            let handle = running.handle.clone();
            running
                .runtime
                .spawn(Box::pin(async move { handle.stop().await }));
        }
    }

    /// Has the process end at the use of its disk that comes after so many more. What is on the disk
    /// then is there for [`kill`](Self::kill), which has to be called before the next start.
    pub fn end_at_disk(&self, after: u64) {
        if let Some(running) = &self.running {
            let ended = self.disk.end_after(after);
            let (world, process) = (self.world.clone(), running.runtime.process());
            self.world.spawn(async move {
                ended.asked().await;
                world.kill(process);
            });
        }
    }

    /// Why the process ended by itself, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        let running = self.running.as_ref()?;
        *running.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a process that has not ended by itself.
    #[must_use]
    pub fn runs(&self) -> bool {
        let lives = |running: &Running| self.world.is_alive(running.runtime.process());
        self.running.as_ref().is_some_and(lives) && self.ended().is_none()
    }

    /// How the host program looks at the agent, while there is one.
    #[must_use]
    pub fn handle(&self) -> Option<&AgentHandle> {
        self.running.as_ref().map(|running| &running.handle)
    }

    /// Its disk, to have it refuse or end its process at one of its calls.
    #[must_use]
    pub const fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// What its disk holds, for a [copy](Self::put_back) or another agent.
    #[must_use]
    pub fn image(&self) -> Image {
        self.disk.image()
    }

    /// Kills the process and puts this onto its disk.
    pub fn put_back(&mut self, image: Image) {
        self.kill(Left::Written);
        self.disk = SimDisk::with(image);
    }

    /// The memories that it had on its disk, and what was wrong with the one before.
    #[must_use]
    pub fn memories(&self) -> &[(SpoolEpoch, Option<Damage>)] {
        &self.memories
    }

    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.id
    }

    /// The name of its host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// A host on which nothing ever changes.
#[derive(Debug)]
struct Steady;

impl Probe for Steady {
    fn measure(&mut self, sample: &mut Sample) {
        sample.total_memory = 16_000_000_000;
        sample.used_memory = 4_000_000_000;
        sample.average_cpu = 12.5;
    }
}
