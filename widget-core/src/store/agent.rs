//! [`AgentStore`]: which agents there are and what they said of themselves.

use std::borrow::Cow;
use std::fmt::{self, Debug};

use async_trait::async_trait;

use super::{AuditEntry, CloneMark, CredentialRecord, HostId, Sighting, StoreError};
use crate::id::{AgentId, SpoolEpoch};
use crate::message::Describe;
use crate::time::Timestamp;

/// Where agents are kept.
///
/// An implementation
/// - must make a row at an agent's first arrival and keep `first_seen` from then on;
/// - must make none beyond [`Arrival::most`], and let those come that have one;
/// - must keep the hosts on which an agent was seen as [`Sighting`] says, and mark it in the same
///   transaction if it is a clone, with the audit entry that came along; a mark stays as it is until the
///   agent is released or deleted;
/// - must never let `last_seen` go back;
/// - must forget an agent's `left` when it arrives or is seen again after it;
/// - must list agents in the order of their numbers, each once;
/// - must keep the first session key it is offered while any server has it open, and answer every
///   offer with it; a store that is opened anew may be a restored one, and begins without;
/// - must make no row for an agent whose credential has ended, where it keeps credentials as well: it was
///   deleted after the credential was looked at;
/// - must delete an agent's row with all that belongs to it in this store, and say whether it was
///   there; a later arrival of the same id begins anew.
#[async_trait]
pub trait AgentStore: Debug + Send + Sync {
    /// An agent has come: makes its row, or renews it.
    ///
    /// # Errors
    /// [`Full`](super::StoreErrorKind::Full) beyond [`Arrival::most`],
    /// [`NotFound`](super::StoreErrorKind::NotFound) if the agent's credential has ended, where this store
    /// keeps credentials as well, whether or not it comes along; [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn arrive(&self, arrival: &Arrival) -> Result<Arrived, StoreError>;

    /// An agent says what it is. An unknown one is left unknown.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn describe(&self, agent: AgentId, describe: &Describe) -> Result<(), StoreError>;

    /// These agents were heard from at these times.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> Result<(), StoreError>;

    /// An agent has said goodbye.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn leave(&self, agent: AgentId, at: Timestamp) -> Result<(), StoreError>;

    /// One agent, if it is known.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn agent(&self, agent: AgentId) -> Result<Option<AgentRecord>, StoreError>;

    /// Agents by number, a page of them as [`fill_page`](super::fill_page) makes it.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn agents(&self, query: &AgentQuery) -> Result<AgentPage, StoreError>;

    /// Forgets an agent. Its tasks are not touched, its reports are the report store's.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn delete_agent(&self, agent: AgentId) -> Result<bool, StoreError>;

    /// Takes the mark of a clone from an agent, and forgets all hosts on which it was seen but the one
    /// that is kept; says whether there was a mark. If not, nothing happens and the entry is not
    /// written.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// The key that sessions are sealed with: the one that is kept, else `fresh`, kept from now on.
    /// The same for every server on this store, so that each knows the sessions of the others.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn session_key(&self, fresh: SessionKey) -> Result<SessionKey, StoreError>;
}

/// The key that sessions are sealed with: 32 random bytes that are shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A key of these bytes, which should be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

/// An agent that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub agent: AgentId,
    /// The version that it speaks: 1 or 2.
    pub protocol: u16,
    /// Name of the transport.
    pub transport: Cow<'static, str>,
    /// Its memory; version 1 has none.
    pub epoch: Option<SpoolEpoch>,
    /// When, by the server's wall clock.
    pub at: Timestamp,
    /// What proved it. None is its own word, and leaves what is kept of an earlier proof.
    pub credential: Option<CredentialRecord>,
    /// On which host it is, if it says so.
    pub host: Option<HostId>,
    /// How many agents there may be, if this one is new; none is no limit.
    pub most: Option<u64>,
    /// What is written if the agent is marked as a clone.
    pub audit: Option<AuditEntry>,
}

impl Arrival {
    /// That of an agent which says no more than this: on its own word, on a host that it does not name,
    /// without a limit.
    #[must_use]
    pub fn new(
        agent: AgentId,
        protocol: u16,
        transport: impl Into<Cow<'static, str>>,
        epoch: Option<SpoolEpoch>,
        at: Timestamp,
    ) -> Self {
        Self {
            agent,
            protocol,
            transport: transport.into(),
            epoch,
            at,
            credential: None,
            host: None,
            most: None,
            audit: None,
        }
    }
}

/// What an arrival came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// The agent's row, as it is now.
    pub record: AgentRecord,
    /// What its host means; none if it did not name one.
    pub sighting: Option<Sighting>,
}

/// What is kept of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRecord {
    /// Who.
    pub id: AgentId,
    /// Its number in this store, rising with the first arrival.
    pub number: u64,
    /// When it came first.
    pub first_seen: Timestamp,
    /// When it was last heard from, to within some seconds.
    pub last_seen: Timestamp,
    /// When it said goodbye, unless it was heard from after that.
    pub left: Option<Timestamp>,
    /// The version that it speaks. Once 2, it stays 2.
    pub protocol: u16,
    /// Name of the transport that it came over.
    pub transport: Cow<'static, str>,
    /// Its memory.
    pub epoch: Option<SpoolEpoch>,
    /// What it said of itself; all empty before it did.
    pub describe: Describe,
    /// When it enrolled; none for an agent that came on its own word only.
    pub enrolled: Option<Timestamp>,
    /// What its join token gave it. Unlike the labels in `describe`, which are its own word, these say
    /// what others may do with it.
    pub labels: Vec<(String, String)>,
    /// There are two of it. It is given no tasks until somebody decides on which host it goes on.
    pub cloned: Option<CloneMark>,
}

/// Which agents to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentQuery {
    /// Only those with a number above this.
    pub after: u64,
    /// At most so many; fewer if they carry [`PAGE_BYTES`](super::PAGE_BYTES).
    pub limit: usize,
}

/// A part of the list of agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentPage {
    /// The agents.
    pub agents: Vec<AgentRecord>,
    /// Where the next part begins, if there is one: for [`AgentQuery::after`].
    pub next: Option<u64>,
}
