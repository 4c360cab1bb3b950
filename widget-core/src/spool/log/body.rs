//! The bodies of the log's frames: how records, reports and marks are written and read.
//!
//! A body is nothing but its fields, one after the other. What is unknown in it, too short or left
//! over is damage. New tags may be added, with numbers that were never used; a change of what a tag
//! is followed by needs a new version of the file.
//!
//! | form | bytes |
//! |---|---|
//! | number, length, count | seven bits a byte, the lowest first; all but the last have the highest bit set |
//! | time | as number: milliseconds since 1970, a negative one as 2^64 less |
//! | id, epoch | 16 |
//! | flag | 0 or 1 |
//! | tag | 1 |
//! | text, payload | length, so many bytes |
//! | `T?` | a flag, then a T if it is 1 |
//!
//! | body | fields |
//! |---|---|
//! | [`Kind::Group`](super::frame::Kind) | records, to the end |
//! | `Delivered` | number |
//! | `Report` | seq, time, total memory and used memory as numbers, CPU as `f32`, count of gauges, for each a text and an `f64`, thinned? |
//! | thinned | count of samples, time of the first, least and most used memory, least and most CPU as `f32`, count of gauges, for each least and most as `f64` |
//! | `Marks` | seen?, delivered, next seq and dropped as numbers, count of spent ranges, for each first and last |
//! | seen | count of stores, their epochs, sequence, time |
//!
//! | tag | record | fields |
//! |---|---|---|
//! | 1 | `Seen` | seen |
//! | 2 | `OtherStore` | |
//! | 3 | `Taken` | id, attempt, sequence, kind, payload, ttl and timeout? in milliseconds, priority as `i16`, ordering key?, failures, losses, flag: idempotent |
//! | 4 | `Adopted` | id, attempt |
//! | 5 | `CancelSeen` | id |
//! | 6 | `Started` | id, boot, pid, 16 bytes |
//! | 7 | `Leaving` | id, flag: the host |
//! | 8 | `Over` | id, event |
//! | 9 | `Forgotten` | id, flag: spent |
//!
//! | tag | event | fields |
//! |---|---|---|
//! | 1 | `Accept` | flag: idempotent |
//! | 2 | `Reject` | failure: code, message |
//! | 3 | `Start` | |
//! | 4 | `Progress` | payload |
//! | 5 | `Finish` | tag: 0 succeeded, 1 failed, 2 stopped, 3 timed out, 4 interrupted; payload?, failure?, number? |
//! | 6 | `Retry` | failure, milliseconds, flag: lost |
//! | 7 | `CancelConfirmed` | |
//! | 8 | `Expire` | |
//! | 9 | `Output` | offset, text |

use bytes::BytesMut;

use super::forms::{
    Rest, put_byte, put_bytes, put_flag, put_float, put_length, put_number, put_optional,
    put_small_float, put_time,
};
use crate::id::{Attempt, StoreEpoch, TaskId};
use crate::message::{Seen, WorkTask};
use crate::payload::Payload;
use crate::report::{Report, Thinned};
use crate::spool::contents::Marks;
use crate::spool::{End, Process, Record, Spent};
use crate::task::{AgentEvent, Chunk, Failure, Finish, FinishKind};

const FINISHES: [FinishKind; 5] = [
    FinishKind::Succeeded,
    FinishKind::Failed,
    FinishKind::Stopped,
    FinishKind::TimedOut,
    FinishKind::Interrupted,
];

pub(super) fn put_record(out: &mut BytesMut, record: &Record) {
    match record {
        Record::Seen(seen) => {
            put_byte(out, 1);
            put_seen(out, seen);
        }
        Record::OtherStore => put_byte(out, 2),
        Record::Taken { task, idempotent } => {
            put_head(out, 3, task.task);
            put_work(out, task);
            put_flag(out, *idempotent);
        }
        Record::Adopted { task, attempt } => {
            put_head(out, 4, *task);
            put_number(out, attempt.0.into());
        }
        Record::CancelSeen { task } => put_head(out, 5, *task),
        Record::Started { task, process } => {
            put_head(out, 6, *task);
            put_bytes(out, process.boot.as_bytes());
            put_number(out, process.pid.into());
            out.extend_from_slice(&process.start);
        }
        Record::Leaving { task, end } => {
            put_head(out, 7, *task);
            put_flag(out, *end == End::Host);
        }
        Record::Over { task, last } => {
            put_head(out, 8, *task);
            put_event(out, last);
        }
        Record::Forgotten { task, spent } => {
            put_head(out, 9, *task);
            put_flag(out, *spent);
        }
    }
}

pub(super) fn record(rest: &mut Rest<'_>) -> Record {
    let tag = rest.byte();
    match tag {
        1 => return Record::Seen(seen(rest)),
        2 => return Record::OtherStore,
        _ => {}
    }
    let task = TaskId::from_bytes(rest.sixteen());
    match tag {
        3 => Record::Taken {
            task: Box::new(work(rest, task)),
            idempotent: rest.flag(),
        },
        4 => Record::Adopted {
            task,
            attempt: Attempt(rest.small_number()),
        },
        5 => Record::CancelSeen { task },
        6 => Record::Started {
            task,
            process: Process {
                boot: rest.text(),
                pid: rest.small_number(),
                start: rest.sixteen(),
            },
        },
        7 => Record::Leaving {
            task,
            end: match rest.flag() {
                true => End::Host,
                false => End::Agent,
            },
        },
        8 => Record::Over {
            task,
            last: event(rest),
        },
        9 => Record::Forgotten {
            task,
            spent: rest.flag(),
        },
        _ => {
            rest.fail();
            Record::OtherStore
        }
    }
}

fn put_head(out: &mut BytesMut, tag: u8, task: TaskId) {
    put_byte(out, tag);
    out.extend_from_slice(task.as_bytes());
}

fn put_seen(out: &mut BytesMut, seen: &Seen) {
    put_length(out, seen.stores.len());
    for store in &seen.stores {
        out.extend_from_slice(store.as_bytes());
    }
    put_number(out, seen.sequence);
    put_time(out, seen.at);
}

fn seen(rest: &mut Rest<'_>) -> Seen {
    Seen {
        stores: rest.list(|rest| StoreEpoch::from_bytes(rest.sixteen())),
        sequence: rest.number(),
        at: rest.time(),
    }
}

/// All but the id.
fn put_work(out: &mut BytesMut, task: &WorkTask) {
    put_number(out, task.attempt.0.into());
    put_number(out, task.sequence);
    put_bytes(out, task.kind.as_bytes());
    put_bytes(out, task.input.as_bytes());
    put_number(out, task.ttl_ms);
    put_optional(out, task.timeout_ms, put_number);
    out.extend_from_slice(&task.priority.to_le_bytes());
    let key = task.ordering_key.as_ref();
    put_optional(out, key.map(String::as_bytes), put_bytes);
    put_number(out, task.failures.into());
    put_number(out, task.losses.into());
}

fn work(rest: &mut Rest<'_>, task: TaskId) -> WorkTask {
    WorkTask {
        task,
        attempt: Attempt(rest.small_number()),
        sequence: rest.number(),
        kind: rest.text(),
        input: payload(rest),
        ttl_ms: rest.number(),
        timeout_ms: rest.optional(Rest::number),
        priority: rest.signed(),
        ordering_key: rest.optional(Rest::text),
        failures: rest.small_number(),
        losses: rest.small_number(),
    }
}

/// A copy, since a slice would keep the whole body in memory.
fn payload(rest: &mut Rest<'_>) -> Payload {
    Payload::from_json_text(rest.bytes())
}

fn put_event(out: &mut BytesMut, event: &AgentEvent) {
    match event {
        AgentEvent::Accept { idempotent } => {
            put_byte(out, 1);
            put_flag(out, *idempotent);
        }
        AgentEvent::Reject(failure) => {
            put_byte(out, 2);
            put_failure(out, failure);
        }
        AgentEvent::Start => put_byte(out, 3),
        AgentEvent::Progress(payload) => {
            put_byte(out, 4);
            put_bytes(out, payload.as_bytes());
        }
        AgentEvent::Finish(finish) => {
            put_byte(out, 5);
            // By their order, which the wire keeps too.
            put_byte(out, finish.kind as u8);
            let output = finish.output.as_ref();
            put_optional(out, output.map(Payload::as_bytes), put_bytes);
            put_optional(out, finish.failure.as_ref(), put_failure);
            put_optional(out, finish.cut, put_number);
        }
        AgentEvent::Retry {
            failure,
            after_ms,
            lost,
        } => {
            put_byte(out, 6);
            put_failure(out, failure);
            put_number(out, *after_ms);
            put_flag(out, *lost);
        }
        AgentEvent::CancelConfirmed => put_byte(out, 7),
        AgentEvent::Expire => put_byte(out, 8),
        AgentEvent::Output(chunk) => {
            put_byte(out, 9);
            put_number(out, chunk.offset);
            put_bytes(out, chunk.text.as_bytes());
        }
    }
}

fn event(rest: &mut Rest<'_>) -> AgentEvent {
    match rest.byte() {
        1 => AgentEvent::Accept {
            idempotent: rest.flag(),
        },
        2 => AgentEvent::Reject(failure(rest)),
        3 => AgentEvent::Start,
        4 => AgentEvent::Progress(payload(rest)),
        5 => AgentEvent::Finish(Finish {
            kind: finish_kind(rest),
            output: rest.optional(payload),
            failure: rest.optional(failure),
            cut: rest.optional(Rest::number),
        }),
        6 => AgentEvent::Retry {
            failure: failure(rest),
            after_ms: rest.number(),
            lost: rest.flag(),
        },
        7 => AgentEvent::CancelConfirmed,
        8 => AgentEvent::Expire,
        9 => AgentEvent::Output(Chunk {
            offset: rest.number(),
            text: rest.text(),
        }),
        _ => {
            rest.fail();
            AgentEvent::Start
        }
    }
}

fn finish_kind(rest: &mut Rest<'_>) -> FinishKind {
    let kind = FINISHES.get(usize::from(rest.byte())).copied();
    kind.unwrap_or_else(|| {
        rest.fail();
        FinishKind::Interrupted
    })
}

fn put_failure(out: &mut BytesMut, failure: &Failure) {
    put_bytes(out, failure.code.as_bytes());
    put_bytes(out, failure.message.as_bytes());
}

fn failure(rest: &mut Rest<'_>) -> Failure {
    Failure {
        code: rest.text(),
        message: rest.text(),
    }
}

pub(super) fn put_report(out: &mut BytesMut, report: &Report) {
    put_number(out, report.seq);
    put_time(out, report.at);
    put_number(out, report.total_memory);
    put_number(out, report.used_memory);
    put_small_float(out, report.average_cpu);
    put_length(out, report.gauges.len());
    for (name, value) in &report.gauges {
        put_bytes(out, name.as_bytes());
        put_float(out, *value);
    }
    put_optional(out, report.thinned.as_deref(), put_thinned);
}

pub(super) fn report(rest: &mut Rest<'_>) -> Report {
    Report {
        seq: rest.number(),
        at: rest.time(),
        total_memory: rest.number(),
        used_memory: rest.number(),
        average_cpu: rest.small_float(),
        gauges: rest.list(|rest| (rest.text(), rest.float())),
        thinned: rest.optional(thinned).map(Box::new),
    }
}

fn put_thinned(out: &mut BytesMut, thinned: &Thinned) {
    put_number(out, thinned.count.into());
    put_time(out, thinned.from);
    put_number(out, thinned.used_memory.0);
    put_number(out, thinned.used_memory.1);
    put_small_float(out, thinned.average_cpu.0);
    put_small_float(out, thinned.average_cpu.1);
    put_length(out, thinned.gauges.len());
    for (least, most) in &thinned.gauges {
        put_float(out, *least);
        put_float(out, *most);
    }
}

fn thinned(rest: &mut Rest<'_>) -> Thinned {
    Thinned {
        count: rest.small_number(),
        from: rest.time(),
        used_memory: (rest.number(), rest.number()),
        average_cpu: (rest.small_float(), rest.small_float()),
        gauges: rest.list(|rest| (rest.float(), rest.float())),
    }
}

pub(super) fn put_marks(out: &mut BytesMut, marks: &Marks) {
    put_optional(out, marks.seen.as_ref(), put_seen);
    put_number(out, marks.delivered);
    put_number(out, marks.next_seq);
    put_number(out, marks.dropped);
    put_length(out, marks.spent.ranges.len());
    for (first, last) in &marks.spent.ranges {
        put_number(out, *first);
        put_number(out, *last);
    }
}

pub(super) fn marks(rest: &mut Rest<'_>) -> Marks {
    Marks {
        seen: rest.optional(seen),
        delivered: rest.number(),
        next_seq: rest.number(),
        dropped: rest.number(),
        spent: Spent {
            ranges: rest.list(|rest| (rest.number(), rest.number())),
        },
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
