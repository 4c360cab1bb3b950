//! Wake-ups: how a store tells whoever waits for an agent's tasks that there may be some.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::id::AgentId;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who waits for which agent's tasks. Costs nothing for the other agents.
// By hand, since an event and a listener for each agent are several times as large, and many wait.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Those who wait, and whom to wake. Who was rung for is no longer among them.
    waiting: BTreeMap<(AgentId, u64), Option<Waker>>,
    last_number: u64,
}

/// Ends when the bell is rung after it was made. A hint only: look, whether it rang or not.
#[derive(Debug)]
pub struct WakeUp {
    shared: Arc<Mutex<Shared>>,
    agent: AgentId,
    number: u64,
}

impl Bells {
    /// Registers at once: whatever is rung from here on ends the wait.
    #[must_use]
    pub fn watch(&self, agent: AgentId) -> WakeUp {
        let mut shared = lock(&self.shared);
        shared.last_number += 1;
        let number = shared.last_number;
        shared.waiting.insert((agent, number), None);
        WakeUp {
            shared: self.shared.clone(),
            agent,
            number,
        }
    }

    /// Wakes everyone who waits for this agent's tasks.
    pub fn ring(&self, agent: AgentId) {
        let mut shared = lock(&self.shared);
        let mut wakers = Vec::new();
        while let Some((key, _)) = shared.waiting.range((agent, 0)..=(agent, u64::MAX)).next() {
            let key = *key;
            wakers.extend(shared.waiting.remove(&key).flatten());
        }
        drop(shared);
        // Other people's code, so not behind the lock.
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.shared).waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Future for WakeUp {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        let Some(waiting) = shared.waiting.get_mut(&(self.agent, self.number)) else {
            return Poll::Ready(());
        };
        let earlier = waiting.replace(context.waker().clone());
        drop(shared);
        drop(earlier);
        Poll::Pending
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        let gone = lock(&self.shared)
            .waiting
            .remove(&(self.agent, self.number));
        drop(gone);
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn a_ring_between_look_and_wait_is_not_missed() {
        let (bells, agent) = (Bells::default(), AgentId::from_u128(1));
        let wake_up = bells.watch(agent);
        bells.ring(agent);
        block_on(wake_up);
    }

    #[test]
    fn only_the_agent_that_is_rung_for_wakes() {
        let bells = Bells::default();
        let mut wake_up = bells.watch(AgentId::from_u128(1));
        bells.ring(AgentId::from_u128(2));
        assert!(block_on(poll_once(&mut wake_up)).is_none());
    }

    #[test]
    fn who_stops_waiting_leaves_nothing_behind() {
        let (bells, agent) = (Bells::default(), AgentId::from_u128(1));
        let (one, two) = (bells.watch(agent), bells.watch(agent));
        drop(one);
        assert_eq!(bells.len(), 1);
        bells.ring(agent);
        block_on(two);
        assert!(bells.is_empty());
    }
}
