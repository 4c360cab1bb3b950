//! [`Fleet`]: a server and its agents in one test, in virtual time, with faults by name and assertions.

mod apply;
mod builder;
mod claims;
mod fault;
mod reports;
mod seeds;
mod settle;
mod starts;
mod tasks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_agent::AgentHandle;
use widget_core::id::AgentId;
use widget_core::store::{MemoryStore, Stores};
use widget_server::ServerHandle;

pub use self::builder::{FleetBuilder, Ran};
pub use self::fault::{Fault, InvalidFault};
use self::starts::Starts;
use crate::{Link, SimAgent, SimServer, Switchboard, World};

/// The name of the server's host.
const SERVER: &str = "server";
/// How long agents may take to connect when a story begins.
const CONNECT: Duration = Duration::from_secs(10 * 60);

/// Makes agent `n` on the host of this name.
type Make = Box<dyn Fn(usize, &str) -> SimAgent + Send + Sync>;

/// A server and its agents in a world of their own. Clones are the same fleet.
///
/// They are the real server and the real agents with your handlers, on a simulated network, clock and
/// disk. Everything runs on the thread of the test, and what is left to chance follows from a seed: a
/// test that fails says which, and `WIDGET_SEED=7 cargo test NAME` runs that one again, step by step the
/// same, and shows what happened.
///
/// A story is an async closure that gets the fleet when everything is connected. What waits in it waits
/// in virtual time, so an hour takes as long as what happens in it.
///
/// ```
/// use std::time::Duration;
/// use widget_agent::Payload;
/// use widget_agent::runtime::RuntimeExt;
/// use widget_core::task::StateName;
/// use widget_sim::{Fault, Fleet};
///
/// Fleet::builder()
///     .seeds(10)
///     .agents(3)
///     .handlers(|agent| {
///         agent.on_raw("backup", |cx, _input| async move {
///             cx.runtime().sleep(Duration::from_secs(60)).await;
///             Ok(Payload::from_json_text(r#"{"disks":2}"#))
///         })
///     })
///     .run(async |fleet: Fleet| {
///         let task = fleet.send(0, "backup", "null").await;
///         fleet.reaches(task, StateName::Running).await;
///         fleet.apply(0, Fault::Part);
///         fleet.after(Duration::from_secs(600)).await;
///         fleet.settle().await;
///         fleet.assert_started_once(task).await;
///         fleet.assert_output(task, r#"{"disks":2}"#).await;
///         fleet.assert_no_report_is_missing(0).await;
///     });
/// ```
///
/// - **Faults** are named by [`Fault`] and [applied](Self::apply) to an agent, to what is between it and
///   the server, or to the server. What else can happen is in [`with_agent`](Self::with_agent),
///   [`with_server`](Self::with_server) and [`world`](Self::world).
/// - **Assertions** begin with `assert_`, and must be awaited. One that does not hold says where the task
///   was when, and when its handler started.
/// - **Handlers** of your own take time from [`TaskContext::runtime`](widget_agent::TaskContext::runtime).
///   A timer of tokio's does not run here.
/// - **Transports and stores** of your own come in by [`FleetBuilder::transport`] and
///   [`FleetBuilder::stores`].
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    world: World,
    board: Switchboard,
    link: Link,
    parties: Mutex<Parties>,
    make: Make,
    starts: Starts,
    settles: Duration,
    /// In how much time the agents are started.
    spread: Duration,
}

struct Parties {
    server: SimServer,
    /// What a restore brings back.
    backup: MemoryStore,
    members: Vec<Member>,
    /// How far the server's clock was set ahead, in milliseconds.
    server_ahead: i64,
}

struct Member {
    agent: SimAgent,
    clone: Option<SimAgent>,
    /// How far the host's clock was set ahead, in milliseconds.
    ahead: i64,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet")
            .field("world", &self.0.world)
            .field("agents", &self.agents())
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// Begins a fleet: one agent, and a server that it speaks to by whole messages.
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// The world that it is in: its clock, its network, its randomness.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// How many agents there are. They are counted from 0.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.parties().members.len()
    }

    /// The id of an agent.
    ///
    /// # Panics
    /// If there is no such agent. So do all other methods that take one.
    #[must_use]
    pub fn id(&self, agent: usize) -> AgentId {
        self.parties().member(agent).agent.id()
    }

    /// The name of an agent's host.
    #[must_use]
    pub fn host(&self, agent: usize) -> String {
        self.parties().member(agent).agent.host().to_owned()
    }

    /// The handle that the program of an agent has; none while its process is dead.
    #[must_use]
    pub fn agent(&self, agent: usize) -> Option<AgentHandle> {
        self.parties().member(agent).agent.handle().cloned()
    }

    /// The handle that the server's program has; none while its process is dead.
    #[must_use]
    pub fn server(&self) -> Option<ServerHandle> {
        self.parties().server.handle().cloned()
    }

    /// Does something to an agent that is no [`Fault`].
    pub fn with_agent<T>(&self, agent: usize, work: impl FnOnce(&mut SimAgent) -> T) -> T {
        work(&mut self.parties().member(agent).agent)
    }

    /// Does something to the server that is no [`Fault`].
    pub fn with_server<T>(&self, work: impl FnOnce(&mut SimServer) -> T) -> T {
        work(&mut self.parties().server)
    }

    /// The stores of the server, past all simulated delays and faults, and also while it is dead.
    #[must_use]
    pub fn stores(&self) -> Stores {
        self.parties().server.stores()
    }

    /// Ends after this time.
    pub async fn after(&self, time: Duration) {
        self.0.world.sleep(time).await;
    }

    /// How long the world has been there.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.0.world.now().since_start()
    }

    /// How many calls were made over [`Way::Calls`](crate::Way::Calls) so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.board.calls()
    }

    /// Starts everything, and waits until all agents are connected.
    async fn start(&self) {
        self.with_server(|server| drop(server.start()));
        let count = u32::try_from(self.agents()).unwrap_or(u32::MAX);
        for agent in 0..self.agents() {
            if agent > 0 && self.0.spread > Duration::ZERO {
                self.after(self.0.spread / count).await;
            }
            self.with_agent(agent, |agent| drop(agent.start()));
        }
        let limit = self.time() + CONNECT;
        while let Some(missing) = self.not_connected() {
            assert!(self.time() < limit, "{missing}");
            self.after(Duration::from_millis(100)).await;
        }
    }

    /// Ends every process, and with them what keeps the world.
    fn end(&self) {
        self.0.world.end();
    }

    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.0
            .parties
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parties {
    fn member(&mut self, agent: usize) -> &mut Member {
        let count = self.members.len();
        match self.members.get_mut(agent) {
            Some(member) => member,
            None => {
                panic!("there is no agent {agent}: they are counted from 0, and there are {count}")
            }
        }
    }
}
