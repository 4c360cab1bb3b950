//! RequestWork: register, look, wait, look again.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::or;
use widget_core::message::{Command, Limits, RefusalReason, RequestWork, Response, Work, WorkTask};
use widget_core::store::{LeaseRequest, Leased};
use widget_core::task::{Task, is_kind};
use widget_core::time::Timestamp;
use widget_core::transport::Peer;

use super::Dispatcher;
use crate::asks::Ask;

/// The most input that goes out at once, in bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The most tasks that go out at once.
const MAX_TASKS: usize = 256;
/// The most kinds whose room one request may name.
const MAX_KINDS: usize = 256;

impl Dispatcher {
    // No `async fn`: it would keep its arguments twice, and many agents wait.
    pub(super) fn request_work<'a>(
        &'a self,
        peer: &'a Peer,
        request: RequestWork,
    ) -> impl Future<Output = Response> + Send + 'a {
        let wait = request.wait_ms.min(Limits::default().wait_ms);
        let deadline = self
            .runtime
            .now()
            .after(Duration::from_millis(u64::from(wait)));
        let mut lease = LeaseRequest {
            agent: peer.agent,
            epoch: peer.epoch,
            room: usize::from(request.room).min(MAX_TASKS),
            bytes: MAX_BYTES,
            holding: request.holding,
            now: Timestamp::default(),
            kinds: request.kinds,
        };
        async move {
            // Boxed, and only if it has to be asked: what is awaited here takes room as long as the
            // agent waits.
            if !self.is_trusted(peer)
                && let Some(answer) = Box::pin(self.turn_away(peer)).await
            {
                return answer;
            }
            self.heard(peer.agent);
            if lease.holding.len() > Command::MAX_HOLDING {
                let text = format!("more than {} tasks held", Command::MAX_HOLDING);
                return self.refuse(&peer.origin, RefusalReason::TooLarge, text);
            }
            if lease.kinds.len() > MAX_KINDS {
                let text = format!("the room of more than {MAX_KINDS} kinds");
                return self.refuse(&peer.origin, RefusalReason::TooLarge, text);
            }
            if !lease.kinds.iter().all(|kind| is_kind(&kind.kind)) {
                let text = "the room of a kind that is not of the form [a-z0-9_.-]{1,64}";
                return self.refuse(&peer.origin, RefusalReason::Invalid, text);
            }
            let asked = Ask::new(&lease, self.runtime.now());
            self.asks.keep(peer.agent, asked);
            let Some(turn) = self.sessions.take_turn(peer.agent) else {
                return self.refuse(&peer.origin, RefusalReason::Replaced, "the session is over");
            };
            loop {
                let wake_up = self.stores.tasks.watch(peer.agent);
                if self.sessions.is_over(peer.agent, turn) {
                    return Response::Work(Work::default());
                }
                lease.now = self.now();
                let leased = match self.stores.tasks.lease(&lease).await {
                    Ok(leased) => leased,
                    Err(error) => return self.store_says(peer, &error),
                };
                // A block, so that nothing of it is kept while the agent waits.
                let next_look = {
                    let next_look = match leased.next_due {
                        Some(due) => deadline.min(self.runtime.now().after(due.since(lease.now))),
                        None => deadline,
                    };
                    let work = self.work(peer, leased, lease.now);
                    if !work.is_empty() || self.runtime.now() >= deadline {
                        return Response::Work(work);
                    }
                    next_look
                };
                // Whoever asks to stop then wakes all who wait, so the order here matters.
                let over = poll_fn(|cx| match self.sessions.poll_over(peer.agent, turn, cx) {
                    Poll::Pending if self.stop.is_asked() => Poll::Ready(()),
                    polled => polled,
                });
                or(or(wake_up, over), self.runtime.sleep_until(next_look)).await;
                if self.stop.is_asked() {
                    return Response::Work(Work::default());
                }
            }
        }
    }

    fn work(&self, peer: &Peer, leased: Leased, now: Timestamp) -> Work {
        for task in &leased.tasks {
            self.task_changed(peer.agent, task.id);
        }
        // One that was queued while the store looked is newer than the look. None may seem to have
        // been queued after it was given: by that a restored store tells which were.
        let newest = leased.tasks.iter().map(|task| task.created).max();
        let tasks = leased
            .tasks
            .into_iter()
            .map(|task| on_the_wire(task, now))
            .collect();
        Work {
            tasks,
            cancel: leased.cancel,
            at: newest.map_or(now, |newest| newest.max(now)),
        }
    }
}

fn on_the_wire(task: Task, now: Timestamp) -> WorkTask {
    let ttl = task.state.ttl_at.since(now);
    WorkTask {
        task: task.id,
        attempt: task.state.attempt,
        sequence: task.sequence.unwrap_or_default(),
        kind: task.kind,
        input: task.input,
        ttl_ms: millis(ttl),
        timeout_ms: task.timeout.map(millis),
        priority: task.priority,
        ordering_key: task.ordering_key,
        failures: task.state.failures,
        losses: task.state.losses,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
