//! Who may come into a [`MemoryStore`]'s server, and what was done there.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::access::Verifier;
use crate::id::AgentId;
use crate::store::{
    AccessStore, AuditEntry, AuditOrder, AuditPage, AuditQuery, AuditRecord, CredentialRecord,
    Enrolled, Enrolment, NewToken, StoreError, StoreErrorKind, TokenPage, TokenQuery, TokenRecord,
};
use crate::time::Timestamp;

#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    /// By number. None is ever removed.
    tokens: BTreeMap<u64, TokenRecord>,
    numbers: BTreeMap<Verifier, u64>,
    /// None is ever removed.
    credentials: BTreeMap<AgentId, CredentialRecord>,
    agents: BTreeMap<Verifier, AgentId>,
    audit: BTreeMap<u64, AuditEntry>,
}

impl Access {
    /// Adds to the audit list.
    pub(super) fn write(&mut self, entry: AuditEntry) {
        self.audit.insert(after(&self.audit), entry);
    }

    fn token(&self, verifier: &Verifier) -> Option<&TokenRecord> {
        self.tokens.get(self.numbers.get(verifier)?)
    }

    fn credential(&self, verifier: &Verifier) -> Option<&CredentialRecord> {
        self.credentials.get(self.agents.get(verifier)?)
    }

    /// Whether this agent's credential is not good any more.
    pub(super) fn has_ended(&self, agent: AgentId) -> bool {
        let known = self.credentials.get(&agent);
        known.is_some_and(|known| known.ended.is_some())
    }

    /// How many agents have a good credential.
    fn good(&self) -> u64 {
        let all = self.credentials.values();
        all.map(|known| u64::from(known.ended.is_none())).sum()
    }
}

/// The number of the next row.
fn after<T>(rows: &BTreeMap<u64, T>) -> u64 {
    rows.last_key_value().map_or(1, |(last, _)| last + 1)
}

#[async_trait]
impl AccessStore for MemoryStore {
    async fn add_token(
        &self,
        token: NewToken,
        audit: AuditEntry,
    ) -> Result<TokenRecord, StoreError> {
        let access = &mut self.rows().access;
        if access.numbers.contains_key(&token.verifier) {
            return Err(StoreErrorKind::Conflict.into());
        }
        let record = token.into_record(after(&access.tokens));
        access.numbers.insert(record.verifier, record.number);
        access.tokens.insert(record.number, record.clone());
        access.write(audit.to_token(record.number));
        Ok(record)
    }

    async fn token(&self, verifier: &Verifier) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self.rows().access.token(verifier).cloned())
    }

    async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, StoreError> {
        let rows = self.rows();
        let past = (Bound::Excluded(query.after), Bound::Unbounded);
        let mut later = rows.access.tokens.range(past).map(|(_, token)| token);
        let tokens: Vec<_> = later.by_ref().take(query.limit).cloned().collect();
        let next = tokens.last().map(|token| token.number);
        Ok(TokenPage {
            next: next.filter(|_| later.next().is_some()),
            tokens,
        })
    }

    async fn revoke(&self, token: u64, audit: AuditEntry) -> Result<bool, StoreError> {
        let access = &mut self.rows().access;
        let found = access.tokens.get_mut(&token);
        let Some(record) = found.filter(|record| record.revoked.is_none()) else {
            return Ok(false);
        };
        record.revoked = Some(audit.at);
        access.write(audit.to_token(token));
        Ok(true)
    }

    async fn tokens_used(&self, used: &[(u64, Timestamp)]) -> Result<(), StoreError> {
        let access = &mut self.rows().access;
        for (number, at) in used {
            if let Some(record) = access.tokens.get_mut(number) {
                record.last_used = record.last_used.max(Some(*at));
            }
        }
        Ok(())
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError> {
        let access = &mut self.rows().access;
        let token = access.token(&enrolment.token);
        let decided = enrolment.decide(token, access.credential(&enrolment.credential));
        let Enrolled::New(credential) = &decided else {
            return Ok(decided);
        };
        if access.credentials.contains_key(&credential.agent) {
            return Err(StoreErrorKind::Conflict.into());
        }
        if enrolment.most.is_some_and(|most| access.good() >= most) {
            return Err(StoreErrorKind::Full.into());
        }
        if let Some(token) = access.tokens.get_mut(&credential.token) {
            token.uses_left = token.uses_left.map(|left| left.saturating_sub(1));
            token.last_used = token.last_used.max(Some(enrolment.at));
        }
        access.agents.insert(credential.verifier, credential.agent);
        access
            .credentials
            .insert(credential.agent, credential.clone());
        access.write(enrolment.entry(credential));
        Ok(decided)
    }

    async fn credential(
        &self,
        verifier: &Verifier,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        Ok(self.rows().access.credential(verifier).cloned())
    }

    async fn credential_of(&self, agent: AgentId) -> Result<Option<CredentialRecord>, StoreError> {
        Ok(self.rows().access.credentials.get(&agent).cloned())
    }

    async fn end_credential(&self, agent: AgentId, audit: AuditEntry) -> Result<bool, StoreError> {
        let access = &mut self.rows().access;
        let found = access.credentials.get_mut(&agent);
        let good = found.filter(|record| record.ended.is_none());
        let was_good = good.is_some();
        if let Some(record) = good {
            record.ended = Some(audit.at);
        }
        access.write(audit);
        Ok(was_good)
    }

    async fn note(&self, audit: AuditEntry) -> Result<(), StoreError> {
        self.rows().access.write(audit);
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let rows = self.rows();
        let all = &rows.access.audit;
        let past = query.past.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(match query.order {
            AuditOrder::OldestFirst => page(query, all.range((past, Bound::Unbounded))),
            AuditOrder::NewestFirst => page(query, all.range((Bound::Unbounded, past)).rev()),
        })
    }
}

fn page<'a>(query: &AuditQuery, all: impl Iterator<Item = (&'a u64, &'a AuditEntry)>) -> AuditPage {
    let mut wanted = all.filter(|(_, entry)| query.wants(entry));
    let record = |(number, entry): (&u64, &AuditEntry)| AuditRecord {
        number: *number,
        entry: entry.clone(),
    };
    let entries: Vec<_> = wanted.by_ref().take(query.limit).map(record).collect();
    let next = entries.last().map(|record| record.number);
    AuditPage {
        next: next.filter(|_| wanted.next().is_some()),
        entries,
    }
}
