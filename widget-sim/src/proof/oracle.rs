//! [`Oracle`]: asks for tasks as a client of the API would, remembers each answer, and what excuses what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::Payload;
use widget_core::id::{AgentId, TaskId};
use widget_core::store::{AppliedKind, MemoryStore};
use widget_core::task::{Actor, DEFAULT_TTL, Once, Outcome, SHUTDOWN_TTL, StateName};
use widget_core::testkit::fixtures::NOW;
use widget_core::time::{Mono, Timestamp};
use widget_server::{SendError, ServerHandle, TaskRequest};

use super::bad;
use super::plan::{Kind, TaskPlan};
use crate::{Desk, SimServer, World};

/// One task that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) plan: TaskPlan,
    pub(super) agent: AgentId,
    /// Which task it is, once that was answered, and when.
    pub(super) accepted: Option<(TaskId, Mono)>,
    /// All that was answered to the same question, and when.
    pub(super) answers: Vec<(TaskId, Mono)>,
    /// The same moment of every time that it is asked for.
    not_before: Option<Timestamp>,
    /// It cannot be had: the agent is not there, or the time was over.
    pub(super) refused: bool,
    pub(super) cancel_asked: bool,
    /// It is being asked for at this moment.
    asking: bool,
    /// How it had ended when that was first seen, and when that was.
    pub(super) end: Option<(Mono, Outcome)>,
}

/// Asks, and remembers. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Oracle {
    world: World,
    server: Arc<Mutex<Option<Desk>>>,
    all: Arc<Mutex<All>>,
}

#[derive(Debug, Default)]
pub(super) struct All {
    pub(super) asked: Vec<Asked>,
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) broken: Vec<String>,
}

impl Oracle {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            server: Arc::default(),
            all: Arc::default(),
        }
    }

    pub(super) fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this server is asked, until its process ends.
    pub(super) fn serves(&self, server: &SimServer) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server.desk();
    }

    /// Asks something in the server's process; none if that ends before the answer.
    fn call<T, F, Fut>(&self, what: F) -> impl Future<Output = Option<T>> + Send + use<T, F, Fut>
    where
        T: Send + 'static,
        F: FnOnce(ServerHandle) -> Fut,
        Fut: Future<Output = T> + Send + 'static,
    {
        let served = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = served.as_ref().map(|desk| desk.ask(what));
        async move { answer?.await }
    }

    /// Asks for a task for the first time; gives its number.
    pub(super) fn ask(&self, agent: AgentId, plan: &TaskPlan) -> usize {
        let wall = {
            let served = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            served.as_ref().map_or(NOW, |desk| desk.handle().wall())
        };
        let mut all = self.all();
        all.asked.push(Asked {
            plan: plan.clone(),
            agent,
            accepted: None,
            answers: Vec::new(),
            not_before: plan.not_before.map(|wait| wall.after(wait)),
            refused: false,
            cancel_asked: false,
            asking: false,
            end: None,
        });
        let number = all.asked.len() - 1;
        drop(all);
        self.ask_again(number);
        number
    }

    /// Asks for it, under the same key as ever.
    pub(super) fn ask_again(&self, number: usize) {
        let request = {
            let mut all = self.all();
            let asked = &mut all.asked[number];
            if std::mem::replace(&mut asked.asking, true) {
                return;
            }
            let lasts = asked.plan.lasts.as_millis().to_string();
            TaskRequest {
                ttl: asked.plan.ttl,
                timeout: asked.plan.timeout,
                not_before: asked.not_before,
                priority: asked.plan.priority,
                ordering_key: asked.plan.key.map(|key| format!("key-{key}")),
                once: Once::Key(key(number)),
                ..TaskRequest::new(
                    asked.agent,
                    asked.plan.kind.as_str(),
                    Payload::from_json_text(lasts),
                )
            }
        };
        let answer = self.call(move |handle| async move {
            let inserted = handle.submit(request, Actor::Api).await;
            inserted.map(|inserted| inserted.task.id)
        });
        let this = self.clone();
        self.world.spawn(async move {
            let answer = answer.await;
            this.all().asked[number].asking = false;
            if let Some(answer) = answer {
                this.answered(number, answer);
            }
        });
    }

    /// Asks for something that is to be refused.
    pub(super) fn ask_badly(&self, number: u64) {
        let request = bad::request(number);
        let answer =
            self.call(move |handle| async move { handle.submit(request, Actor::Api).await.err() });
        let this = self.clone();
        self.world.spawn(async move {
            let Some(refused) = answer.await else {
                return;
            };
            let mut all = this.all();
            if let Some(error) = refused {
                let word = format!("asked: {}", bad::name(&error));
                *all.answers.entry(word).or_default() += 1;
            } else {
                let text = format!("a bad task was taken: number {number} of the bad ones");
                all.broken.push(text);
            }
        });
    }

    /// Deletes an agent, or purges what is queued for it, if the server hears it.
    pub(super) fn delete(&self, agent: AgentId) {
        let answer = self.call(move |handle| async move { handle.delete(agent).await });
        self.world.spawn(async move {
            answer.await;
        });
    }

    /// See [`ServerHandle::purge`].
    pub(super) fn purge(&self, agent: AgentId) {
        let answer = self.call(move |handle| async move { handle.purge(agent, Actor::Api).await });
        self.world.spawn(async move {
            answer.await;
        });
    }

    /// See [`ServerHandle::release`].
    pub(super) fn release(&self, agent: AgentId) {
        let answer = self.call(move |handle| async move { handle.release(agent).await });
        self.world.spawn(async move {
            answer.await;
        });
    }

    fn answered(&self, number: usize, answer: Result<TaskId, SendError>) {
        let now = self.world.now();
        let mut all = self.all();
        let word = match &answer {
            Ok(_) => "ok",
            Err(error) => bad::name(error),
        };
        *all.answers.entry(format!("asked: {word}")).or_default() += 1;
        let asked = &mut all.asked[number];
        match answer {
            Ok(id) | Err(SendError::KeyReused(id)) => {
                asked.answers.push((id, now));
                asked.accepted.get_or_insert((id, now));
            }
            Err(SendError::NotBefore(_) | SendError::AgentIsV1) => asked.refused = true,
            Err(SendError::UnknownAgent | SendError::Store(_)) => {}
            Err(error) => {
                let text = format!("a good task was refused: {error}");
                all.broken.push(text);
            }
        }
    }

    /// Asks for the end of a task, if it is known which one that is.
    pub(super) fn cancel(&self, number: usize) {
        let id = {
            let mut all = self.all();
            let asked = &mut all.asked[number];
            let Some((id, _)) = asked.accepted else {
                return;
            };
            asked.cancel_asked = true;
            id
        };
        let answer = self.call(move |handle| async move { handle.cancel(id, Actor::Api).await });
        let this = self.clone();
        self.world.spawn(async move {
            let Some(Ok(Some(applied))) = answer.await else {
                return;
            };
            let outcome = applied.task.state.outcome().cloned();
            if applied.result == Ok(AppliedKind::Changed)
                && let Some(outcome) = outcome
            {
                this.saw(number, outcome);
            }
        });
    }

    fn saw(&self, number: usize, outcome: Outcome) {
        let now = self.world.now();
        self.all().asked[number].end.get_or_insert((now, outcome));
    }

    /// Looks at the rows of all tasks that had not ended; says how many have not.
    pub(super) fn look(&self, rows: &MemoryStore) -> usize {
        let open: Vec<(usize, Option<TaskId>)> = {
            let all = self.all();
            let asked = all.asked.iter().enumerate();
            let open = asked.filter(|(_, asked)| asked.end.is_none() && !asked.refused);
            open.map(|(number, asked)| (number, asked.accepted.map(|(id, _)| id)))
                .collect()
        };
        let mut left = 0;
        for (number, id) in open {
            let Some(id) = id else {
                left += 1;
                continue;
            };
            match rows
                .peek(id, |task| task.state.outcome().cloned())
                .flatten()
            {
                Some(outcome) => self.saw(number, outcome),
                None => left += 1,
            }
        }
        left
    }

    /// Those that nobody has answered for.
    pub(super) fn unanswered(&self) -> Vec<usize> {
        let all = self.all();
        let asked = all.asked.iter().enumerate();
        let open = asked.filter(|(_, asked)| asked.accepted.is_none() && !asked.refused);
        open.map(|(number, _)| number).collect()
    }

    /// After a restore: what was seen of ends since then counts no more, and what was answered since
    /// then may not be there.
    pub(super) fn restored(&self, from: Mono) {
        for asked in &mut self.all().asked {
            if asked.end.as_ref().is_some_and(|(at, _)| *at >= from) {
                asked.end = None;
            }
        }
    }
}

impl Asked {
    /// Whether its end was seen before its time was over.
    pub(super) fn ended_before_its_ttl(&self) -> bool {
        let usual = match self.plan.kind {
            Kind::Shutdown | Kind::Restart => SHUTDOWN_TTL,
            _ => DEFAULT_TTL,
        };
        let until = self.plan.at + self.plan.ttl.unwrap_or(usual);
        let mut end = self.end.iter();
        end.any(|(at, _)| at.since_start() < until)
    }

    /// Whether it went on for long after its end had been asked for.
    pub(super) fn went_on(&self) -> bool {
        let cancel = self.plan.cancel.filter(|_| self.cancel_asked);
        let until = cancel.map(|after| self.plan.at + after + Duration::from_secs(6));
        let end = self.end.as_ref().map(|(at, _)| at.since_start());
        until.zip(end).is_some_and(|(until, end)| end > until)
    }

    /// Whether this end says that nothing has happened.
    pub(super) const fn says_nothing_happened(state: StateName) -> bool {
        matches!(
            state,
            StateName::Cancelled | StateName::Expired | StateName::Rejected
        )
    }
}

/// The idempotency key of the task with this number.
pub(super) fn key(number: usize) -> String {
    format!("task-{number}")
}

/// For so long a task may wait to end once nothing goes wrong any more.
pub(super) const SETTLE: Duration = Duration::from_secs(300);
