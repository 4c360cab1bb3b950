//! Tests of the ledger.

use proptest::prelude::*;
use widget_core::task::StateName;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(100);

fn id(task: u8) -> TaskId {
    TaskId::from_bytes([task; 16])
}

/// A task whose sequence is its number.
fn work(task: u8, attempt: u32) -> WorkTask {
    WorkTask {
        task: id(task),
        attempt: Attempt(attempt),
        sequence: task.into(),
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

fn prepared(start_first: bool) -> Result<Prepared<()>, Failure> {
    Ok(Prepared {
        job: (),
        idempotent: false,
        start_first,
    })
}

fn offer(ledger: &mut Ledger<()>, task: &WorkTask) -> bool {
    let new = ledger.meet(task);
    if new {
        ledger.take(task, prepared(false), NOW);
    }
    new
}

fn ledger_for(tasks: usize) -> Ledger<()> {
    let limits = Limits {
        tasks,
        ..Limits::default()
    };
    Ledger::new(limits, Process::default())
}

/// Takes verdicts, and gives what starts then.
fn settle(
    ledger: &mut Ledger<()>,
    update: &Update,
    verdicts: &[Verdict],
    now: Timestamp,
) -> Vec<Start<()>> {
    ledger.settle(update, verdicts, now);
    ledger.starts(now)
}

/// What is said next, and what it leads to if all of it gets this verdict.
fn say(ledger: &mut Ledger<()>, verdict: Verdict) -> (Vec<AgentEvent>, usize) {
    say_at(ledger, verdict, NOW)
}

fn say_at(ledger: &mut Ledger<()>, verdict: Verdict, now: Timestamp) -> (Vec<AgentEvent>, usize) {
    let Some(update) = ledger.update(64) else {
        return (Vec::new(), 0);
    };
    let starts = settle(ledger, &update, &vec![verdict; update.items.len()], now);
    let events = update.items.into_iter().map(|item| item.event);
    (events.collect(), starts.len())
}

const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };

fn done() -> AgentEvent {
    AgentEvent::Finish(Finish::succeeded(Payload::null()))
}

/// A ledger with task 1 running and its start said.
fn running() -> Ledger<()> {
    let mut ledger = ledger_for(8);
    assert!(offer(&mut ledger, &work(1, 1)));
    assert_eq!(say(&mut ledger, Verdict::Ok), (vec![ACCEPT], 1));
    assert_eq!(say(&mut ledger, Verdict::Ok), (vec![AgentEvent::Start], 0));
    ledger
}

#[test]
fn a_task_is_held_from_its_receipt_to_the_verdict_on_its_end() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    assert_eq!((ledger.holding().len(), ledger.room(NOW)), (1, 7));
    say(&mut ledger, Verdict::Ok);
    say(&mut ledger, Verdict::Ok);
    ledger.finish(id(1), done());
    assert_eq!(ledger.holding().len(), 1);
    assert_eq!(say(&mut ledger, Verdict::Ok), (vec![done()], 0));
    assert_eq!((ledger.holding().len(), ledger.room(NOW)), (0, 8));
    assert_eq!(ledger.update(64), None);
}

#[test]
fn what_was_not_answered_is_said_again() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let first = ledger.update(64);
    assert!(first.is_some());
    assert_eq!(ledger.update(64), first);
}

#[test]
fn a_task_without_a_good_verdict_is_forgotten_unstarted_and_may_come_again() {
    for verdict in [
        Verdict::Stale,
        Verdict::Unknown,
        Verdict::Refused(StateName::Cancelled),
    ] {
        let mut ledger = ledger_for(8);
        offer(&mut ledger, &work(1, 1));
        assert_eq!(say(&mut ledger, verdict), (vec![ACCEPT], 0));
        assert!(ledger.holding().is_empty());
        assert!(offer(&mut ledger, &work(1, 2)), "it never started");
    }
}

#[test]
fn a_running_task_without_a_good_verdict_is_asked_to_stop() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let update = ledger.update(64).unwrap();
    let starts = settle(&mut ledger, &update, &[Verdict::Ok], NOW);
    assert_eq!(say(&mut ledger, Verdict::Stale).0, [AgentEvent::Start]);
    assert!(starts[0].token.is_asked());
}

#[test]
fn a_known_task_adopts_the_higher_attempt_and_says_where_it_is() {
    let mut ledger = running();
    assert!(!offer(&mut ledger, &work(1, 3)));
    assert_eq!(ledger.holding()[0].attempt, Attempt(3));
    // An Accept behind the start would hold the task against its ttl.
    let expected = vec![AgentEvent::Start];
    assert_eq!(say(&mut ledger, Verdict::Ok), (expected, 0));
    assert!(!offer(&mut ledger, &work(1, 2)), "an older attempt");
    assert_eq!(ledger.holding()[0].attempt, Attempt(3));
}

#[test]
fn an_answer_to_an_older_attempt_says_nothing_of_the_newer() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let old = ledger.update(64).unwrap();
    offer(&mut ledger, &work(1, 2));
    assert!(settle(&mut ledger, &old, &[Verdict::Stale], NOW).is_empty());
    assert_eq!(say(&mut ledger, Verdict::Ok), (vec![ACCEPT], 1));
}

#[test]
fn a_task_that_ended_and_was_forgotten_is_answered_as_interrupted() {
    let mut ledger = running();
    ledger.finish(id(1), done());
    say(&mut ledger, Verdict::Ok);
    assert!(!offer(&mut ledger, &work(1, 2)));
    let (events, starts) = say(&mut ledger, Verdict::Ok);
    let [AgentEvent::Finish(finish)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(finish.kind, FinishKind::Interrupted);
    assert_eq!(finish.failure.as_ref().unwrap().code, "already_delivered");
    assert_eq!((starts, ledger.holding().len()), (0, 0));
}

#[test]
fn after_a_retry_the_next_attempt_runs() {
    for verdict in [Some(Verdict::Ok), Some(Verdict::Stale), None] {
        let mut ledger = running();
        let failure = Failure::new("later", "not now");
        let after_ms = 5;
        ledger.finish(
            id(1),
            AgentEvent::Retry {
                failure,
                after_ms,
                lost: false,
            },
        );
        if let Some(verdict) = verdict {
            say(&mut ledger, verdict);
        }
        assert!(offer(&mut ledger, &work(1, 2)), "{verdict:?}");
        assert_eq!(say(&mut ledger, Verdict::Ok), (vec![ACCEPT], 1));
    }
}

#[test]
fn a_cancel_of_a_waiting_task_is_confirmed_and_it_never_starts() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let accept = ledger.update(64).unwrap();
    assert!(ledger.cancel(id(1), Attempt(1)));
    assert!(settle(&mut ledger, &accept, &[Verdict::Ok], NOW).is_empty());
    assert!(ledger.holding()[0].cancel_seen);
    let confirmed = vec![AgentEvent::CancelConfirmed];
    assert_eq!(say(&mut ledger, Verdict::Ok), (confirmed, 0));
    assert!(ledger.holding().is_empty());
}

#[test]
fn what_the_server_took_back_begins_anew_when_it_is_handed_out_again() {
    // After a restore the store may give the same number to the next attempt.
    for (verdict, attempt) in [(None, 2), (Some(Verdict::Stale), 2), (None, 1)] {
        let mut ledger = ledger_for(8);
        offer(&mut ledger, &work(1, 1));
        // Nobody has asked for its end: the attempt is over.
        assert!(ledger.cancel(id(1), Attempt(1)));
        if let Some(verdict) = verdict {
            let confirmed = vec![AgentEvent::CancelConfirmed];
            assert_eq!(say(&mut ledger, verdict), (confirmed, 0));
        }
        assert!(offer(&mut ledger, &work(1, attempt)), "{verdict:?}");
        assert_eq!(say(&mut ledger, Verdict::Ok), (vec![ACCEPT], 1));
    }
}

#[test]
fn a_cancel_is_news_once_and_only_for_its_attempt() {
    let mut ledger = running();
    assert!(!ledger.cancel(id(1), Attempt(2)));
    assert!(!ledger.cancel(id(9), Attempt(1)));
    let version = ledger.version();
    assert!(ledger.cancel(id(1), Attempt(1)));
    assert!(ledger.version() > version);
    assert!(!ledger.cancel(id(1), Attempt(1)));
}

#[test]
fn a_ttl_that_passed_before_the_verdict_expires_the_task() {
    let late = NOW.after(Duration::from_millis(60_001));
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let accept = ledger.update(64).unwrap();
    assert!(settle(&mut ledger, &accept, &[Verdict::Ok], late).is_empty());
    let expire = vec![AgentEvent::Expire];
    assert_eq!(say_at(&mut ledger, Verdict::Ok, late), (expire, 0));
    assert!(ledger.holding().is_empty());
}

#[test]
fn where_asked_for_the_start_is_said_before_it_happens() {
    let mut ledger = ledger_for(8);
    let task = work(1, 1);
    assert!(ledger.meet(&task));
    ledger.take(&task, prepared(true), NOW);
    assert_eq!(say(&mut ledger, Verdict::Ok), (vec![ACCEPT], 0));
    let late = NOW.after(Duration::from_secs(50));
    let start = vec![AgentEvent::Start];
    assert_eq!(say_at(&mut ledger, Verdict::Ok, late), (start, 1));
    assert_eq!(ledger.update(64), None);
}

#[test]
fn a_cancel_while_the_start_is_being_said_ends_as_stopped() {
    let mut ledger = ledger_for(8);
    let task = work(1, 1);
    assert!(ledger.meet(&task));
    ledger.take(&task, prepared(true), NOW);
    say(&mut ledger, Verdict::Ok);
    let start = ledger.update(64).unwrap();
    ledger.cancel(id(1), Attempt(1));
    assert!(settle(&mut ledger, &start, &[Verdict::Ok], NOW).is_empty());
    let (events, _) = say(&mut ledger, Verdict::Ok);
    assert!(
        matches!(&events[..], [AgentEvent::Finish(finish)] if finish.kind == FinishKind::Stopped),
        "{events:?}"
    );
}

#[test]
fn only_the_latest_progress_is_kept_and_none_behind_the_end() {
    let mut ledger = running();
    let progress = |text: &'static str| Payload::from_json_text(text);
    ledger.progress(id(1), progress("1"));
    let first = ledger.update(64).unwrap();
    ledger.progress(id(1), progress("2"));
    settle(&mut ledger, &first, &[Verdict::Ok], NOW);
    let latest = vec![AgentEvent::Progress(progress("2"))];
    assert_eq!(say(&mut ledger, Verdict::Ok).0, latest);
    ledger.progress(id(1), progress("3"));
    ledger.finish(id(1), done());
    assert_eq!(say(&mut ledger, Verdict::Ok).0, [done()]);
}

#[test]
fn a_full_ledger_takes_no_more() {
    let mut ledger = ledger_for(1);
    assert!(offer(&mut ledger, &work(1, 1)));
    assert!(!offer(&mut ledger, &work(2, 1)));
    assert_eq!((ledger.room(NOW), ledger.len()), (0, 1));
}

#[test]
fn an_update_is_bounded_but_never_empty() {
    let mut ledger = ledger_for(100);
    for task in 0..100 {
        offer(&mut ledger, &work(task, 1));
    }
    assert_eq!(ledger.update(64).unwrap().items.len(), 64);
    say(&mut ledger, Verdict::Ok);
    while say(&mut ledger, Verdict::Ok).0.len() == 64 {}
    let output = Payload::from_json_text(vec![b'1'; 1024 * 1024]);
    for task in 0..100 {
        let finish = Finish::succeeded(output.clone());
        ledger.finish(id(task), AgentEvent::Finish(finish));
    }
    let ends = ledger.update(64).unwrap().items;
    let ends = ends
        .iter()
        .filter(|item| matches!(item.event, AgentEvent::Finish(_)));
    assert_eq!(ends.count(), 1);
}

#[test]
fn a_closed_ledger_starts_nothing_and_asks_all_to_stop() {
    let mut ledger = ledger_for(8);
    offer(&mut ledger, &work(1, 1));
    let update = ledger.update(64).unwrap();
    let starts = settle(&mut ledger, &update, &[Verdict::Ok], NOW);
    offer(&mut ledger, &work(2, 1));
    ledger.close();
    assert!(starts[0].token.is_asked());
    assert!(!offer(&mut ledger, &work(3, 1)));
    assert_eq!((say(&mut ledger, Verdict::Ok).1, ledger.room(NOW)), (0, 0));
}

#[derive(Debug, Clone)]
enum Op {
    Offer { task: u8, again: bool },
    Say { verdicts: Vec<Verdict>, lost: bool },
    Cancel { task: u8 },
    Finish { task: u8, retry: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let verdict = prop_oneof![
        6 => Just(Verdict::Ok),
        1 => Just(Verdict::Stale),
        1 => Just(Verdict::Unknown),
        1 => Just(Verdict::Refused(StateName::Queued)),
    ];
    let verdicts = proptest::collection::vec(verdict, 12);
    prop_oneof![
        (0..3_u8, any::<bool>()).prop_map(|(task, again)| Op::Offer { task, again }),
        (verdicts, any::<bool>()).prop_map(|(verdicts, lost)| Op::Say { verdicts, lost }),
        (0..3_u8).prop_map(|task| Op::Cancel { task }),
        (0..3_u8, any::<bool>()).prop_map(|(task, retry)| Op::Finish { task, retry }),
    ]
}

proptest! {
    #[test]
    fn a_handler_starts_at_most_once_unless_it_asks_for_more(
        ops in proptest::collection::vec(op(), 1..150)
    ) {
        let mut ledger = ledger_for(2);
        let mut attempts = [1_u32; 3];
        let mut may_start = [true; 3];
        let mut runs = [false; 3];
        for op in ops {
            match op {
                Op::Offer { task, again } => {
                    let attempt = &mut attempts[usize::from(task)];
                    *attempt += u32::from(again);
                    let work = work(task, *attempt);
                    if ledger.meet(&work) {
                        ledger.take(&work, prepared(task == 2), NOW);
                    }
                }
                Op::Say { verdicts, lost } => {
                    let Some(update) = ledger.update(64) else { continue };
                    if lost {
                        continue;
                    }
                    for start in settle(&mut ledger, &update, &verdicts, NOW) {
                        let task = usize::from(start.task.as_bytes()[0]);
                        prop_assert!(may_start[task], "{task} started again");
                        prop_assert_eq!(start.attempt.0, attempts[task]);
                        may_start[task] = false;
                        runs[task] = true;
                    }
                }
                Op::Cancel { task } => {
                    let attempt = Attempt(attempts[usize::from(task)]);
                    ledger.cancel(id(task), attempt);
                }
                Op::Finish { task, retry } => {
                    let index = usize::from(task);
                    if !std::mem::take(&mut runs[index]) {
                        continue;
                    }
                    may_start[index] = retry;
                    let failure = Failure::new("later", "not now");
                    let last = if retry { AgentEvent::Retry { failure, after_ms: 1, lost: false  } } else { done() };
                    ledger.finish(id(task), last);
                }
            }
            prop_assert!(ledger.len() <= 2);
        }
    }
}
