//! Hello and Goodbye: how an agent comes and goes.

use widget_core::id::Attempt;
use widget_core::message::{
    self, Credential, Goodbye, Hello, Limits, Pacing, Refusal, RefusalReason, Response, Welcome,
};
use widget_core::payload::Payload;
use widget_core::store::{Admission, Admitted, Arrival, StoreError, TaskQuery, TaskStoreExt};
use widget_core::task::{Actor, AgentEvent, Event, Finish, StateName};
use widget_core::transport::{Assurance, Origin, Peer, Rejection};

use super::{Dispatcher, RETRY_AFTER};
use crate::events::ServerEvent;

impl Dispatcher {
    pub(super) async fn hello(
        &self,
        from: &Origin,
        hello: Hello,
    ) -> Result<(Peer, Welcome), Rejection> {
        let (lowest, highest) = hello.versions;
        if !(lowest..=highest).contains(&message::VERSION) {
            let text = format!(
                "this server speaks version {}, the agent {lowest} to {highest}",
                message::VERSION
            );
            self.refusals
                .count(from, RefusalReason::Version.as_str(), self.runtime.now());
            let refusal = Refusal {
                reason: RefusalReason::Version,
                text,
            };
            return Err(Rejection::Refused(refusal));
        }
        if hello.credential != Credential::None {
            // None is kept yet, so none is known.
            let text = "this server does not know the agent's credential, or not any more";
            return Err(self.unproven(from, RefusalReason::Credential.as_str(), text));
        }
        let admitted = self.watch_write(self.admit(from, &hello).await);
        let Ok(admitted) = admitted else {
            return Err(Rejection::Busy {
                retry_after: RETRY_AFTER,
            });
        };
        let now = self.runtime.now();
        self.sessions
            .begin(hello.agent, hello.epoch, admitted.store, now);
        // Whoever waits at another server for an older memory looks again, and is refused.
        self.stores.tasks.ring(hello.agent);
        self.attendance
            .heard(hello.agent, self.runtime.now(), self.runtime.wall());
        self.events.say(ServerEvent::AgentChanged(hello.agent));
        let peer = Peer {
            agent: hello.agent,
            epoch: hello.epoch,
            origin: from.clone(),
            assurance: Assurance::Claimed,
        };
        let welcome = Welcome {
            version: message::VERSION,
            session: String::new(),
            store: admitted.store,
            sequence: admitted.sequence,
            pacing: Pacing::default(),
            limits: Limits::default(),
            extras: Vec::new(),
            known: admitted.known,
        };
        Ok((peer, welcome))
    }

    async fn admit(&self, from: &Origin, hello: &Hello) -> Result<Admitted, StoreError> {
        let (epoch, now) = (Some(hello.epoch), self.runtime.wall());
        let arrival = Arrival::new(hello.agent, message::VERSION, from.transport, epoch, now);
        self.stores.agents.arrive(&arrival).await?;
        let admission = Admission {
            agent: hello.agent,
            epoch: hello.epoch,
            seen: hello.seen.clone(),
            now: self.now(),
        };
        self.stores.tasks.admit(&admission).await
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
            let query = TaskQuery {
                agent: Some(peer.agent),
                states: vec![StateName::Leased, StateName::Accepted, StateName::Running],
                before: None,
                limit: usize::MAX,
            };
            for task in self.stores.tasks.tasks(&query).await?.tasks {
                if task.state.held_by() == Some(peer.epoch) {
                    let event = Event::SpoolLost;
                    self.stores
                        .tasks
                        .apply(task.id, &event, Actor::Server, now)
                        .await?;
                    self.task_changed(peer.agent, task.id);
                }
            }
        }
        let left = self.runtime.wall();
        self.stores.agents.leave(peer.agent, left).await
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
