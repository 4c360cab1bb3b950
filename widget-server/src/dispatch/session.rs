//! Which memory of an agent is the current one, and whose turn it is to wait for its tasks.
//!
//! The agent's row in the store decides, since another server on the same store may have heard a
//! newer Hello. That it names a memory is believed for [`TRUST`]; that it does not is never believed
//! from here, so nobody is refused for what was true a moment ago. A lease compares the epoch in its
//! own transaction anyway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::message::{Refusal, RefusalReason};
use widget_core::runtime::RuntimeExt;
use widget_core::store::{SessionKey, StoreError};
use widget_core::time::Mono;
use widget_core::transport::{Assurance, Origin, Peer, Rejection};

use super::seal::Session;
use super::{Dispatcher, RETRY_AFTER};

/// How long it is believed that a memory is the current one: at most one read of the store for each
/// agent and time span, and so long may an older memory go on after a Hello at another server.
const TRUST: Duration = Duration::from_secs(1);
/// How long a session proves something. Then the agent says Hello again.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The agents that were heard since the start: one row for each.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    rows: Mutex<BTreeMap<AgentId, Row>>,
    /// What sessions are sealed with, and for which store; known from the first time on.
    key: Mutex<Option<SessionKey>>,
    store: Mutex<Option<StoreEpoch>>,
}

#[derive(Debug)]
struct Row {
    epoch: SpoolEpoch,
    /// When the store said so.
    read: Mono,
    turns: Arc<Turns>,
}

/// Whose turn it is. By hand, since an event with its listeners is three times as large.
#[derive(Debug, Default)]
struct Turns(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    number: u64,
    /// Who has the turn and waits.
    waits: Option<Waker>,
}

/// The right to wait for an agent's tasks, until somebody newer has it.
#[derive(Debug)]
pub(super) struct Turn {
    number: u64,
    turns: Arc<Turns>,
}

impl Sessions {
    /// This memory of the agent is the current one from here on; ends the waits of earlier ones.
    pub(super) fn begin(&self, agent: AgentId, epoch: SpoolEpoch, store: StoreEpoch, now: Mono) {
        *lock(&self.store) = Some(store);
        let turns = self.keep(agent, epoch, now);
        turns.next();
    }

    /// No memory of the agent is current any more, as far as this server knows.
    pub(super) fn end(&self, agent: AgentId) {
        if let Some(row) = self.rows().remove(&agent) {
            row.turns.next();
        }
    }

    /// Takes the turn from whoever has it; `None` if the agent is not known here.
    pub(super) fn take_turn(&self, agent: AgentId) -> Option<Turn> {
        let turns = self.rows().get(&agent)?.turns.clone();
        Some(Turn {
            number: turns.next(),
            turns,
        })
    }

    /// Whether the store said a short while ago that this is the current memory of the agent.
    fn trusts(&self, agent: AgentId, epoch: SpoolEpoch, now: Mono) -> bool {
        let rows = self.rows();
        let row = rows.get(&agent);
        row.is_some_and(|row| row.epoch == epoch && now.since(row.read) < TRUST)
    }

    /// Keeps what the store said at this time, unless something newer is known.
    fn keep(&self, agent: AgentId, epoch: SpoolEpoch, read: Mono) -> Arc<Turns> {
        let mut rows = self.rows();
        let row = rows.entry(agent).or_insert_with(|| Row {
            epoch,
            read,
            turns: Arc::default(),
        });
        if row.read <= read {
            (row.epoch, row.read) = (epoch, read);
        }
        row.turns.clone()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<AgentId, Row>> {
        lock(&self.rows)
    }
}

impl Dispatcher {
    /// Whether this is known, without a look into the store, to be the memory of the agent that
    /// said Hello last.
    pub(super) fn is_trusted(&self, peer: &Peer) -> bool {
        self.sessions
            .trusts(peer.agent, peer.epoch, self.runtime.now())
    }

    /// Whether the store says that this is the memory of the agent that said Hello last, at
    /// whichever server.
    pub(super) async fn is_current(&self, peer: &Peer) -> Result<bool, StoreError> {
        // Before the look: what the store says is at least as new as that.
        let now = self.runtime.now();
        let row = self.stores.agents.agent(peer.agent).await?;
        match row.and_then(|row| row.epoch) {
            Some(epoch) => {
                self.sessions.keep(peer.agent, epoch, now);
                Ok(epoch == peer.epoch)
            }
            None => {
                self.sessions.end(peer.agent);
                Ok(false)
            }
        }
    }

    pub(super) async fn seal(&self, peer: &Peer) -> Result<String, Rejection> {
        let key = self.session_key().await?;
        // There is one, since this peer was welcomed.
        let store = *lock(&self.sessions.store);
        let session = Session {
            agent: peer.agent,
            epoch: peer.epoch,
            store: store.ok_or(BUSY)?,
            expiry: self.runtime.wall().after(LIFE),
        };
        Ok(session.seal(&key))
    }

    pub(super) async fn unseal(&self, from: &Origin, text: &str) -> Result<Peer, Rejection> {
        let key = self.session_key().await?;
        let store = *lock(&self.sessions.store);
        let session = Session::open(text, &key)
            .filter(|session| session.expiry > self.runtime.wall())
            .filter(|session| store.is_none_or(|store| store == session.store));
        let Some(session) = session else {
            let reason = RefusalReason::Session;
            self.refusals
                .count(from, reason.as_str(), self.runtime.now());
            return Err(Rejection::Refused(Refusal {
                reason,
                text: "this session is none of this server's, or is over; say hello again".into(),
            }));
        };
        Ok(Peer {
            agent: session.agent,
            epoch: session.epoch,
            origin: from.clone(),
            assurance: Assurance::Claimed,
        })
    }

    async fn session_key(&self) -> Result<SessionKey, Rejection> {
        if let Some(key) = lock(&self.sessions.key).clone() {
            return Ok(key);
        }
        let mut fresh = [0; 32];
        for part in fresh.as_chunks_mut::<16>().0 {
            let [one, two] = self.runtime.random_pair();
            let (first, second) = part.split_at_mut(8);
            first.copy_from_slice(&one.to_le_bytes());
            second.copy_from_slice(&two.to_le_bytes());
        }
        let fresh = SessionKey::from_bytes(fresh);
        let key = self.watch(self.stores.agents.session_key(fresh).await);
        let key = key.map_err(|_| BUSY)?;
        Ok(lock(&self.sessions.key).insert(key).clone())
    }
}

const BUSY: Rejection = Rejection::Busy {
    retry_after: RETRY_AFTER,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turns {
    fn next(&self) -> u64 {
        let mut latest = lock(&self.0);
        latest.number += 1;
        let (number, waits) = (latest.number, latest.waits.take());
        drop(latest);
        if let Some(waker) = waits {
            waker.wake();
        }
        number
    }
}

impl Turn {
    pub(super) fn is_over(&self) -> bool {
        lock(&self.turns.0).number != self.number
    }

    /// Ready when somebody newer has the turn.
    pub(super) fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut latest = lock(&self.turns.0);
        if latest.number != self.number {
            return Poll::Ready(());
        }
        let earlier = latest.waits.replace(cx.waker().clone());
        drop(latest);
        drop(earlier);
        Poll::Pending
    }
}
