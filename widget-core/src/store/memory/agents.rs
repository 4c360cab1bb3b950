//! The agents of a [`MemoryStore`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::AgentId;
use crate::message::Describe;
use crate::store::{
    AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival, SessionKey, StoreError,
};
use crate::time::Timestamp;

#[derive(Debug, Clone, Default)]
pub(super) struct Agents {
    /// In boxes: the tree has room for many more rows than there are.
    by_id: BTreeMap<AgentId, Box<AgentRecord>>,
    last_number: u64,
    session_key: Option<SessionKey>,
}

impl Agents {
    pub(super) fn forget_session_key(&mut self) {
        self.session_key = None;
    }
}

#[async_trait]
impl AgentStore for MemoryStore {
    async fn arrive(&self, arrival: &Arrival) -> Result<AgentRecord, StoreError> {
        let agents = &mut self.rows().agents;
        let next = agents.last_number + 1;
        let row = agents.by_id.entry(arrival.agent).or_insert_with(|| {
            Box::new(AgentRecord {
                id: arrival.agent,
                number: next,
                first_seen: arrival.at,
                last_seen: arrival.at,
                left: None,
                protocol: arrival.protocol,
                transport: Cow::Borrowed(""),
                epoch: None,
                describe: Describe::default(),
            })
        });
        agents.last_number = agents.last_number.max(row.number);
        row.last_seen = row.last_seen.max(arrival.at);
        row.left = None;
        row.protocol = row.protocol.max(arrival.protocol);
        row.transport.clone_from(&arrival.transport);
        row.epoch = arrival.epoch.or(row.epoch);
        Ok(AgentRecord::clone(row))
    }

    async fn describe(&self, agent: AgentId, describe: &Describe) -> Result<(), StoreError> {
        if let Some(row) = self.rows().agents.by_id.get_mut(&agent) {
            row.describe = describe.clone();
        }
        Ok(())
    }

    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> Result<(), StoreError> {
        let agents = &mut self.rows().agents;
        for (agent, at) in heard {
            if let Some(row) = agents.by_id.get_mut(agent) {
                row.last_seen = row.last_seen.max(*at);
                row.left = row.left.filter(|left| left >= at);
            }
        }
        Ok(())
    }

    async fn leave(&self, agent: AgentId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(row) = self.rows().agents.by_id.get_mut(&agent) {
            row.last_seen = row.last_seen.max(at);
            row.left = Some(at);
        }
        Ok(())
    }

    async fn agent(&self, agent: AgentId) -> Result<Option<AgentRecord>, StoreError> {
        Ok(self
            .rows()
            .agents
            .by_id
            .get(&agent)
            .map(|row| AgentRecord::clone(row)))
    }

    async fn agents(&self, query: &AgentQuery) -> Result<AgentPage, StoreError> {
        let rows = self.rows();
        let mut agents: Vec<_> = rows
            .agents
            .by_id
            .values()
            .filter(|row| row.number > query.after)
            .map(|row| AgentRecord::clone(row))
            .collect();
        agents.sort_by_key(|row| row.number);
        let more = agents.len() > query.limit;
        agents.truncate(query.limit);
        let next = agents.last().filter(|_| more).map(|row| row.number);
        Ok(AgentPage { agents, next })
    }

    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError> {
        Ok(self.rows().agents.by_id.remove(&agent).is_some())
    }

    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError> {
        Ok(self.rows().agents.session_key.get_or_insert(fresh).clone())
    }
}
