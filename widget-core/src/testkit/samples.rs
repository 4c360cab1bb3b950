//! One sample of each message that travels, and of each variant within, the ends of what fields
//! can be among them.

use super::fixtures::{agent, epoch, json, secret, store_epoch, task_id};
use crate::Payload;
use crate::id::Attempt;
use crate::message::{
    Assigned, Cancel, Command, Credential, Describe, Enrol, Goodbye, HandlerInfo, Held, Hello,
    KindRoom, Limits, Opening, Pacing, Refusal, RefusalReason, RequestWork, Response, Seen, Submit,
    Update, UpdateItem, Verdict, Welcome, Work, WorkTask,
};
use crate::report::{Report, Thinned};
use crate::task::{AgentEvent, Chunk, Failure, Finish, FinishKind, StateName};
use crate::time::Timestamp;

const REFUSALS: [RefusalReason; 6] = [
    RefusalReason::Version,
    RefusalReason::Credential,
    RefusalReason::Replaced,
    RefusalReason::Invalid,
    RefusalReason::TooLarge,
    RefusalReason::Session,
];

const FINISHES: [FinishKind; 5] = [
    FinishKind::Succeeded,
    FinishKind::Failed,
    FinishKind::Stopped,
    FinishKind::TimedOut,
    FinishKind::Interrupted,
];

/// Each opening, small and large.
#[must_use]
pub fn openings() -> Vec<Opening> {
    let small = Hello {
        versions: (0, u16::MAX),
        codecs: vec![],
        agent: agent(0),
        epoch: epoch(255),
        seen: None,
        credential: Credential::None,
        extras: vec![],
    };
    let large = Hello {
        versions: (2, 2),
        codecs: (0..=255).collect(),
        agent: agent(1),
        epoch: epoch(2),
        seen: Some(Seen {
            stores: vec![store_epoch(3), store_epoch(4)],
            sequence: u64::MAX,
            at: Timestamp::from_millis(253_402_300_799_999),
        }),
        credential: Credential::None,
        extras: vec![(0, vec![]), (u16::MAX, vec![0xff; 300])],
    };
    let proven = |hello: &Hello, n| Hello {
        credential: Credential::Secret(secret(n)),
        ..hello.clone()
    };
    let enrol = |n, hello, extras| {
        Opening::Enrol(Enrol {
            token: secret(n),
            hello,
            extras,
        })
    };
    vec![
        Opening::Hello(small.clone()),
        Opening::Hello(large.clone()),
        Opening::Hello(proven(&small, 1)),
        enrol(0, small.clone(), vec![]),
        enrol(255, proven(&large, 2), vec![(1, vec![3; 16])]),
    ]
}

/// Each command, small and large, with each thing that an agent can say of a task.
#[must_use]
pub fn commands() -> Vec<Command> {
    let mut commands = vec![
        Command::Describe(Describe::default()),
        Command::Describe(describe()),
        Command::Submit(Submit {
            epoch: epoch(0),
            after: 0,
            reports: vec![],
            dropped: 0,
        }),
        Command::Submit(Submit {
            epoch: epoch(9),
            after: u64::MAX,
            reports: reports(),
            dropped: u64::MAX,
        }),
        Command::RequestWork(RequestWork::default()),
        Command::RequestWork(RequestWork {
            room: u16::MAX,
            wait_ms: u32::MAX,
            holding: [false, true].map(held).to_vec(),
            kinds: [("", 0), ("reindex", u16::MAX)].map(kind_room).to_vec(),
        }),
        Command::Update(Update { items: vec![] }),
        Command::Update(Update {
            items: agent_events().into_iter().map(item).collect(),
        }),
    ];
    for (task, spool_gone) in [(None, false), (Some((task_id(1), Attempt(u32::MAX))), true)] {
        commands.push(Command::Goodbye(Goodbye {
            reason: "zum Schluß 🦀".into(),
            task,
            spool_gone,
        }));
    }
    commands
}

/// Each response, small and large, with each verdict and each reason of a refusal.
#[must_use]
pub fn responses() -> Vec<Response> {
    let mut verdicts = vec![Verdict::Ok, Verdict::Stale, Verdict::Unknown];
    verdicts.extend(StateName::ALL.map(Verdict::Refused));
    let mut responses = vec![
        Response::Welcome(Welcome {
            version: 2,
            session: String::new(),
            store: store_epoch(0),
            sequence: 0,
            pacing: Pacing::default(),
            limits: Limits::default(),
            extras: vec![],
            known: false,
        }),
        Response::Welcome(Welcome {
            version: u16::MAX,
            session: "x".repeat(118),
            store: store_epoch(255),
            sequence: u64::MAX,
            pacing: Pacing {
                submit_ms: u32::MAX,
                reconnect_ms: 0,
            },
            limits: Limits {
                frame: u32::MAX,
                wait_ms: 0,
                reports: u32::MAX,
            },
            extras: vec![(7, vec![1, 2, 3])],
            known: true,
        }),
        Response::ACK,
        Response::Ack {
            through: Some(u64::MAX),
        },
        Response::Work(Work::default()),
        Response::Work(work()),
        Response::Work(large_work()),
        Response::Verdicts(vec![]),
        Response::Verdicts(verdicts),
        Response::Busy {
            retry_after_ms: u32::MAX,
        },
        Response::Unsupported,
    ];
    responses.extend(REFUSALS.map(|reason| Response::refused(reason, "because: ünïcode")));
    responses.push(Response::Refused(Refusal {
        reason: RefusalReason::Invalid,
        text: String::new(),
    }));
    responses.push(Response::Assigned(Assigned::default()));
    let by = vec!["token:dép".into(), String::new()];
    responses.push(Response::Assigned(Assigned { work: work(), by }));
    responses
}

/// Each thing that an agent can say of a task.
#[must_use]
pub fn agent_events() -> Vec<AgentEvent> {
    let mut events = vec![
        AgentEvent::Accept { idempotent: false },
        AgentEvent::Accept { idempotent: true },
        AgentEvent::Reject(Failure::new("unknown_kind", "there is no such handler")),
        AgentEvent::Start,
        AgentEvent::Progress(json("{\"done\":0.5}")),
        AgentEvent::Retry {
            failure: Failure::new("", ""),
            after_ms: u64::MAX,
            lost: false,
        },
        AgentEvent::CancelConfirmed,
        AgentEvent::Expire,
        AgentEvent::Finish(Finish::succeeded(json(&format!("[{}0]", "0,".repeat(100))))),
    ];
    events.extend(FINISHES.map(|kind| {
        let failure = Failure::new("code", "a sentence");
        AgentEvent::Finish(Finish::without(kind, failure))
    }));
    let cut = Finish {
        cut: Some(u64::MAX),
        ..Finish::succeeded(json("\"the beginning\""))
    };
    let chunk = |offset, text: &str| {
        AgentEvent::Output(Chunk {
            offset,
            text: text.into(),
        })
    };
    events.extend([
        AgentEvent::Finish(cut),
        AgentEvent::Retry {
            failure: Failure::new("agent_lost", "the agent ended while it ran"),
            after_ms: 0,
            lost: true,
        },
        chunk(0, ""),
        chunk(u64::MAX, "a line, ünïcode\n"),
    ]);
    events
}

fn item(event: AgentEvent) -> UpdateItem {
    UpdateItem {
        task: task_id(200),
        attempt: Attempt(300),
        event,
    }
}

fn held(cancel_seen: bool) -> Held {
    Held {
        task: task_id(7),
        attempt: Attempt(u32::MAX),
        cancel_seen,
    }
}

fn kind_room((kind, room): (&str, u16)) -> KindRoom {
    KindRoom {
        kind: kind.into(),
        room,
    }
}

fn describe() -> Describe {
    let handler = |kind: &str, schema| HandlerInfo {
        kind: kind.into(),
        idempotent: true,
        schema,
    };
    Describe {
        host: "höst".into(),
        os: "Linux 6.1".into(),
        boot: "x".repeat(300),
        version: "0.1.0".into(),
        labels: vec![("zone".into(), "a".into()), (String::new(), String::new())],
        interval_ms: u64::MAX,
        handlers: vec![
            handler("shutdown", None),
            handler("reindex", Some(json("{\"type\":\"object\"}"))),
        ],
    }
}

fn reports() -> Vec<Report> {
    let least = Report {
        seq: 0,
        at: Timestamp::from_millis(0),
        total_memory: 0,
        used_memory: 0,
        average_cpu: -0.0,
        gauges: vec![],
        thinned: None,
    };
    let most = Report {
        seq: u64::MAX,
        at: Timestamp::from_millis(253_402_300_799_999),
        total_memory: u64::MAX,
        used_memory: u64::MAX,
        average_cpu: f32::MAX,
        gauges: vec![("a".into(), f64::MIN_POSITIVE), ("b".into(), f64::MIN)],
        thinned: None,
    };
    let thinned = Report {
        seq: 9,
        thinned: Some(Box::new(Thinned {
            count: u32::MAX,
            from: Timestamp::from_millis(0),
            used_memory: (0, u64::MAX),
            average_cpu: (-0.0, f32::MAX),
            gauges: vec![(f64::MIN, f64::MAX), (-0.0, f64::MIN_POSITIVE)],
        })),
        ..most.clone()
    };
    vec![least, most, thinned]
}

fn work() -> Work {
    let plain = WorkTask {
        task: task_id(1),
        attempt: Attempt(1),
        sequence: 0,
        kind: "shutdown".into(),
        input: Payload::null(),
        ttl_ms: 0,
        timeout_ms: None,
        priority: i16::MIN,
        ordering_key: None,
        failures: 0,
        losses: 0,
    };
    let full = WorkTask {
        sequence: u64::MAX,
        input: json("{\"index\":\"größte\"}"),
        ttl_ms: u64::MAX,
        timeout_ms: Some(u64::MAX),
        priority: i16::MAX,
        ordering_key: Some("disk".into()),
        failures: u32::MAX,
        losses: 2,
        ..plain.clone()
    };
    let cancel = Cancel {
        task: task_id(3),
        attempt: Attempt(0),
    };
    Work {
        tasks: vec![plain, full],
        cancel: vec![cancel],
        at: Timestamp::from_millis(253_402_300_799_999),
    }
}

/// Longer than any buffer that is made ahead.
fn large_work() -> Work {
    let mut work = work();
    for task in &mut work.tasks {
        task.input = json(&"1".repeat(70_000));
    }
    work
}
