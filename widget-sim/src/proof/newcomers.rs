//! Two agents that want to join by a token for one: the one is let in, however often either asks and
//! whatever is lost on the way, and is told of the same id each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::access::Secret;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::{Credential, Enrol, Hello, Opening, Welcome, extra};
use widget_core::runtime::{Runtime, RuntimeExt};
use widget_core::time::Mono;
use widget_core::transport::Transport;

use super::director::SERVER;
use super::history::History;
use super::joined::host;
use crate::{SimTransport, Switchboard, World};

/// How many of them there are.
const COUNT: u8 = 2;

/// The secret of their token, which is for one agent.
pub(super) const fn token() -> Secret {
    Secret::from_bytes([6; 32])
}

/// Those that want to join. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Newcomers(Arc<Mutex<Vec<Told>>>);

/// What one of them was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    who: u8,
    agent: AgentId,
    at: Mono,
}

impl Newcomers {
    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each begins to ask, for as long as things go wrong.
    pub(super) fn begin(&self, world: &World, board: &Switchboard, chaos: Duration) {
        for who in 0..COUNT {
            let name = format!("newcomer-{who}");
            let runtime = world.process(&name);
            let transport = SimTransport::new(runtime.clone(), board.clone(), SERVER);
            let (told, world) = (self.clone(), world.clone());
            runtime.clone().spawn(Box::pin(async move {
                loop {
                    let longest = Duration::from_secs(4);
                    runtime.sleep(world.between(Duration::ZERO, longest)).await;
                    let at = world.now();
                    if at.since_start() >= chaos {
                        return;
                    }
                    let opening = Opening::Enrol(enrol(who, &name));
                    let Ok((_, welcome)) = transport.connect(opening).await else {
                        continue;
                    };
                    if let Some(agent) = agent(&welcome) {
                        told.told().push(Told { who, agent, at });
                    }
                }
            }));
        }
    }

    /// What is not as promised. An older state of the store knows less of who has joined.
    pub(super) fn check(&self, history: &History) -> Option<String> {
        let all = self.told();
        let told = all.iter().filter(|told| !history.was_restored(told.at));
        let mut told = told.copied();
        let first = told.next()?;
        let other = told.find(|told| told.agent != first.agent || told.who != first.who)?;
        Some(format!(
            "by a token for one agent joined {first:?}, and then {other:?}"
        ))
    }
}

fn enrol(who: u8, host_name: &str) -> Enrol {
    Enrol {
        token: token(),
        hello: Hello {
            versions: (2, 2),
            codecs: vec![1],
            // Whatever it says that it is.
            agent: AgentId::from_u128(1),
            epoch: SpoolEpoch::from_bytes([who + 1; 16]),
            seen: None,
            credential: Credential::Secret(Secret::from_bytes([who + 100; 32])),
            extras: host(host_name, "1"),
        },
        extras: Vec::new(),
    }
}

fn agent(welcome: &Welcome) -> Option<AgentId> {
    let mut extras = welcome.extras.iter();
    let (_, id) = extras.find(|(number, _)| *number == extra::AGENT)?;
    Some(AgentId::from_bytes(id.as_slice().try_into().ok()?))
}
