//! Update: what agents say of their tasks, each item with its verdict.

use futures_util::future::join_all;
use widget_core::message::{Command, RefusalReason, Response, Update, UpdateItem, Verdict};
use widget_core::payload::{MAX_OUTPUT, Payload};
use widget_core::store::{AppliedEvent, AppliedKind, StoreError, TaskStoreExt};
use widget_core::task::{AgentEvent, Event, Fault, Finish, MAX_CHUNK, Phase, Reached};
use widget_core::transport::Peer;

use super::{Dispatcher, is_json};

/// The longest code of a failure that is kept, in bytes.
const MAX_CODE: usize = 64;
/// The longest message of a failure that is kept, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;

impl Dispatcher {
    pub(super) async fn update(&self, peer: &Peer, update: Update) -> Response {
        let count = update.items.len();
        if count == 0 || count > Command::MAX_ITEMS {
            let text = format!("{count} items, but 1 to {} are allowed", Command::MAX_ITEMS);
            return self.refuse(&peer.origin, RefusalReason::TooLarge, text);
        }
        if update.items.iter().any(is_too_large) {
            let text = format!(
                "an output above {MAX_OUTPUT} bytes, or a chunk of it above {MAX_CHUNK} bytes"
            );
            return self.refuse(&peer.origin, RefusalReason::TooLarge, text);
        }
        if update.items.iter().any(is_beyond_counting) {
            let text = "a chunk of output at an offset that nobody can have reached";
            return self.refuse(&peer.origin, RefusalReason::Invalid, text);
        }
        // News of one task keep their order; those of different tasks share a commit.
        let mut runs: Vec<Vec<(usize, UpdateItem)>> = Vec::new();
        for (position, item) in update.items.into_iter().enumerate() {
            let same = |run: &&mut Vec<(usize, UpdateItem)>| {
                run.first()
                    .is_some_and(|(_, first)| first.task == item.task)
            };
            match runs.iter_mut().find(same) {
                Some(run) => run.push((position, item)),
                None => runs.push(vec![(position, item)]),
            }
        }
        let results = join_all(runs.into_iter().map(|run| self.settle(peer, run))).await;
        let mut verdicts = vec![Verdict::Unknown; count];
        for result in results {
            match self.watch(result) {
                Ok(settled) => {
                    for (position, verdict) in settled {
                        if let Some(slot) = verdicts.get_mut(position) {
                            *slot = verdict;
                        }
                    }
                }
                // What was committed is answered ok when the agent sends it again.
                Err(error) => return self.store_says(peer, &error),
            }
        }
        Response::Verdicts(verdicts)
    }

    /// Output that is no JSON is kept as a JSON string: the work was done, and the API embeds it. Of a
    /// failure's words as much is kept as people read.
    fn readable(&self, peer: &Peer, mut event: AgentEvent) -> AgentEvent {
        let broken = |payload: &Payload| !is_json(payload);
        if let AgentEvent::Finish(Finish {
            failure: Some(failure),
            ..
        })
        | AgentEvent::Reject(failure)
        | AgentEvent::Retry { failure, .. } = &mut event
        {
            cut(&mut failure.code, MAX_CODE);
            cut(&mut failure.message, MAX_MESSAGE);
        }
        match event {
            AgentEvent::Finish(mut finish) if finish.output.as_ref().is_some_and(broken) => {
                self.refusals
                    .count(&peer.origin, "output_not_json", self.runtime.now());
                finish.output = finish.output.as_ref().map(as_string);
                AgentEvent::Finish(finish)
            }
            AgentEvent::Progress(progress) if broken(&progress) => {
                self.refusals
                    .count(&peer.origin, "output_not_json", self.runtime.now());
                AgentEvent::Progress(as_string(&progress))
            }
            event => event,
        }
    }

    /// Applies the news of one task in their order.
    async fn settle(
        &self,
        peer: &Peer,
        run: Vec<(usize, UpdateItem)>,
    ) -> Result<Vec<(usize, Verdict)>, StoreError> {
        let mut settled = Vec::with_capacity(run.len());
        for (position, item) in run {
            let event = Event::Said(item.attempt, self.readable(peer, item.event));
            let now = self.now();
            let tasks = &self.stores.tasks;
            let applied = tasks.apply_from(peer.agent, item.task, &event, now).await?;
            let verdict = match applied {
                Some(applied) => {
                    if applied.result == Ok(AppliedKind::Changed) {
                        self.wrote();
                        self.task_changed(peer.agent, item.task);
                    }
                    verdict(&event, &applied)
                }
                None => Verdict::Unknown,
            };
            settled.push((position, verdict));
        }
        Ok(settled)
    }
}

fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

/// The text itself, as a JSON string.
fn as_string(payload: &Payload) -> Payload {
    let text = String::from_utf8_lossy(payload.as_bytes()).into_owned();
    Payload::from_json_text(serde_json::Value::String(text).to_string())
}

fn is_too_large(item: &UpdateItem) -> bool {
    match &item.event {
        AgentEvent::Finish(finish) => finish
            .output
            .as_ref()
            .is_some_and(|output| output.len() > MAX_OUTPUT),
        AgentEvent::Progress(progress) => progress.len() > MAX_OUTPUT,
        AgentEvent::Accept { .. }
        | AgentEvent::Reject(_)
        | AgentEvent::Start
        | AgentEvent::Retry { .. }
        | AgentEvent::CancelConfirmed
        | AgentEvent::Expire => false,
        AgentEvent::Output(chunk) => chunk.text.len() > MAX_CHUNK,
    }
}

/// A chunk whose end no store can count: they keep numbers with a sign.
fn is_beyond_counting(item: &UpdateItem) -> bool {
    let AgentEvent::Output(chunk) = &item.event else {
        return false;
    };
    let length = u64::try_from(chunk.text.len()).ok();
    let end = length.and_then(|length| chunk.offset.checked_add(length));
    end.is_none_or(|end| i64::try_from(end).is_err())
}

fn verdict(event: &Event, applied: &AppliedEvent) -> Verdict {
    let state = applied.task.state.name();
    match applied.result {
        Ok(_) if accepts_too_late(event, &applied.task.state.phase) => Verdict::Refused(state),
        Ok(AppliedKind::Changed | AppliedKind::Same | AppliedKind::Evidence) => Verdict::Ok,
        Err(Fault::Stale) => Verdict::Stale,
        Err(Fault::Illegal(state)) => Verdict::Refused(state),
    }
}

/// Who is told ok starts the handler, so a task that ended before its start refuses: its ttl had
/// passed, or this is said again and meanwhile the task was ended. One that has run since is only
/// spoken of once more.
fn accepts_too_late(event: &Event, phase: &Phase) -> bool {
    let unstarted = matches!(phase, Phase::Ended { reached, .. } if *reached < Reached::Running);
    unstarted && matches!(event, Event::Said(_, AgentEvent::Accept { .. }))
}
