//! How often a second an agent's spool on disk keeps a change of a task, each synced before the next,
//! beside bare appends of as many bytes with one fdatasync each, on the same disk in the same run.

use std::io::Write;
use std::time::{Duration, Instant};

use widget_agent::FileDisk;
use widget_benches::EPOCH;
use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::WorkTask;
use widget_core::spool::{DEFAULT_LIMIT, LogSpool, Process, Record, Spool};
use widget_core::task::{AgentEvent, Finish};
use widget_core::time::Timestamp;

use crate::Plan;
use crate::dispatch::directory;
use crate::table::{Bar, Subject, Tables};

/// About what the four records of a small task take on average, with what stands around them.
const APPEND: usize = 96;

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    let subject = Subject {
        what: "commits of an agent's spool on disk",
        floor: "bare appends with fdatasync",
        unit: "commits/s",
        bar: Bar::None,
    };
    let time = Duration::from_millis(plan.millis);
    tables.compare(subject, plan.rounds, || commits(time), || appends(time));
}

fn commits(time: Duration) -> f64 {
    let directory = directory();
    let disk = FileDisk::open(directory.path()).unwrap();
    let now = Timestamp::from_millis(1_795_361_105_007);
    let mut spool = LogSpool::open(Box::new(disk), DEFAULT_LIMIT, EPOCH, now).spool;
    let mut number = 0_u64;
    rate(time, || {
        let record = record(number);
        number += 1;
        spool.commit(&[record]).unwrap();
    })
}

fn appends(time: Duration) -> f64 {
    let directory = directory();
    let mut file = std::fs::File::create(directory.path().join("file")).unwrap();
    rate(time, || {
        file.write_all(&[7; APPEND]).unwrap();
        file.sync_data().unwrap();
    })
}

fn rate(time: Duration, mut one: impl FnMut()) -> f64 {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        one();
        done += 1;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

/// The life of one small task after the other: taken, started, over, forgotten.
fn record(number: u64) -> Record {
    let sequence = number / 4 + 1;
    let task = TaskId::from_bytes(u128::from(sequence).to_be_bytes());
    match number % 4 {
        0 => {
            let task = WorkTask {
                task,
                attempt: Attempt(1),
                sequence,
                kind: "bench".into(),
                input: Payload::null(),
                ttl_ms: 86_400_000,
                timeout_ms: None,
                priority: 0,
                ordering_key: None,
                failures: 0,
                losses: 0,
            };
            Record::Taken {
                task: Box::new(task),
                idempotent: false,
            }
        }
        1 => Record::Started {
            task,
            process: Process::default(),
        },
        2 => Record::Over {
            task,
            last: AgentEvent::Finish(Finish::succeeded(Payload::null())),
        },
        _ => Record::Forgotten { task, spent: true },
    }
}
