//! Hello and Goodbye: how an agent comes and goes.

use widget_core::id::Attempt;
use widget_core::message::{
    self, Goodbye, Hello, Limits, Pacing, Refusal, RefusalReason, Response, Seen, Welcome, extra,
};
use widget_core::payload::Payload;
use widget_core::store::{
    Action, Admission, Admitted, Arrival, AuditEntry, Sighting, StoreError, StoreErrorKind,
    TaskQuery, TaskStoreExt,
};
use widget_core::task::{Actor, AgentEvent, Event, Finish, StateName};
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection};

use super::identify::{self, Identity};
use super::{BUSY, Dispatcher};
use crate::events::ServerEvent;

/// How many of the tasks that an agent holds are looked at together.
const HELD: usize = 64;

impl Dispatcher {
    pub(super) async fn hello(
        &self,
        from: &Origin,
        hello: Hello,
    ) -> Result<(Peer, Welcome), Rejection> {
        self.is_ours(from, &hello)?;
        self.has_tries_left(from)?;
        let identity = self.identify(from, &hello).await?;
        self.welcome(from, &hello, identity).await
    }

    /// Whether it is of our version, and says no more than it may.
    pub(super) fn is_ours(&self, from: &Origin, hello: &Hello) -> Result<(), Rejection> {
        let (lowest, highest) = hello.versions;
        let stores = hello.seen.as_ref().map_or(0, |seen| seen.stores.len());
        let (reason, text) = if !(lowest..=highest).contains(&message::VERSION) {
            let text = format!(
                "this server speaks version {}, the agent {lowest} to {highest}",
                message::VERSION
            );
            (RefusalReason::Version, text)
        } else if stores > Seen::MAX_STORES {
            let most = Seen::MAX_STORES;
            let text =
                format!("the agent has seen {stores} epochs of a store, at most {most} count");
            (RefusalReason::Invalid, text)
        } else {
            return Ok(());
        };
        self.refusals
            .count(from, reason.as_str(), self.runtime.now());
        Err(Rejection::Refused(Refusal { reason, text }))
    }

    /// Lets in an agent of which it is known who it is.
    pub(super) async fn welcome(
        &self,
        from: &Origin,
        hello: &Hello,
        identity: Identity,
    ) -> Result<(Peer, Welcome), Rejection> {
        let agent = identity.agent;
        let ends = self.sessions.ends();
        let admitted = self.watch_write(self.admit(from, hello, &identity).await);
        let (admitted, held) = match admitted {
            Ok(admitted) => admitted,
            // Deleted since its credential was looked at.
            Err(error) if *error.kind() == StoreErrorKind::NotFound => {
                return Err(self.denied(from, "credential", identify::UNKNOWN));
            }
            Err(error) if *error.kind() == StoreErrorKind::Full => {
                return Err(self.agents_full(from));
            }
            Err(_) => return Err(BUSY),
        };
        let now = self.runtime.now();
        let asks_who = identify::asks_who(hello);
        self.sessions
            .begin(agent, (hello.epoch, held), asks_who, admitted.store, now);
        // Whoever waits at another server for an older memory looks again, and is refused.
        self.stores.tasks.ring(agent);
        self.attendance
            .heard(agent, self.runtime.now(), self.runtime.wall());
        self.events.say(ServerEvent::AgentChanged(agent));
        let peer = Peer {
            agent,
            epoch: hello.epoch,
            origin: from.clone(),
            assurance: identity.assurance(),
        };
        // Somebody was deleted meanwhile. If it was this one, nothing of it may stay.
        if self.sessions.ends() != ends && !matches!(self.is_current(&peer).await, Ok(true)) {
            self.dismiss(agent);
            return Err(BUSY);
        }
        let id = || (extra::AGENT, agent.as_bytes().to_vec());
        let welcome = Welcome {
            version: message::VERSION,
            session: String::new(),
            store: admitted.store,
            sequence: admitted.sequence,
            pacing: Pacing::default(),
            limits: Limits::default(),
            extras: identity.credential.iter().map(|_| id()).collect(),
            known: admitted.known,
        };
        Ok((peer, welcome))
    }

    /// Makes it known; says besides whether there are two of it.
    async fn admit(
        &self,
        from: &Origin,
        hello: &Hello,
        identity: &Identity,
    ) -> Result<(Admitted, bool), StoreError> {
        let (agent, now) = (identity.agent, self.runtime.wall());
        let epoch = Some(hello.epoch);
        let mut arrival = Arrival::new(agent, message::VERSION, from.transport, epoch, now);
        if identity.credential.is_some() {
            arrival.host = identify::host(hello);
            let target = agent.to_string();
            let seen = AuditEntry::new(now, "agent", &from.address, Action::AgentClone, &target);
            arrival.audit = Some(seen.of_agent(agent));
        }
        arrival.most = Some(self.rules.limits.agents.into());
        arrival.credential.clone_from(&identity.credential);
        let arrived = self.stores.agents.arrive(&arrival).await?;
        let held = arrived.record.cloned.is_some();
        if arrived.sighting == Some(Sighting::Clone) {
            self.refusals.count(from, "clone", self.runtime.now());
        }
        let admission = Admission {
            agent,
            epoch: hello.epoch,
            seen: hello.seen.clone(),
            now: self.now(),
        };
        Ok((self.stores.tasks.admit(&admission).await?, held))
    }

    pub(super) async fn goodbye(&self, peer: &Peer, goodbye: Goodbye) -> Response {
        let left = self.watch_write(self.leave(peer, &goodbye).await);
        match left {
            Ok(()) => {
                self.attendance
                    .left(peer.agent, self.runtime.now(), self.runtime.wall());
                self.events.say(ServerEvent::AgentChanged(peer.agent));
                tracing::debug!(agent = %peer.agent, reason = goodbye.reason, "goodbye");
                Response::ACK
            }
            Err(error) => self.store_says(peer, &error),
        }
    }

    async fn leave(&self, peer: &Peer, goodbye: &Goodbye) -> Result<(), StoreError> {
        let now = self.now();
        if let Some((task, attempt)) = goodbye.task {
            self.succeed(peer, task, attempt).await?;
        }
        if goodbye.spool_gone {
            self.take_back(peer, now).await?;
        }
        let left = self.runtime.wall();
        self.stores.agents.leave(peer.agent, left).await
    }

    /// Takes back all that the agent's memory holds.
    async fn take_back(&self, peer: &Peer, now: Timestamp) -> Result<(), StoreError> {
        let mut query = TaskQuery {
            agent: Some(peer.agent),
            states: vec![StateName::Leased, StateName::Accepted, StateName::Running],
            before: None,
            limit: HELD,
        };
        loop {
            let page = self.stores.tasks.tasks(&query).await?;
            let held = page
                .tasks
                .iter()
                .map(|task| (task.id, task.state.held_by()));
            for (task, _) in held.filter(|(_, by)| *by == Some(peer.epoch)) {
                let event = Event::SpoolLost;
                let tasks = &self.stores.tasks;
                tasks.apply(task, &event, Actor::Server, now).await?;
                self.task_changed(peer.agent, task);
            }
            query.before = page.next;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// The task that makes the agent leave has done what it was to do.
    async fn succeed(
        &self,
        peer: &Peer,
        task: widget_core::id::TaskId,
        attempt: Attempt,
    ) -> Result<(), StoreError> {
        let finish = AgentEvent::Finish(Finish::succeeded(Payload::null()));
        let event = Event::Said(attempt, finish);
        let now = self.now();
        self.stores
            .tasks
            .apply_from(peer.agent, task, &event, now)
            .await?;
        self.task_changed(peer.agent, task);
        Ok(())
    }
}
