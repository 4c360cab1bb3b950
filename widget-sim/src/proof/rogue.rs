//! An agent of another make: it says what comes to its mind, in any order. Nothing that it says may harm
//! anybody, and its tasks obey the same rules.

use std::sync::Arc;
use std::time::Duration;

use widget_core::access::Secret;
use widget_core::id::{AgentId, Attempt, SpoolEpoch, TaskId};
use widget_core::message::{
    Command, Credential, Describe, Enrol, Goodbye, HandlerInfo, Held, Hello, Opening, RequestWork,
    Response, Submit, Update, UpdateItem,
};
use widget_core::runtime::{Runtime, RuntimeExt};
use widget_core::task::AgentEvent;
use widget_core::testkit::fixtures::report;
use widget_core::transport::{Connection, Transport};

use super::bad::BAD;
use super::checks::STRANGER;
use super::director::SERVER;
use super::edges::words;
use super::joined::{secret, used_up};
use super::oracle::Oracle;
use super::plan::{Kind, TaskPlan};
use crate::{SimRuntime, SimTransport, Switchboard, World};

/// Who it is.
pub(super) const ROGUE: AgentId = AgentId::from_u128(0x0bad);
/// So many of its tasks are late ones.
const LATE: usize = 4;
/// How many tasks it is asked for.
const TASKS: usize = 24;

/// Begins to talk, for as long as things go wrong. Then it is deleted.
pub(super) fn begin(
    world: &World,
    board: &Switchboard,
    oracle: &Oracle,
    (chaos, joined): (Duration, bool),
) {
    let runtime = world.process("rogue");
    let transport = SimTransport::new(runtime.clone(), board.clone(), SERVER);
    let talk = Talk {
        runtime: runtime.clone(),
        transport,
        tasks: Vec::new(),
        mood: Mood::Any,
        names: world.chance(500),
        joined,
    };
    runtime.spawn(Box::pin(talk.run(chaos)));
    let (oracle, inner) = (oracle.clone(), world.clone());
    world.spawn(async move {
        for number in 0..TASKS {
            let pause = inner.between(Duration::ZERO, chaos / TASKS as u32);
            inner.sleep(pause).await;
            let asked = oracle.ask(ROGUE, &task(number, &inner));
            if number == 0 {
                oracle.ask_badly(inner.below(BAD));
            }
            if inner.chance(300) {
                let (oracle, world) = (oracle.clone(), inner.clone());
                inner.spawn(async move {
                    let wait = world.between(Duration::ZERO, Duration::from_secs(5));
                    world.sleep(wait).await;
                    oracle.cancel(asked);
                });
            }
        }
    });
}

fn task(number: usize, world: &World) -> TaskPlan {
    TaskPlan {
        lasts: Duration::from_millis(number as u64),
        ttl: world
            .chance(500)
            .then(|| world.between(Duration::from_secs(3), Duration::from_secs(25))),
        ..TaskPlan::plain(world, STRANGER, Kind::Unknown)
    }
}

struct Talk {
    runtime: SimRuntime,
    transport: SimTransport,
    /// What it was ever handed.
    tasks: Vec<(TaskId, Attempt)>,
    mood: Mood,
    /// Whether it names what it has.
    names: bool,
    /// It has joined: its secret says who it is, and nothing else does.
    joined: bool,
}

/// Which words it has on one connection. By mere chance some stories would hardly ever be told.
#[derive(Debug, Clone, Copy)]
enum Mood {
    /// All of them.
    Any,
    /// It accepts, and is lost again and again.
    Lost,
    /// It accepts, and fails before it starts.
    Fails,
    /// It accepts, and asks again.
    Asks,
}

impl Mood {
    const ALL: [Self; 6] = [
        Self::Any,
        Self::Any,
        Self::Any,
        Self::Lost,
        Self::Fails,
        Self::Asks,
    ];

    const fn has(self, word: &AgentEvent) -> bool {
        match (self, word) {
            (Self::Any, _) | (Self::Asks, AgentEvent::Accept { .. }) => true,
            (Self::Lost | Self::Fails, AgentEvent::Accept { idempotent }) => *idempotent,
            (Self::Lost, AgentEvent::Retry { lost, .. }) => *lost,
            (Self::Fails, AgentEvent::Retry { lost, .. }) => !*lost,
            _ => false,
        }
    }
}

impl Talk {
    async fn run(mut self, chaos: Duration) {
        while self.runtime.world().now().since_start() < chaos {
            let pause = self.between(10, 500);
            self.runtime.sleep(pause).await;
            let connected = self.transport.connect(self.opening()).await;
            let Ok((connection, _)) = connected else {
                continue;
            };
            self.mood = Mood::ALL[self.below(Mood::ALL.len())];
            for _ in 0..self.runtime.world().below(40) {
                let pause = self.between(1, 300);
                self.runtime.sleep(pause).await;
                if self.runtime.world().now().since_start() >= chaos {
                    break;
                }
                if self.say(&connection).await.is_none() {
                    break;
                }
            }
        }
    }

    fn between(&self, least: u64, most: u64) -> Duration {
        let world = self.runtime.world();
        world.between(Duration::from_millis(least), Duration::from_millis(most))
    }

    fn below(&self, limit: usize) -> usize {
        self.runtime.world().below(limit as u64) as usize
    }

    /// One of a few memories, so that an earlier one comes back.
    fn epoch(&self) -> SpoolEpoch {
        SpoolEpoch::from_bytes([self.below(3) as u8 + 1; 16])
    }

    fn opening(&self) -> Opening {
        let versions = if self.below(10) == 0 { (7, 9) } else { (1, 2) };
        let wrong = self.below(15) == 0;
        let hello = Hello {
            versions,
            codecs: vec![1],
            // Who has joined may say that it is another.
            agent: match self.joined && self.below(2) == 0 {
                true => AgentId::from_u128(1),
                false => ROGUE,
            },
            epoch: self.epoch(),
            seen: None,
            credential: match (wrong, self.joined) {
                (true, _) => Credential::Secret(Secret::from_bytes([7; 32])),
                (false, true) => Credential::Secret(secret(ROGUE)),
                (false, false) => Credential::None,
            },
            extras: Vec::new(),
        };
        match self.joined.then(|| self.below(10)) {
            // By a token that is used up, with a secret that nobody knows.
            Some(0) => Opening::Enrol(Enrol {
                token: used_up(),
                hello: Hello {
                    credential: Credential::Secret(Secret::from_bytes([8; 32])),
                    ..hello
                },
                extras: Vec::new(),
            }),
            Some(1) => Opening::Hello(Hello {
                credential: Credential::None,
                ..hello
            }),
            _ => Opening::Hello(hello),
        }
    }

    /// One of those that it was handed, or one that it was not; an attempt that may be another.
    fn pair(&self) -> (TaskId, Attempt) {
        if self.tasks.is_empty() || self.below(20) == 0 {
            return (TaskId::from_bytes([9; 16]), Attempt(1));
        }
        // Mostly a late one, so that earlier ones are left alone for long.
        let count = self.tasks.len();
        let from = if self.below(10) == 0 {
            0
        } else {
            count.saturating_sub(LATE)
        };
        let (task, attempt) = self.tasks[from + self.below(count - from)];
        match self.below(10) {
            0 => (task, Attempt(attempt.0.saturating_sub(1))),
            1 => (task, attempt.next()),
            _ => (task, attempt),
        }
    }

    fn command(&self) -> Command {
        match self.below(12) {
            0 => Command::Describe(Describe {
                handlers: vec![HandlerInfo {
                    kind: Kind::Unknown.as_str().to_owned(),
                    idempotent: self.below(2) == 0,
                    schema: None,
                }],
                ..Describe::default()
            }),
            1 => {
                let after = self.below(50) as u64;
                let seqs = after + 1..after + 1 + self.below(5) as u64;
                Command::Submit(Submit {
                    epoch: self.epoch(),
                    after,
                    // Now and then in no order at all.
                    reports: seqs
                        .map(|seq| report(seq * (self.below(20) as u64 + 19) / 19, 0))
                        .collect(),
                    dropped: self.below(3) as u64,
                })
            }
            2 if self.below(4) == 0 => Command::Goodbye(Goodbye {
                reason: "no reason".to_owned(),
                task: (self.below(2) == 0).then(|| self.pair()),
                spool_gone: self.below(2) == 0,
            }),
            2..6 => {
                let held = if self.names { self.below(3) } else { 0 };
                let held = (0..held).map(|_| self.pair());
                let holding = held.map(|(task, attempt)| Held {
                    task,
                    attempt,
                    cancel_seen: self.below(2) == 0,
                });
                Command::RequestWork(RequestWork {
                    room: self.below(5) as u16,
                    wait_ms: self.below(2_000) as u32,
                    holding: holding.collect(),
                    kinds: Vec::new(),
                })
            }
            _ => {
                let mut words = words();
                words.retain(|word| self.mood.has(word));
                // Now and then none, which is no news.
                let count = if self.below(60) == 0 {
                    0
                } else {
                    self.below(3) + 1
                };
                let items = (0..count).map(|_| {
                    let (task, attempt) = self.pair();
                    UpdateItem {
                        task,
                        attempt,
                        event: words[self.below(words.len())].clone(),
                    }
                });
                Command::Update(Update {
                    items: items.collect(),
                })
            }
        }
    }

    async fn say(&mut self, connection: &Arc<dyn Connection>) -> Option<()> {
        let answer = connection.call(self.command()).await.ok()?;
        if let Response::Work(work) = answer {
            let handed = work.tasks.iter().map(|task| (task.task, task.attempt));
            self.tasks.extend(handed);
        }
        Some(())
    }
}
