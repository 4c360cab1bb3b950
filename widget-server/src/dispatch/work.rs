//! RequestWork: register, look, wait, look again.

use std::future::poll_fn;
use std::mem;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::or;
use widget_core::message::{
    Assigned, Command, Held, KindRoom, Limits, RefusalReason, RequestWork, Response, Work, WorkTask,
};
use widget_core::store::{LeaseRequest, Leased};
use widget_core::task::{Task, is_kind};
use widget_core::time::{Mono, Timestamp};
use widget_core::transport::Peer;

use super::Dispatcher;

/// The most input that goes out at once, in bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The most tasks that go out at once.
const MAX_TASKS: usize = 256;
/// The most kinds whose room one request may name.
const MAX_KINDS: usize = 256;

/// What an agent names when it asks, as small as it can be: it is kept as long as the agent waits.
struct Named {
    holding: Box<[Held]>,
    kinds: Box<[KindRoom]>,
}

impl Dispatcher {
    // No `async fn`: it would keep its arguments twice, and many agents wait. What is awaited here
    // is boxed where it does not last as long as the wait, which it would otherwise make larger.
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
        let room = request.room;
        let mut named = Named {
            holding: request.holding.into(),
            kinds: request.kinds.into(),
        };
        async move {
            if !self.is_trusted(peer)
                && let Some(answer) = Box::pin(self.turn_away(peer)).await
            {
                return answer;
            }
            self.heard(peer.agent);
            if let Err(answer) = self.check(peer, &named) {
                return answer;
            }
            self.attendance
                .asked(peer.agent, room, &named.kinds, self.runtime.now());
            let Some(turn) = self.sessions.take_turn(peer.agent) else {
                return self.refuse(&peer.origin, RefusalReason::Replaced, "the session is over");
            };
            loop {
                let mut wake_up = self.stores.tasks.watch(peer.agent);
                if self.sessions.is_over(peer.agent, turn) {
                    if self.sessions.is_gone(peer.agent) {
                        let text = "the agent was deleted";
                        return self.refuse(&peer.origin, RefusalReason::Replaced, text);
                    }
                    return Response::Work(Work::default());
                }
                let look = self.look(peer, room, &mut named, deadline);
                let next_look = match Box::pin(look).await {
                    Ok(next_look) => next_look,
                    Err(answer) => return answer,
                };
                // Whoever asks to stop then wakes all who wait, so the order here matters.
                let over = poll_fn(|cx| match self.sessions.poll_over(peer.agent, turn, cx) {
                    Poll::Pending if self.stop.is_asked() => Poll::Ready(()),
                    polled => polled,
                });
                let timer = self.runtime.sleep_until(next_look);
                or(or(&mut wake_up, over), timer).await;
                if self.stop.is_asked() {
                    return Response::Work(Work::default());
                }
            }
        }
    }

    /// Whether that can be asked for; else the answer.
    fn check(&self, peer: &Peer, named: &Named) -> Result<(), Response> {
        let too_large = |text: String| self.refuse(&peer.origin, RefusalReason::TooLarge, text);
        if named.holding.len() > Command::MAX_HOLDING {
            let text = format!("more than {} tasks held", Command::MAX_HOLDING);
            return Err(too_large(text));
        }
        if named.kinds.len() > MAX_KINDS {
            return Err(too_large(format!(
                "the room of more than {MAX_KINDS} kinds"
            )));
        }
        if !named.kinds.iter().all(|kind| is_kind(&kind.kind)) {
            let text = "the room of a kind that is not of the form [a-z0-9_.-]{1,64}";
            return Err(self.refuse(&peer.origin, RefusalReason::Invalid, text));
        }
        Ok(())
    }

    /// Looks once: when to look again, or the answer.
    async fn look(
        &self,
        peer: &Peer,
        room: u16,
        named: &mut Named,
        deadline: Mono,
    ) -> Result<Mono, Response> {
        // Cancels still go out.
        let room = if room > 0 && self.sessions.is_held(peer.agent) {
            0
        } else {
            room
        };
        let request = LeaseRequest {
            agent: peer.agent,
            epoch: peer.epoch,
            room: usize::from(room).min(MAX_TASKS),
            bytes: MAX_BYTES,
            holding: mem::take(&mut named.holding).into(),
            kinds: mem::take(&mut named.kinds).into(),
            now: self.now(),
        };
        let leased = self.stores.tasks.lease(&request).await;
        let leased = leased.map_err(|error| self.store_says(peer, &error))?;
        let by = self.who_asked(peer, &leased);
        let next_due = leased.next_due;
        let work = self.work(peer, leased, request.now);
        let now = self.runtime.now();
        if !work.is_empty() || now >= deadline {
            return Err(match by {
                Some(by) => Response::Assigned(Assigned { work, by }),
                None => Response::Work(work),
            });
        }
        named.holding = request.holding.into();
        named.kinds = request.kinds.into();
        let due = next_due.map(|due| now.after(due.since(request.now)));
        Ok(due.map_or(deadline, |due| deadline.min(due)))
    }

    /// Who asked for the tasks, if there are any and the agent is to be told that.
    fn who_asked(&self, peer: &Peer, leased: &Leased) -> Option<Vec<String>> {
        if leased.tasks.is_empty() || !self.sessions.asks_who(peer.agent) {
            return None;
        }
        let by = |task: &Task| task.asked_by.clone().unwrap_or_default();
        Some(leased.tasks.iter().map(by).collect())
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
