//! [`FleetBuilder`]: what a fleet is made of, and the seeds that it is run with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use widget_agent::AgentBuilder;
use widget_core::id::AgentId;
use widget_core::store::Stores;
use widget_core::transport::Transport;
use widget_server::ServerBuilder;

use super::starts::Starts;
use super::{Fleet, Inner, Member, Parties, SERVER, seeds};
use crate::agent::Carry;
use crate::server::{Open, Serve};
use crate::{Build, Link, SimAgent, SimRuntime, SimServer, SimStore, Switchboard, Way, World};

/// How long a fleet may take to settle, unless said otherwise, in virtual time.
const SETTLES: Duration = Duration::from_secs(60 * 60);

/// What a fleet is made of. Begin with [`Fleet::builder`].
#[must_use]
pub struct FleetBuilder {
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) twice: bool,
    agents: usize,
    ways: Vec<Way>,
    carries: Vec<Carry>,
    builds: Vec<Build>,
    durable: bool,
    link: Link,
    open: Option<Open>,
    serve: Vec<Serve>,
    settles: Duration,
    spread: Duration,
}

impl std::fmt::Debug for FleetBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FleetBuilder")
            .field("seeds", &(self.first..self.first + self.count))
            .field("agents", &self.agents)
            .field("ways", &self.ways)
            .finish_non_exhaustive()
    }
}

impl Default for FleetBuilder {
    fn default() -> Self {
        Self {
            first: 1,
            count: 1,
            twice: false,
            agents: 1,
            ways: Vec::new(),
            carries: Vec::new(),
            builds: Vec::new(),
            durable: true,
            link: Link::default(),
            open: None,
            serve: Vec::new(),
            settles: SETTLES,
            spread: Duration::ZERO,
        }
    }
}

impl FleetBuilder {
    /// The seed from which everything that is left to chance follows; 1 unless said otherwise.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.first = seed;
        self
    }

    /// Runs the story in so many worlds, with this many seeds from the [first](Self::seed) on; one
    /// unless said otherwise.
    pub const fn seeds(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Runs each seed twice, and fails if the second run goes another way: then something that runs in
    /// the world takes time, order or randomness from elsewhere.
    pub const fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// How many agents there are: one unless said otherwise. They are counted from 0.
    pub const fn agents(mut self, count: usize) -> Self {
        self.agents = count;
        self
    }

    /// How the agents speak to the server: [`Way::Calls`] unless said otherwise. Several are tried in
    /// their order.
    pub fn way(mut self, way: Way) -> Self {
        self.ways.push(way);
        self
    }

    /// Has the agents use a transport of one's own, which is made for each new process. Its listener is
    /// added with [`server`](Self::server). The server's host is named `server`; a process
    /// [connects](widget_core::runtime::Runtime::connect) through its runtime, and
    /// [listens](World::listen) through its world.
    pub fn transport(
        mut self,
        make: impl Fn(&SimRuntime) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.carries.push(Arc::new(make));
        self
    }

    /// Adds handlers to each agent.
    pub fn handlers(
        self,
        add: impl Fn(AgentBuilder) -> AgentBuilder + Send + Sync + 'static,
    ) -> Self {
        self.agent(move |agent, _| add(agent))
    }

    /// Changes each agent in other ways, at each start of its process. The runtime knows on which
    /// [host](SimRuntime::host) that is: agent 0 is on `agent-0`.
    pub fn agent(
        mut self,
        change: impl Fn(AgentBuilder, &SimRuntime) -> AgentBuilder + Send + Sync + 'static,
    ) -> Self {
        self.builds.push(Arc::new(change));
        self
    }

    /// The time between two reports of an agent; that of [`AgentBuilder::interval`] unless said
    /// otherwise.
    pub fn interval(self, interval: Duration) -> Self {
        self.agent(move |agent, _| agent.interval(interval))
    }

    /// Agents keep what they have in memory, and no longer on a disk.
    pub const fn without_disks(mut self) -> Self {
        self.durable = false;
        self
    }

    /// What every link is when nothing is wrong with it: up to a millisecond unless said otherwise.
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Opens the stores of each new process of the server: something around the simulated one, or
    /// stores of one's own. What is not made of the simulated one has to outlive the process by itself,
    /// and [`Fault::RestoreServer`](crate::Fault::RestoreServer) does not change it.
    pub fn stores(
        mut self,
        open: impl Fn(SimStore, &SimRuntime) -> Stores + Send + Sync + 'static,
    ) -> Self {
        self.open = Some(Arc::new(open));
        self
    }

    /// Changes the server in other ways, at each start of its process: more listeners, how long it
    /// keeps what.
    pub fn server(
        mut self,
        change: impl Fn(ServerBuilder, &SimRuntime) -> ServerBuilder + Send + Sync + 'static,
    ) -> Self {
        self.serve.push(Arc::new(change));
        self
    }

    /// Starts the agents one after the other in this time, and not all at once. A large fleet that does
    /// everything at the same moment is no real one, and much slower to simulate.
    pub const fn spread(mut self, time: Duration) -> Self {
        self.spread = time;
        self
    }

    /// How long [`Fleet::settle`] waits at most, in virtual time; an hour unless said otherwise.
    pub const fn settles_within(mut self, time: Duration) -> Self {
        self.settles = time;
        self
    }

    /// Runs a story: with each seed a world, in which the server and all agents are started and
    /// connected before it begins. See [`Fleet`].
    ///
    /// # Panics
    /// If the story does, or something in the world, with the seed and how to run that seed alone.
    pub fn run<S, F>(self, story: S) -> Ran
    where
        S: Fn(Fleet) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        seeds::run(&self, |fleet| {
            let told = story(fleet.clone());
            Box::pin(async move {
                fleet.start().await;
                told.await;
            })
        })
    }

    /// A fleet in a world of its own, with nothing started.
    pub(super) fn fleet(&self, seed: u64) -> Fleet {
        let world = World::new(seed);
        world.set_links(self.link.clone());
        let (board, starts) = (Switchboard::default(), Starts::default());
        let mut server = SimServer::new(&world, &board, SERVER);
        if let Some(open) = &self.open {
            server = server.with_stores(Arc::clone(open));
        }
        let serve = self.serve.clone();
        server = server.built_by(Arc::new(move |server, runtime| {
            serve
                .iter()
                .fold(server, |server, change| change(server, runtime))
        }));
        let backup = server.rows().backup();
        let make = self.maker(&world, &board, &starts);
        let members = (0..self.agents).map(|n| Member {
            agent: make(n, &format!("agent-{n}")),
            clone: None,
            ahead: 0,
        });
        let parties = Parties {
            server,
            backup,
            members: members.collect(),
            server_ahead: 0,
        };
        Fleet(Arc::new(Inner {
            world,
            board,
            link: self.link.clone(),
            parties: Mutex::new(parties),
            make,
            starts,
            settles: self.settles,
            spread: self.spread,
        }))
    }

    /// Makes agent `n` on a host.
    fn maker(&self, world: &World, board: &Switchboard, starts: &Starts) -> super::Make {
        let (world, board) = (world.clone(), board.clone());
        let (builds, carries) = (self.builds.clone(), self.carries.clone());
        let mut ways = self.ways.clone();
        let first = if ways.is_empty() {
            Way::Calls
        } else {
            ways.remove(0)
        };
        let (durable, starts) = (self.durable, starts.clone());
        let build: Build = Arc::new(move |agent, runtime| {
            let agent = builds
                .iter()
                .fold(agent, |agent, change| change(agent, runtime));
            starts.counted(agent, runtime)
        });
        Box::new(move |n, host| {
            let id = AgentId::from_u128(n as u128 + 1);
            let to = (first, SERVER);
            let mut agent = SimAgent::new(&world, &board, host, id, to, Arc::clone(&build));
            for way in &ways {
                agent = agent.or_by(*way, SERVER);
            }
            for carry in &carries {
                agent = agent.carried_by(Arc::clone(carry));
            }
            if durable { agent } else { agent.without_disk() }
        })
    }
}

/// What came of a [run](FleetBuilder::run).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Each seed with the [hash](World::hash) of its run.
    pub hashes: Vec<(u64, u64)>,
    /// The virtual time that has passed in all of them.
    pub time: Duration,
}
