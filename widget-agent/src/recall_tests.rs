//! Tests of what a ledger makes of an earlier process's tasks.

use widget_core::message::Verdict;
use widget_core::spool::Record;

use super::*;
use crate::fixtures::{NOW, durable, here, id, keep, prepared, say, start, work};

fn kept(stage: KeptStage) -> KeptTask {
    KeptTask {
        task: work(1),
        idempotent: false,
        cancel_seen: false,
        started: false,
        stage,
    }
}

const fn started(process: Process, leaving: Option<End>) -> KeptStage {
    KeptStage::Started { process, leaving }
}

/// A ledger that begins with this task.
fn recalled(task: KeptTask) -> Ledger<()> {
    let mut ledger = durable(&[]);
    let recall = Recall {
        tasks: vec![task],
        ..Recall::default()
    };
    ledger.recall(recall, prepared, NOW);
    ledger
}

/// The last word that an earlier process's task comes to.
fn last(task: KeptTask) -> AgentEvent {
    let mut ledger = recalled(task);
    let records = keep(&mut ledger);
    let said = say(&mut ledger, Verdict::Ok, NOW);
    let [AgentEvent::Start, last] = &said[..] else {
        panic!("{said:?}");
    };
    let [Record::Over { last: noted, .. }] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(noted, last);
    last.clone()
}

fn finish(last: AgentEvent) -> Finish {
    match last {
        AgentEvent::Finish(finish) => finish,
        last => panic!("{last:?}"),
    }
}

#[test]
fn a_task_that_had_not_started_is_accepted_again_and_starts_once() {
    let mut ledger = recalled(kept(KeptStage::Waiting));
    let accept = AgentEvent::Accept { idempotent: false };
    assert_eq!(ledger.holding().len(), 1);
    assert!(
        ledger.starts(NOW).is_empty(),
        "not before the server's word"
    );
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [accept]);
    assert_eq!(start(&mut ledger, NOW).len(), 1);
    assert!(ledger.starts(NOW).is_empty());
}

#[test]
fn a_task_that_had_not_started_is_forgotten_if_the_server_no_longer_wants_it() {
    let mut ledger = recalled(kept(KeptStage::Waiting));
    say(&mut ledger, Verdict::Stale, NOW);
    assert!(ledger.starts(NOW).is_empty());
    let forgotten = Record::Forgotten {
        task: id(1),
        spent: false,
    };
    assert_eq!(keep(&mut ledger), [forgotten]);
}

#[test]
fn a_task_whose_handler_is_gone_fails() {
    let mut ledger = durable(&[]);
    let recall = Recall {
        tasks: vec![kept(KeptStage::Waiting)],
        ..Recall::default()
    };
    let unknown = |_: &WorkTask| Err(Failure::new("unknown_kind", "no handlers"));
    ledger.recall(recall, unknown, NOW);
    assert_eq!(ledger.update(64), None, "before it is kept");
    keep(&mut ledger);
    let said = say(&mut ledger, Verdict::Ok, NOW);
    let finish = finish(said.into_iter().next().unwrap());
    assert_eq!(finish.kind, FinishKind::Failed);
    assert_eq!(finish.failure.unwrap().code, "unknown_kind");
}

#[test]
fn a_task_that_ran_is_interrupted_and_may_have_happened() {
    let finish = finish(last(kept(started(here(1), None))));
    assert_eq!(finish.kind, FinishKind::Interrupted);
    let failure = finish.failure.unwrap();
    assert_eq!(failure.code, "interrupted");
    assert!(failure.message.contains("may have happened"), "{failure}");
    let evidence: serde_json::Value =
        serde_json::from_slice(finish.output.unwrap().as_bytes()).unwrap();
    let expected = serde_json::json!({
        "before": {"boot": "boot1", "pid": 1},
        "after": {"boot": "boot1", "pid": 2},
    });
    assert_eq!(evidence, expected);
}

#[test]
fn an_idempotent_task_that_ran_is_to_be_tried_again_later_each_time() {
    for (losses, pause) in [(0, 1_000), (2, 4_000), (99, 64_000)] {
        let mut task = kept(started(here(1), None));
        task.idempotent = true;
        task.task.losses = losses;
        let AgentEvent::Retry {
            failure,
            after_ms,
            lost,
        } = last(task)
        else {
            panic!("not tried again");
        };
        assert_eq!((after_ms, lost), (pause, true));
        assert_eq!(failure.code, "agent_lost");
    }
}

#[test]
fn what_was_to_end_the_agent_has_succeeded_at_its_next_start() {
    let finish = finish(last(kept(started(here(1), Some(End::Agent)))));
    assert_eq!((finish.kind, finish.failure), (FinishKind::Succeeded, None));
}

#[test]
fn what_was_to_end_the_host_has_succeeded_after_the_next_boot_only() {
    let same = finish(last(kept(started(here(1), Some(End::Host)))));
    assert_eq!(same.kind, FinishKind::Interrupted);
    let mut before = here(1);
    before.boot = "another".to_owned();
    let other = finish(last(kept(started(before, Some(End::Host)))));
    assert_eq!(other.kind, FinishKind::Succeeded);
}

#[test]
fn an_end_that_was_not_answered_is_said_again_and_then_never_again() {
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    let mut task = kept(KeptStage::Over(end.clone()));
    task.started = true;
    let mut ledger = recalled(task);
    assert_eq!(keep(&mut ledger), []);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [AgentEvent::Start, end]);
    let forgotten = Record::Forgotten {
        task: id(1),
        spent: true,
    };
    assert_eq!(keep(&mut ledger), [forgotten]);
    assert!(!ledger.meet(&work(1)), "it ran");
}

#[test]
fn a_task_of_another_store_is_not_spent_for_the_present_one_after_a_restart() {
    let mut contents = widget_core::spool::Contents::default();
    for record in [
        Record::Taken {
            task: Box::new(work(1)),
            idempotent: false,
        },
        Record::Started {
            task: id(1),
            process: here(1),
        },
        Record::OtherStore,
    ] {
        contents.apply(&record);
    }
    let mut ledger = durable(&[]);
    ledger.recall(contents.recall(), prepared, NOW);
    keep(&mut ledger);
    say(&mut ledger, Verdict::Unknown, NOW);
    keep(&mut ledger);
    let mut other = work(1);
    other.task = id(2);
    assert!(ledger.meet(&other), "another task with the same number");
}

#[test]
fn a_task_that_waited_is_idempotent_only_if_both_programs_say_so() {
    for (before, now) in [(true, false), (false, true), (true, true)] {
        let mut task = kept(KeptStage::Waiting);
        task.idempotent = before;
        let mut ledger = durable(&[]);
        let recall = Recall {
            tasks: vec![task],
            ..Recall::default()
        };
        let prepare = |_: &WorkTask| {
            Ok(Prepared {
                job: (),
                idempotent: now,
                start_first: false,
            })
        };
        ledger.recall(recall, prepare, NOW);
        let noted = keep(&mut ledger);
        let idempotent = before && now;
        assert_eq!(noted.len(), usize::from(before != idempotent));
        for record in noted {
            assert!(matches!(
                record,
                Record::Taken {
                    idempotent: false,
                    ..
                }
            ));
        }
        say(&mut ledger, Verdict::Ok, NOW);
        let starts = start(&mut ledger, NOW);
        assert_eq!(starts[0].idempotent, idempotent);
    }
}
