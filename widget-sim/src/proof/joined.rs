//! Worlds whose agents have joined: each proves who it is by a secret of its own and says on which host it
//! is. Then a copy of a disk is noticed, and an operator decides.

use std::time::Duration;

use widget_agent::AgentBuilder;
use widget_core::access::Secret;
use widget_core::id::AgentId;
use widget_core::message::{Credential, Extras, extra};
use widget_core::store::{
    AccessStore, Action, AgentQuery, AgentStore, AuditEntry, Enrolment, MemoryStore, NewToken,
    Purpose,
};
use widget_core::testkit::fixtures::NOW;
use widget_core::time::Timestamp;
use widget_server::access::{Proves, verifier};

use super::director::Director;
use super::newcomers;
use super::rogue::ROGUE;
use crate::SimRuntime;

/// How long a new join token is good for: longer than any world lasts.
const GOOD_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often in a thousand looks an operator decides before the copy is gone.
const HASTY: u64 = 20;

/// The secret of this agent.
pub(super) fn secret(agent: AgentId) -> Secret {
    let half = agent.as_bytes();
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(half);
    bytes[16..].copy_from_slice(half);
    Secret::from_bytes(bytes)
}

/// The secret of the token by which the fleet has joined. It is used up.
pub(super) const fn used_up() -> Secret {
    Secret::from_bytes([5; 32])
}

/// On which host an agent says that it is.
pub(super) fn host(name: &str, boot: &str) -> Extras {
    let mut machine = [0; 16];
    for (at, byte) in machine.iter_mut().zip(name.bytes()) {
        *at = byte;
    }
    vec![
        (extra::MACHINE, machine.to_vec()),
        (extra::BOOT, boot.as_bytes().to_vec()),
    ]
}

/// An agent that has joined, on this host.
pub(super) fn proven(builder: AgentBuilder, agent: AgentId, runtime: &SimRuntime) -> AgentBuilder {
    let name = runtime.host();
    let boot = runtime.world().boot(&name);
    builder
        .credential(Credential::Secret(secret(agent)))
        .extras(host(&name, &boot))
}

/// Lets these agents join a store, by a token that is used up then.
pub(super) async fn let_in(rows: &MemoryStore, agents: &[AgentId], now: Timestamp) {
    let entry = |action| AuditEntry::new(now, "program", "", action, "");
    for (secret, uses) in [(used_up(), agents.len() as u32), (newcomers::token(), 1)] {
        let token = NewToken {
            verifier: verifier(Proves::Join, &secret),
            purpose: Purpose::Join {
                uses,
                labels: Vec::new(),
            },
            name: "fleet".to_owned(),
            by: "program".to_owned(),
            at: now,
            expires: Some(now.after(GOOD_FOR)),
        };
        let added = rows.add_token(token, entry(Action::TokenCreate)).await;
        added.expect("rows in memory answer");
    }
    for agent in agents {
        let enrolment = Enrolment {
            token: verifier(Proves::Join, &used_up()),
            credential: verifier(Proves::Agent, &secret(*agent)),
            agent: *agent,
            at: now,
            most: None,
            audit: entry(Action::AgentEnrol),
        };
        let enrolled = rows.enrol(&enrolment).await;
        enrolled.expect("rows in memory answer");
    }
}

impl Director {
    /// Lets the fleet join the store that there is, where agents have to.
    pub(super) async fn let_in(&self) {
        if self.plan.joined {
            let fleet = self.parties.iter().map(|party| party.agent.id());
            let agents: Vec<AgentId> = fleet.chain([ROGUE]).collect();
            let_in(self.server.rows(), &agents, NOW).await;
        }
    }

    /// Who has joined and is neither of the fleet nor a rogue.
    pub(super) async fn newcomers(&self) -> Vec<AgentId> {
        let query = AgentQuery {
            after: 0,
            limit: usize::MAX,
        };
        let rows = self.server.rows().agents(&query).await;
        let rows = rows.expect("rows in memory answer");
        assert!(rows.next.is_none(), "more than a page can carry");
        let rows = rows.agents;
        let known = |agent| self.parties.iter().any(|party| party.agent.id() == agent);
        let ids = rows.into_iter().map(|row| row.id);
        ids.filter(|id| !known(*id) && *id != ROGUE).collect()
    }

    /// What an operator does who sees that there are two of an agent: once the copy is gone, lets the
    /// agent go on; now and then sooner.
    pub(super) async fn decide(&mut self) {
        if !self.plan.joined {
            return;
        }
        for party in &self.parties {
            let agent = party.agent.id();
            let row = self.server.rows().agent(agent).await;
            let row = row.expect("rows in memory answer");
            let mut held = row.is_some_and(|row| row.cloned.is_some());
            if held {
                self.world.count("a copy was noticed");
                if party.clone.is_none() || self.world.chance(HASTY) {
                    self.oracle.release(agent);
                    // Too soon: both go on, and what is handed out from now on both may take.
                    self.history.let_both_go_on(agent);
                    held = false;
                }
            }
            self.journal.holds(agent, held);
        }
    }
}
