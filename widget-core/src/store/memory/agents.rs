//! The agents of a [`MemoryStore`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::AgentId;
use crate::message::Describe;
use crate::store::{
    AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival, Arrived, AuditEntry, CloneMark,
    HostId, SessionKey, Sighting, StoreError, StoreErrorKind, fill_page,
};
use crate::time::Timestamp;

#[derive(Debug, Clone, Default)]
pub(super) struct Agents {
    /// In boxes: the tree has room for many more rows than there are.
    by_id: BTreeMap<AgentId, Box<AgentRecord>>,
    last_number: u64,
    session_key: Option<SessionKey>,
    /// Where each was seen, where it is now last.
    hosts: BTreeMap<AgentId, Vec<HostId>>,
}

impl Agents {
    /// What it means that an agent arrives where it does; kept from here on.
    fn sight(&mut self, arrival: &Arrival, heard: Option<Timestamp>) -> Option<Sighting> {
        let host = arrival.host.as_ref()?;
        let known = self.hosts.entry(arrival.agent).or_default();
        let sighting = Sighting::of(known, host, heard, arrival.at);
        let last = known.last().cloned();
        *known = Sighting::keep(known, host);
        let row = self.by_id.get_mut(&arrival.agent)?;
        if sighting == Sighting::Clone && row.cloned.is_none() {
            row.cloned = last.map(|last| CloneMark {
                since: arrival.at,
                hosts: [last, host.clone()],
            });
        }
        Some(sighting)
    }

    pub(super) fn forget_session_key(&mut self) {
        self.session_key = None;
    }
}

#[async_trait]
impl AgentStore for MemoryStore {
    async fn arrive(&self, arrival: &Arrival) -> Result<Arrived, StoreError> {
        let rows = &mut *self.rows();
        if rows.access.has_ended(arrival.agent) {
            return Err(StoreErrorKind::NotFound.into());
        }
        let agents = &mut rows.agents;
        let known = agents.by_id.get(&arrival.agent);
        let there = u64::try_from(agents.by_id.len()).unwrap_or(u64::MAX);
        if known.is_none() && arrival.most.is_some_and(|most| there >= most) {
            return Err(StoreErrorKind::Full.into());
        }
        let heard = known.filter(|row| row.left.is_none());
        let heard = heard.map(|row| row.last_seen);
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
                enrolled: None,
                labels: Vec::new(),
                cloned: None,
            })
        });
        agents.last_number = agents.last_number.max(row.number);
        row.last_seen = row.last_seen.max(arrival.at);
        row.left = None;
        row.protocol = row.protocol.max(arrival.protocol);
        row.transport.clone_from(&arrival.transport);
        row.epoch = arrival.epoch.or(row.epoch);
        if let Some(credential) = &arrival.credential {
            row.enrolled = Some(credential.created);
            row.labels.clone_from(&credential.labels);
        }
        let was_marked = row.cloned.is_some();
        let sighting = agents.sight(arrival, heard);
        let record = agents.by_id.get(&arrival.agent);
        let record = AgentRecord::clone(record.ok_or(StoreErrorKind::Corrupt)?);
        let is_new = record.cloned.is_some() && !was_marked;
        if let Some(entry) = arrival.audit.as_ref().filter(|_| is_new) {
            rows.access.write(entry.clone());
        }
        Ok(Arrived { record, sighting })
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
            .collect();
        agents.sort_by_key(|row| row.number);
        let agents = agents
            .into_iter()
            .map(|row| Ok::<_, StoreError>(AgentRecord::clone(row)));
        let (agents, more) = fill_page(agents, query.limit, |row| row.describe.size())?;
        let next = agents.last().filter(|_| more).map(|row| row.number);
        Ok(AgentPage { agents, next })
    }

    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError> {
        let agents = &mut self.rows().agents;
        agents.hosts.remove(&agent);
        Ok(agents.by_id.remove(&agent).is_some())
    }

    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let rows = &mut *self.rows();
        let row = rows.agents.by_id.get_mut(&agent);
        if row.and_then(|row| row.cloned.take()).is_none() {
            return Ok(false);
        }
        let kept = keep.into_iter().cloned().collect();
        rows.agents.hosts.insert(agent, kept);
        rows.access.write(audit);
        Ok(true)
    }

    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError> {
        Ok(self.rows().agents.session_key.get_or_insert(fresh).clone())
    }
}
