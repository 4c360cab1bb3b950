//! [`ScriptedService`]: a small service whose answers a test foretells.
//!
//! | command | answer |
//! |---|---|
//! | Submit | Ack through its last number |
//! | RequestWork that does not wait | as many tasks as there is room for, each with the largest input |
//! | RequestWork that waits | one task, whose sequence is the room, once that was released |
//! | Update | Ok for each item |
//! | Describe, Goodbye | Ack |

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event;

use crate::Payload;
use crate::id::{AgentId, Attempt};
use crate::message::{
    Command, Limits, Opening, Pacing, Refusal, RefusalReason, Response, VERSION, Verdict, Welcome,
    Work, WorkTask, extra,
};
use crate::payload::MAX_INPUT;
use crate::testkit::fixtures::{store_epoch, task_id};
use crate::transport::{Assurance, Origin, Peer, Rejection, Service};
use crate::v1;

/// What the service answers to openings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// [`ScriptedService::welcome`].
    #[default]
    Welcome,
    /// [`ScriptedService::refusal`].
    Refused,
    /// Busy for 1.234 s.
    Busy,
    /// The same welcome to an agent that has joined: it says that this is its id.
    Joined(AgentId),
}

/// A service whose answers a test foretells.
#[derive(Debug, Default)]
pub struct ScriptedService {
    state: Mutex<State>,
    changed: Event,
}

#[derive(Debug, Default)]
struct State {
    answer: Answer,
    refuses_calls: bool,
    openings: Vec<Opening>,
    callers: Vec<Peer>,
    refused: Vec<&'static str>,
    waiting: usize,
    released: BTreeSet<u16>,
    v1: Vec<v1::Command>,
}

impl ScriptedService {
    /// The welcome that it says.
    #[must_use]
    pub fn welcome() -> Welcome {
        Welcome {
            version: VERSION,
            session: String::new(),
            store: store_epoch(9),
            sequence: 42,
            pacing: Pacing::default(),
            limits: Limits::default(),
            extras: vec![(1, vec![2, 3])],
            known: false,
        }
    }

    /// The refusal that it says.
    #[must_use]
    pub fn refusal() -> Refusal {
        Refusal {
            reason: RefusalReason::Replaced,
            text: "another one took its place".to_owned(),
        }
    }

    /// From now on every call is answered with [`ScriptedService::refusal`].
    pub fn refuse_calls(&self) {
        self.lock().refuses_calls = true;
    }

    /// Answers openings so from now on.
    pub fn answer_openings(&self, answer: Answer) {
        self.lock().answer = answer;
    }

    /// Answers the request for work, present or future, that waits and has this room.
    pub fn release(&self, room: u16) {
        self.lock().released.insert(room);
        self.changed.notify(usize::MAX);
    }

    /// Every opening that came.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        self.lock().openings.clone()
    }

    /// Who called, call by call.
    #[must_use]
    pub fn callers(&self) -> Vec<Peer> {
        self.lock().callers.clone()
    }

    /// Every command of version 1 that came.
    #[must_use]
    pub fn commands_v1(&self) -> Vec<v1::Command> {
        self.lock().v1.clone()
    }

    /// What the listener refused, word by word.
    #[must_use]
    pub fn refused(&self) -> Vec<&'static str> {
        self.lock().refused.clone()
    }

    /// Ends when the listener has refused so much.
    pub async fn until_refused(&self, count: usize) {
        self.until(|state| state.refused.len() >= count).await;
    }

    /// Ends when exactly so many requests for work wait.
    pub async fn until_waiting(&self, count: usize) {
        self.until(|state| state.waiting == count).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.listen();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    async fn wait_for_work(&self, room: u16) -> Response {
        let _waiting = Waiting::new(self);
        self.until(|state| state.released.contains(&room)).await;
        Response::Work(Work {
            tasks: vec![task(u64::from(room), Payload::null())],
            cancel: Vec::new(),
            at: crate::time::Timestamp::default(),
        })
    }

    /// Remembers who calls; whether the call is refused.
    fn is_refused(&self, peer: &Peer) -> bool {
        let mut state = self.lock();
        state.callers.push(peer.clone());
        state.refuses_calls
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Service for ScriptedService {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        let hello = match &opening {
            Opening::Hello(hello) => hello,
            Opening::Enrol(enrol) => &enrol.hello,
        };
        let peer = Peer {
            agent: hello.agent,
            epoch: hello.epoch,
            origin: from.clone(),
            assurance: Assurance::Claimed,
        };
        let mut state = self.lock();
        state.openings.push(opening);
        match state.answer {
            Answer::Welcome => Ok((peer, Self::welcome())),
            Answer::Joined(agent) => {
                let mut welcome = Self::welcome();
                welcome.extras = vec![(extra::AGENT, agent.as_bytes().to_vec())];
                let assurance = Assurance::Enrolled;
                let proven = Peer {
                    agent,
                    assurance,
                    ..peer
                };
                Ok((proven, welcome))
            }
            Answer::Refused => Err(Rejection::Refused(Self::refusal())),
            Answer::Busy => Err(Rejection::Busy {
                retry_after: Duration::from_millis(1_234),
            }),
        }
    }

    /// Every peer's own, in plain sight.
    async fn session(&self, peer: &Peer) -> Result<String, Rejection> {
        Ok(format!("{}.{}", peer.agent, peer.epoch))
    }

    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection> {
        let parts = session.split_once('.');
        let parts = parts.and_then(|(a, e)| Some((a.parse().ok()?, e.parse().ok()?)));
        let Some((agent, epoch)) = parts else {
            return Err(Rejection::Refused(Refusal {
                reason: RefusalReason::Session,
                text: "this session proves nothing".to_owned(),
            }));
        };
        Ok(Peer {
            agent,
            epoch,
            origin: from.clone(),
            assurance: Assurance::Claimed,
        })
    }

    async fn call(&self, peer: &Peer, command: Command) -> Response {
        if self.is_refused(peer) {
            return Response::Refused(Self::refusal());
        }
        match command {
            Command::Submit(submit) => Response::Ack {
                through: Some(submit.through()),
            },
            Command::RequestWork(request) if request.wait_ms > 0 => {
                self.wait_for_work(request.room).await
            }
            Command::RequestWork(request) => Response::Work(Work {
                tasks: (1..=u64::from(request.room)).map(large_task).collect(),
                cancel: Vec::new(),
                at: crate::time::Timestamp::default(),
            }),
            Command::Update(update) => {
                Response::Verdicts(update.items.iter().map(|_| Verdict::Ok).collect())
            }
            Command::Describe(_) | Command::Goodbye(_) => Response::ACK,
        }
    }

    /// Number 0 that asks for work is left without a word.
    async fn call_v1(
        &self,
        _: &Origin,
        _: crate::time::Timestamp,
        command: v1::Command,
    ) -> Option<v1::Response> {
        self.lock().v1.push(command);
        match command {
            v1::Command::SubmitData { .. } => Some(v1::Response::Ack),
            v1::Command::RequestWork(0) => None,
            v1::Command::RequestWork(1) => Some(v1::Response::Task(v1::Task::Shutdown)),
            v1::Command::RequestWork(_) => Some(v1::Response::NoWork),
        }
    }

    fn refused(&self, _: &Origin, reason: &'static str) {
        self.lock().refused.push(reason);
        self.changed.notify(usize::MAX);
    }
}

/// Counts a request for work as long as it waits, however it ends.
struct Waiting<'a>(&'a ScriptedService);

impl<'a> Waiting<'a> {
    fn new(service: &'a ScriptedService) -> Self {
        service.lock().waiting += 1;
        service.changed.notify(usize::MAX);
        Self(service)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
        self.0.changed.notify(usize::MAX);
    }
}

/// Task number `sequence` with the largest input, filled with its number.
pub(super) fn large_task(sequence: u64) -> WorkTask {
    let digit = char::from_digit((sequence % 10) as u32, 10).unwrap_or('0');
    task(
        sequence,
        Payload::from_json_text(digit.to_string().repeat(MAX_INPUT)),
    )
}

fn task(sequence: u64, input: Payload) -> WorkTask {
    WorkTask {
        task: task_id((sequence % 256) as u8),
        attempt: Attempt(1),
        sequence,
        kind: "reindex".to_owned(),
        input,
        ttl_ms: 86_400_000,
        timeout_ms: None,
        priority: 0,
        ordering_key: None,
        failures: 0,
        losses: 0,
    }
}
