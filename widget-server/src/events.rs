//! What happens, as a stream: for embedders and for the page that updates itself.

use async_broadcast::{InactiveReceiver, Receiver, RecvError, Sender};
use widget_core::id::{AgentId, TaskId};

/// How many events a slow reader may be behind before it misses the oldest.
const CAPACITY: usize = 1_024;

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// An agent came, left, was described or was deleted.
    AgentChanged(AgentId),
    /// An agent reported.
    Reported(AgentId),
    /// A task was queued or has moved on.
    TaskChanged {
        /// Its agent.
        agent: AgentId,
        /// The task.
        task: TaskId,
    },
    /// The reader was too slow: some events are missing here. Look at everything.
    Missed,
}

/// Events from the moment of the subscription on.
#[derive(Debug)]
pub struct Events(Receiver<ServerEvent>);

impl Events {
    /// The next event; `None` once the server has ended.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        match self.0.recv_direct().await {
            Ok(event) => Some(event),
            Err(RecvError::Overflowed(_)) => Some(ServerEvent::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Where events come from.
#[derive(Debug)]
pub(crate) struct EventSource {
    sender: Sender<ServerEvent>,
    template: InactiveReceiver<ServerEvent>,
}

impl EventSource {
    pub(crate) fn new() -> Self {
        let (mut sender, receiver) = async_broadcast::broadcast(CAPACITY);
        sender.set_overflow(true);
        sender.set_await_active(false);
        Self {
            sender,
            template: receiver.deactivate(),
        }
    }

    /// Never waits: slow readers miss the oldest.
    pub(crate) fn say(&self, event: ServerEvent) {
        // Fails only when nobody listens, which is fine.
        let _ = self.sender.try_broadcast(event);
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events(self.template.activate_cloned())
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&self) {
        self.sender.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    #[test]
    fn a_slow_reader_is_told_that_it_missed_something() {
        let source = EventSource::new();
        let mut events = source.subscribe();
        for number in 0..=u128::try_from(CAPACITY).unwrap() {
            source.say(ServerEvent::Reported(AgentId::from_u128(number)));
        }
        assert_eq!(block_on(events.next()), Some(ServerEvent::Missed));
        let next = block_on(events.next());
        assert_eq!(next, Some(ServerEvent::Reported(AgentId::from_u128(1))));
    }

    #[test]
    fn the_stream_ends_with_the_server() {
        let source = EventSource::new();
        let mut events = source.subscribe();
        source.close();
        assert_eq!(block_on(events.next()), None);
    }
}
