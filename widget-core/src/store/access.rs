//! [`AccessStore`]: who may come in, and what was done.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use super::audit::{AuditEntry, AuditPage, AuditQuery};
use super::token::{NewToken, TokenFault, TokenKind, TokenPage, TokenQuery, TokenRecord};
use crate::access::Verifier;
use crate::id::AgentId;
use crate::time::Timestamp;

/// Where it is kept who may come in.
///
/// An implementation
/// - must keep verifiers, and nothing from which a secret could be made;
/// - must enrol in one transaction, as [`Enrolment::decide`] says: the token is looked at, one use of
///   it is taken, the credential is made and the audit entry written, or nothing of it;
/// - must never make a credential good again that was ended, nor give an agent's id a second time;
/// - must keep tokens that are not good any more, and never give a number twice;
/// - must write an effect and its audit entry in one transaction;
/// - must keep audit entries in the order in which they were committed, with rising numbers, and change
///   or delete none.
#[async_trait]
pub trait AccessStore: Debug + Send + Sync {
    /// Keeps a new token. The entry's target becomes the token
    /// ([`to_token`](AuditEntry::to_token)).
    ///
    /// # Errors
    /// [`Conflict`](super::StoreErrorKind::Conflict) if its verifier is there already,
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn add_token(
        &self,
        token: NewToken,
        audit: AuditEntry,
    ) -> Result<TokenRecord, StoreError>;

    /// The token with this verifier, good or not.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn token(&self, verifier: &Verifier) -> Result<Option<TokenRecord>, StoreError>;

    /// Tokens by number.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, StoreError>;

    /// Revokes a token from the time of the entry on; says whether that changed anything. If not, the
    /// entry is not written.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn revoke(&self, token: u64, audit: AuditEntry) -> Result<bool, StoreError>;

    /// These tokens were used at these times. `last_used` never goes back; unknown ones are left out.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn tokens_used(&self, used: &[(u64, Timestamp)]) -> Result<(), StoreError>;

    /// Lets an agent in, for good.
    ///
    /// # Errors
    /// [`Conflict`](super::StoreErrorKind::Conflict) if the agent's id was given before,
    /// [`Full`](super::StoreErrorKind::Full) beyond [`Enrolment::most`],
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError>;

    /// The credential with this verifier, good or not.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn credential(&self, verifier: &Verifier)
    -> Result<Option<CredentialRecord>, StoreError>;

    /// The credential of this agent, good or not.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn credential_of(&self, agent: AgentId) -> Result<Option<CredentialRecord>, StoreError>;

    /// Ends the credential of an agent from the time of the entry on; says whether there was a good
    /// one. The entry is written in any case.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn end_credential(&self, agent: AgentId, audit: AuditEntry) -> Result<bool, StoreError>;

    /// Writes an entry of something that has no effect on the store.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn note(&self, audit: AuditEntry) -> Result<(), StoreError>;

    /// Entries of the audit list.
    ///
    /// # Errors
    /// [`Unavailable`](super::StoreErrorKind::Unavailable).
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;
}

/// An agent that wants to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// What is kept of the token that it shows.
    pub token: Verifier,
    /// What is to be kept of the secret that it made.
    pub credential: Verifier,
    /// The id that it is given, if it is let in: made anew for each enrolment.
    pub agent: AgentId,
    /// Now, by the server's wall clock.
    pub at: Timestamp,
    /// How many agents may have a good credential, this one included; none is no limit.
    pub most: Option<u64>,
    /// What is written if it is let in. Token, agent and target are filled in.
    pub audit: AuditEntry,
}

impl Enrolment {
    /// What becomes of it, by what a store has under its two verifiers. On [`Enrolled::New`] the store
    /// takes one use of the token, keeps the credential that is in it and writes its
    /// [`entry`](Self::entry); else it changes nothing.
    ///
    /// What is there already is looked at first: who has been let in is told so again, even when the
    /// token is not good any more by then.
    #[must_use]
    pub fn decide(
        &self,
        token: Option<&TokenRecord>,
        credential: Option<&CredentialRecord>,
    ) -> Enrolled {
        let Some(token) = token else {
            return Enrolled::Refused(TokenFault::Unknown);
        };
        if let Some(known) = credential {
            return match known.token == token.number && known.ended.is_none() {
                true => Enrolled::Again(known.clone()),
                false => Enrolled::Refused(TokenFault::Credential),
            };
        }
        match token.admits(TokenKind::Join, self.at) {
            Ok(()) => Enrolled::New(self.credential(token)),
            Err(fault) => Enrolled::Refused(fault),
        }
    }

    /// The row of the credential that this token let in.
    fn credential(&self, token: &TokenRecord) -> CredentialRecord {
        CredentialRecord {
            verifier: self.credential,
            agent: self.agent,
            token: token.number,
            labels: match &token.purpose {
                super::Purpose::Join { labels, .. } => labels.clone(),
                super::Purpose::Api { .. } => Vec::new(),
            },
            created: self.at,
            ended: None,
        }
    }

    /// The entry that is written for this credential.
    #[must_use]
    pub fn entry(&self, credential: &CredentialRecord) -> AuditEntry {
        let mut entry = self.audit.clone().by_token(credential.token);
        entry.target = credential.agent.to_string();
        entry.of_agent(credential.agent)
    }
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolled {
    /// The agent is let in.
    New(CredentialRecord),
    /// It was let in before, by the same token and with the same secret.
    Again(CredentialRecord),
    /// It is not let in.
    Refused(TokenFault),
}

/// What is kept of the secret of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    /// The digest of it.
    pub verifier: Verifier,
    /// Whom it proves.
    pub agent: AgentId,
    /// The number of the token that let it in.
    pub token: u64,
    /// What the token gave it.
    pub labels: Vec<(String, String)>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was ended. It is never good again.
    pub ended: Option<Timestamp>,
}
