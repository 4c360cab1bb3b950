//! Who an opening comes from: what its credential proves or, where that is good enough, its own word;
//! and how an agent that joins is given an id.

use widget_core::id::AgentId;
use widget_core::message::{Credential, Enrol, Hello, Welcome, extra};
use widget_core::runtime::RuntimeExt;
use widget_core::store::{
    Action, AuditEntry, CredentialRecord, Enrolled, Enrolment, HostId, StoreErrorKind,
};
use widget_core::transport::{Assurance, Origin, Peer, Rejection};

use super::{BUSY, Dispatcher};
use crate::access::{Proves, verifier};

/// What is said to every token of a join string that lets nobody in, whatever is wrong with it.
const NOT_GOOD: &str = "this join string is not good, or not any more: make a new one with \
                        `widgetctl join-token create`";
/// What is said to every credential that proves nothing.
pub(super) const UNKNOWN: &str = "this server does not know the agent's credential, or not any more: the agent \
                       has to join again";
/// What is said to an id without a credential that needs one.
const NO_CREDENTIAL: &str = "this server takes agents that have joined it, and this one proves \
                             nothing: make a join string with `widgetctl join-token create`";

/// Whom an opening comes from.
pub(super) struct Identity {
    pub(super) agent: AgentId,
    /// What proves it, unless it is its own word.
    pub(super) credential: Option<CredentialRecord>,
}

impl Identity {
    pub(super) const fn assurance(&self) -> Assurance {
        match self.credential {
            Some(_) => Assurance::Enrolled,
            None => Assurance::Claimed,
        }
    }
}

impl Dispatcher {
    /// Nothing is looked at of an address that has shown too much that was not good.
    pub(super) fn has_tries_left(&self, from: &Origin) -> Result<(), Rejection> {
        let Some(retry_after) = self.has_to_wait(from.ip) else {
            return Ok(());
        };
        self.refusals.count(from, "tries", self.runtime.now());
        Err(Rejection::Busy { retry_after })
    }

    /// Whom a Hello comes from. Whatever id it says changes nothing once there is a credential.
    pub(super) async fn identify(
        &self,
        from: &Origin,
        hello: &Hello,
    ) -> Result<Identity, Rejection> {
        let Credential::Secret(secret) = &hello.credential else {
            return self.claimed(from, hello.agent).await;
        };
        let shown = verifier(Proves::Agent, secret);
        let found = self.watch(self.stores.access.credential(&shown).await);
        let found = found.map_err(|_| BUSY)?;
        let Some(credential) = found else {
            return Err(self.unproven(from, "credential", UNKNOWN));
        };
        if credential.ended.is_some() {
            // It was good once, so it is no guess: its neighbours need not wait because of it.
            return Err(self.denied(from, "credential", UNKNOWN));
        }
        if credential.agent != hello.agent {
            self.refusals.count(from, "id_ignored", self.runtime.now());
        }
        Ok(Identity {
            agent: credential.agent,
            credential: Some(credential),
        })
    }

    /// An id by its agent's own word: not where agents have to join, and never one that was given to an
    /// agent that did.
    async fn claimed(&self, from: &Origin, agent: AgentId) -> Result<Identity, Rejection> {
        if !self.rules.exposed {
            let given = self.watch(self.stores.access.credential_of(agent).await);
            if given.map_err(|_| BUSY)?.is_none() {
                return Ok(Identity {
                    agent,
                    credential: None,
                });
            }
        }
        Err(self.unproven(from, "no_credential", NO_CREDENTIAL))
    }

    /// Lets an agent join, and welcomes it. The same again comes to the same.
    pub(super) async fn enrol(
        &self,
        from: &Origin,
        enrol: Enrol,
    ) -> Result<(Peer, Welcome), Rejection> {
        self.is_ours(from, &enrol.hello)?;
        self.has_tries_left(from)?;
        let Credential::Secret(secret) = &enrol.hello.credential else {
            return Err(self.unproven(from, "no_credential", NO_CREDENTIAL));
        };
        let (now, shown) = (self.runtime.wall(), verifier(Proves::Join, &enrol.token));
        let id = self.runtime.random_pair();
        let enrolment = Enrolment {
            token: shown,
            credential: verifier(Proves::Agent, secret),
            agent: AgentId::generate(now, id),
            at: now,
            most: Some(self.rules.limits.agents.into()),
            audit: AuditEntry::new(now, "agent", &from.address, Action::AgentEnrol, ""),
        };
        if let Err(retry_after) = self.joins.take(shown, self.runtime.now()) {
            self.refusals
                .count(from, "enrolments_rate", self.runtime.now());
            return Err(Rejection::Busy { retry_after });
        }
        let enrolled = self.watch(self.stores.access.enrol(&enrolment).await);
        if !matches!(enrolled, Ok(Enrolled::New(_))) {
            self.joins.give_back(shown, self.runtime.now());
        }
        match enrolled {
            Ok(Enrolled::New(credential)) => {
                self.wrote();
                tracing::info!(agent = %credential.agent, token = credential.token, "an agent has joined");
                self.welcome(from, &enrol.hello, credential.into()).await
            }
            Ok(Enrolled::Again(credential)) => {
                self.welcome(from, &enrol.hello, credential.into()).await
            }
            Ok(Enrolled::Refused(fault)) => {
                tracing::debug!(peer = &*from.address, %fault, "a join string lets nobody in");
                // One answer, whatever is wrong: what is known of a token is not for those who guess.
                Err(self.unproven(from, "join_token", NOT_GOOD))
            }
            Err(error) if *error.kind() == StoreErrorKind::Full => Err(self.agents_full(from)),
            Err(_) => Err(BUSY),
        }
    }
}

impl From<CredentialRecord> for Identity {
    fn from(credential: CredentialRecord) -> Self {
        Self {
            agent: credential.agent,
            credential: Some(credential),
        }
    }
}

/// On which host an agent says that it is.
pub(super) fn host(hello: &Hello) -> Option<HostId> {
    let machine = find(hello, extra::MACHINE)?.try_into().ok()?;
    let boot = find(hello, extra::BOOT).unwrap_or_default();
    Some(HostId::new(
        machine,
        str::from_utf8(boot).unwrap_or_default(),
    ))
}

/// Whether an agent reads who asked for its tasks.
pub(super) fn asks_who(hello: &Hello) -> bool {
    find(hello, extra::READS_ASSIGNED) == Some(&[1])
}

fn find(hello: &Hello, wanted: u16) -> Option<&[u8]> {
    let mut extras = hello.extras.iter();
    let found = extras.find(|(number, _)| *number == wanted);
    found.map(|(_, value)| value.as_slice())
}
