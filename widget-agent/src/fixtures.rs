//! What the tests of the ledger have in common.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has to fail"
)]

use widget_core::Payload;
use widget_core::id::{Attempt, TaskId};
use widget_core::message::{Verdict, WorkTask};
use widget_core::spool::{Process, Record};
use widget_core::task::{AgentEvent, Failure, Finish};
use widget_core::time::Timestamp;

use crate::tasks::{Ledger, Limits, Prepared, Start};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(100);

pub(crate) fn id(number: u64) -> TaskId {
    TaskId::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn work(number: u64) -> WorkTask {
    WorkTask {
        task: id(number),
        attempt: Attempt(1),
        sequence: number,
        kind: "test".to_owned(),
        input: Payload::null(),
        ttl_ms: 60_000,
        timeout_ms: None,
        priority: 0,
        ordering_key: None,
        failures: 0,
        losses: 0,
    }
}

pub(crate) fn here(pid: u32) -> Process {
    Process {
        boot: "boot \"1\"".to_owned(),
        pid,
        start: [0; 16],
    }
}

pub(crate) fn durable(kinds: &[(&str, u16)]) -> Ledger<()> {
    let mut limits = Limits {
        tasks: 64,
        durable: true,
        ..Limits::default()
    };
    for (kind, most) in kinds {
        limits.kinds.insert((*kind).to_owned(), *most);
    }
    Ledger::new(limits, here(2))
}

pub(crate) fn prepared(_: &WorkTask) -> Result<Prepared<()>, Failure> {
    Ok(Prepared {
        job: (),
        idempotent: false,
        start_first: false,
    })
}

/// Keeps what was noted, and gives it.
pub(crate) fn keep(ledger: &mut Ledger<()>) -> Vec<Record> {
    let Some(group) = ledger.notes().take() else {
        return Vec::new();
    };
    let records = group.records.clone();
    ledger.notes().done(group, records.len());
    records
}

/// What is said next, all of which gets this verdict.
pub(crate) fn say(ledger: &mut Ledger<()>, verdict: Verdict, now: Timestamp) -> Vec<AgentEvent> {
    let Some(update) = ledger.update(64) else {
        return Vec::new();
    };
    ledger.settle(&update, &vec![verdict; update.items.len()], now);
    update.items.into_iter().map(|item| item.event).collect()
}

/// Starts what can start once the spool has kept that.
pub(crate) fn start(ledger: &mut Ledger<()>, now: Timestamp) -> Vec<Start<()>> {
    assert!(ledger.starts(now).is_empty(), "its start is not kept");
    keep(ledger);
    ledger.starts(now)
}

pub(crate) fn offer(ledger: &mut Ledger<()>, task: &WorkTask) {
    assert!(ledger.meet(task));
    ledger.take(task, prepared(task), NOW);
}

/// A ledger in which task 1 runs and task 2 waits for its slot.
pub(crate) fn queue() -> Ledger<()> {
    let mut ledger = durable(&[("test", 1)]);
    offer(&mut ledger, &work(1));
    offer(&mut ledger, &work(2));
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    assert_eq!(start(&mut ledger, NOW).len(), 1);
    say(&mut ledger, Verdict::Ok, NOW);
    assert!(!ledger.can_start());
    ledger
}

pub(crate) fn done() -> AgentEvent {
    AgentEvent::Finish(Finish::succeeded(Payload::null()))
}
