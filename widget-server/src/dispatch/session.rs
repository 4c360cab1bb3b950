//! Which memory of an agent is the current one, and whose turn it is to wait for its tasks.
//!
//! The agent's row in the store decides, since another server on the same store may have heard a
//! newer Hello. That it names a memory is believed for [`TRUST`]; that it does not is never believed
//! from here, so nobody is refused for what was true a moment ago. A lease compares the epoch in its
//! own transaction anyway.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use widget_core::id::{AgentId, SpoolEpoch, StoreEpoch};
use widget_core::message::{Refusal, RefusalReason};
use widget_core::store::{SessionKey, StoreError};
use widget_core::time::Mono;
use widget_core::transport::{Assurance, Origin, Peer, Rejection};

use super::seal::Session;
use super::{BUSY, Dispatcher};

/// How long it is believed that a memory is the current one: at most one read of the store for each
/// agent and time span, and so long may an older memory go on after a Hello at another server.
const TRUST: Duration = Duration::from_secs(1);
/// How long a session proves something. Then the agent says Hello again.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The agents that were heard since the start: one row for each.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    rows: Mutex<Rows>,
    /// What sessions are sealed with, and for which store; known from the first time on.
    key: Mutex<Option<SessionKey>>,
    store: Mutex<Option<StoreEpoch>>,
}

#[derive(Debug, Default)]
struct Rows {
    by_agent: BTreeMap<AgentId, Row>,
    last_turn: u64,
    /// How many were dismissed.
    ends: u64,
}

#[derive(Debug)]
struct Row {
    epoch: SpoolEpoch,
    /// There are two of the agent: it is given no tasks.
    held: bool,
    /// It is told who asked for its tasks. Known here since its Hello, and never from the store.
    asks_who: bool,
    /// When the store said so.
    read: Mono,
    /// Whose turn it is to wait for tasks. By hand, since an event with its listeners is three
    /// times as large, and there are many rows.
    turn: u64,
    /// Who has the turn and waits.
    waits: Option<Waker>,
}

/// The right to wait for an agent's tasks, until somebody newer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn(u64);

impl Sessions {
    /// This memory of the agent is the current one from here on; ends the waits of earlier ones.
    pub(super) fn begin(
        &self,
        agent: AgentId,
        (epoch, held): (SpoolEpoch, bool),
        asks_who: bool,
        store: StoreEpoch,
        now: Mono,
    ) {
        *lock(&self.store) = Some(store);
        self.keep(agent, (epoch, held), now);
        if let Some(row) = lock(&self.rows).by_agent.get_mut(&agent) {
            row.asks_who = asks_who;
        }
        self.take_turn(agent);
    }

    /// No memory of the agent is current any more, as far as this server knows.
    pub(super) fn end(&self, agent: AgentId) {
        let mut rows = lock(&self.rows);
        rows.ends += 1;
        let row = rows.by_agent.remove(&agent);
        drop(rows);
        wake(row.and_then(|row| row.waits));
    }

    /// How often [`end`](Self::end) was called: nobody was dismissed as long as it stays the same.
    pub(super) fn ends(&self) -> u64 {
        lock(&self.rows).ends
    }

    /// How many agents have a row.
    pub(super) fn len(&self) -> usize {
        lock(&self.rows).by_agent.len()
    }

    /// Takes the turn from whoever has it; `None` if the agent is not known here.
    pub(super) fn take_turn(&self, agent: AgentId) -> Option<Turn> {
        let mut rows = lock(&self.rows);
        let turn = rows.last_turn + 1;
        let row = rows.by_agent.get_mut(&agent)?;
        row.turn = turn;
        let waits = row.waits.take();
        rows.last_turn = turn;
        drop(rows);
        wake(waits);
        Some(Turn(turn))
    }

    /// Whether somebody newer has the turn.
    pub(super) fn is_over(&self, agent: AgentId, turn: Turn) -> bool {
        let rows = lock(&self.rows);
        rows.by_agent
            .get(&agent)
            .is_none_or(|row| row.turn != turn.0)
    }

    /// Ready when somebody newer has the turn. Is woken then, and by [`wake_all`](Self::wake_all).
    pub(super) fn poll_over(&self, agent: AgentId, turn: Turn, cx: &mut Context<'_>) -> Poll<()> {
        let mut rows = lock(&self.rows);
        let row = rows.by_agent.get_mut(&agent);
        let Some(row) = row.filter(|row| row.turn == turn.0) else {
            return Poll::Ready(());
        };
        let earlier = row.waits.replace(cx.waker().clone());
        drop(rows);
        // Wakers are other people's code, also when they are dropped.
        drop(earlier);
        Poll::Pending
    }

    /// Wakes everybody who waits, so that they see that the server stops.
    pub(super) fn wake_all(&self) {
        let mut rows = lock(&self.rows);
        let waits: Vec<Waker> = rows
            .by_agent
            .values_mut()
            .filter_map(|row| row.waits.take())
            .collect();
        drop(rows);
        waits.into_iter().for_each(Waker::wake);
    }

    /// Whether there are two of the agent, and nobody has decided yet which goes on.
    pub(super) fn is_held(&self, agent: AgentId) -> bool {
        lock(&self.rows)
            .by_agent
            .get(&agent)
            .is_some_and(|row| row.held)
    }

    /// Whether it said in its Hello that it reads who asked for its tasks.
    pub(super) fn asks_who(&self, agent: AgentId) -> bool {
        let rows = lock(&self.rows);
        rows.by_agent.get(&agent).is_some_and(|row| row.asks_who)
    }

    /// Somebody has.
    pub(super) fn release(&self, agent: AgentId) {
        if let Some(row) = lock(&self.rows).by_agent.get_mut(&agent) {
            row.held = false;
        }
    }

    /// Whether nothing is known of the agent any more: it was deleted.
    pub(super) fn is_gone(&self, agent: AgentId) -> bool {
        !lock(&self.rows).by_agent.contains_key(&agent)
    }

    /// Whether the store said a short while ago that this is the current memory of the agent.
    fn trusts(&self, agent: AgentId, epoch: SpoolEpoch, now: Mono) -> bool {
        let rows = lock(&self.rows);
        let row = rows.by_agent.get(&agent);
        row.is_some_and(|row| row.epoch == epoch && now.since(row.read) < TRUST)
    }

    /// Keeps what the store said at this time, unless something newer is known.
    fn keep(&self, agent: AgentId, (epoch, held): (SpoolEpoch, bool), read: Mono) {
        let mut rows = lock(&self.rows);
        let row = rows.by_agent.entry(agent).or_insert(Row {
            epoch,
            held,
            asks_who: false,
            read,
            turn: 0,
            waits: None,
        });
        if row.read <= read {
            // What another memory reads, it says in its own Hello.
            row.asks_who &= row.epoch == epoch;
            (row.epoch, row.held, row.read) = (epoch, held, read);
        }
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
        // After a start, or it was deleted: its row goes when its tasks have ended, its credential at once.
        if self.sessions.is_gone(peer.agent) {
            let credential = self.stores.access.credential_of(peer.agent).await?;
            if credential.is_some_and(|credential| credential.ended.is_some()) {
                return Ok(false);
            }
        }
        let row = self.stores.agents.agent(peer.agent).await?;
        match row.and_then(|row| Some((row.epoch?, row.cloned.is_some()))) {
            Some((epoch, held)) => {
                self.sessions.keep(peer.agent, (epoch, held), now);
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
            assurance: match self.rules.exposed {
                // Nobody else was given one.
                true => Assurance::Enrolled,
                false => Assurance::Claimed,
            },
        })
    }

    pub(crate) async fn session_key(&self) -> Result<SessionKey, Rejection> {
        if let Some(key) = lock(&self.sessions.key).clone() {
            return Ok(key);
        }
        let fresh = SessionKey::from_bytes(self.runtime.secret().ok_or(BUSY)?);
        let key = self.watch(self.stores.agents.session_key(fresh).await);
        let key = key.map_err(|_| BUSY)?;
        Ok(lock(&self.sessions.key).insert(key).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waits: Option<Waker>) {
    if let Some(waker) = waits {
        waker.wake();
    }
}
