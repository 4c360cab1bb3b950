//! Wake-ups: how a store tells whoever waits for an agent's tasks that there may be some.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use event_listener::{Event, EventListener};

use crate::id::AgentId;

type Rows = Arc<Mutex<BTreeMap<AgentId, Arc<Event>>>>;

/// A bell for each agent that somebody waits for. Costs nothing for the others.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    rows: Rows,
}

/// Ends when the bell is rung after it was made. A hint only: look, whether it rang or not.
#[derive(Debug)]
pub struct WakeUp {
    listener: EventListener,
    event: Arc<Event>,
    agent: AgentId,
    rows: Rows,
}

impl Bells {
    /// Registers at once: whatever is rung from here on ends the wait.
    #[must_use]
    pub fn watch(&self, agent: AgentId) -> WakeUp {
        let event = {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.entry(agent).or_default().clone()
        };
        WakeUp {
            listener: event.listen(),
            event,
            agent,
            rows: self.rows.clone(),
        }
    }

    /// Wakes everyone who waits for this agent's tasks.
    pub fn ring(&self, agent: AgentId) {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = rows.get(&agent) {
            event.notify(usize::MAX);
        }
    }

    /// How many agents are waited for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Future for WakeUp {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.listener).poll(context)
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        // The row's own and this one: nobody else waits. New ones need the lock that is held.
        if Arc::strong_count(&self.event) == 2 {
            rows.remove(&self.agent);
        }
    }
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
