//! Tests of room, slots, stuck handlers, output, and a spool that is full.

use widget_core::id::Attempt;
use widget_core::message::Verdict;
use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};

use super::*;
use crate::fixtures::{NOW, done, durable, id, keep, offer, queue, say, start, work};

#[test]
fn above_its_limit_a_kind_waits_by_priority_and_then_by_age() {
    let mut ledger = durable(&[("test", 1)]);
    for (number, priority) in [(1, 0), (2, 0), (3, 5), (4, 0)] {
        let mut task = work(number);
        task.priority = priority;
        offer(&mut ledger, &task);
    }
    let mut other = work(5);
    other.kind = "other".to_owned();
    offer(&mut ledger, &other);
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    let mut order = Vec::new();
    for _ in 0..4 {
        let starts = start(&mut ledger, NOW);
        order.extend(starts.iter().map(|start| start.task));
        assert_eq!(ledger.kinds()[0].room, 0);
        for start in starts {
            let end = done();
            ledger.finish(start.task, end);
        }
        keep(&mut ledger);
    }
    assert_eq!(order, [3, 5, 1, 2, 4].map(id));
    while !say(&mut ledger, Verdict::Ok, NOW).is_empty() {}
    assert_eq!(ledger.kinds()[0].room, 1);
}

#[test]
fn a_late_start_asks_the_server_again() {
    for verdict in [Verdict::Ok, Verdict::Unknown] {
        let mut ledger = queue();
        let late = NOW.after(Duration::from_secs(30));
        ledger.finish(id(1), done());
        assert!(ledger.starts(late).is_empty());
        keep(&mut ledger);
        assert!(ledger.starts(late).is_empty());
        assert_eq!(ledger.notes().latest(), 4, "its start was not noted");
        let accept = AgentEvent::Accept { idempotent: false };
        let said = say(&mut ledger, verdict, late);
        assert_eq!(said, [accept, done()]);
        let starts = start(&mut ledger, late).len();
        assert_eq!(starts, usize::from(verdict == Verdict::Ok));
    }
}

#[test]
fn a_slot_that_waits_for_the_server_is_not_given_away() {
    let mut ledger = queue();
    let late = NOW.after(Duration::from_secs(30));
    ledger.finish(id(1), done());
    ledger.starts(late);
    keep(&mut ledger);
    let asked = ledger.update(64).unwrap();
    offer(&mut ledger, &work(3));
    keep(&mut ledger);
    ledger.settle(&asked, &[Verdict::Ok, Verdict::Ok], late);
    say(&mut ledger, Verdict::Ok, late);
    let starts = start(&mut ledger, late);
    let starts: Vec<TaskId> = starts.iter().map(|start| start.task).collect();
    assert_eq!(starts, [id(2)]);
}

#[test]
fn while_it_waits_for_a_slot_a_task_can_be_cancelled_and_expires() {
    let mut ledger = queue();
    assert!(ledger.cancel(id(2), Attempt(1)));
    keep(&mut ledger);
    assert_eq!(
        say(&mut ledger, Verdict::Ok, NOW),
        [AgentEvent::CancelConfirmed]
    );

    let mut ledger = queue();
    assert_eq!(ledger.expires(), Some(NOW.after(Duration::from_secs(60))));
    ledger.starts(NOW.after(Duration::from_secs(61)));
    keep(&mut ledger);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [AgentEvent::Expire]);
}

#[test]
fn a_stuck_handler_keeps_its_slot_and_its_late_end_is_told_once() {
    let mut ledger = queue();
    let why = Failure::new("timeout", "it goes on");
    let timed_out = AgentEvent::Finish(Finish::without(FinishKind::TimedOut, why));
    ledger.timed_out(id(1), timed_out.clone());
    keep(&mut ledger);
    assert_eq!(ledger.stages().stuck, 1);
    let version = ledger.version();
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [timed_out]);
    assert!(ledger.version() > version);
    assert_eq!((ledger.stages().stuck, ledger.len()), (1, 2));
    let held: Vec<TaskId> = ledger.holding().iter().map(|held| held.task).collect();
    assert_eq!(held, [id(2)], "the server knows its end");
    assert!(!ledger.can_start());
    ledger.finish(id(1), done());
    assert!(ledger.can_start());
    keep(&mut ledger);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [done()]);
    assert_eq!((ledger.stages().stuck, ledger.len()), (0, 1));
}

#[test]
fn an_end_that_comes_before_the_timeout_was_heard_is_told_after_it() {
    let mut ledger = queue();
    let why = Failure::new("timeout", "it goes on");
    let timed_out = AgentEvent::Finish(Finish::without(FinishKind::TimedOut, why));
    ledger.timed_out(id(1), timed_out.clone());
    ledger.finish(id(1), done());
    keep(&mut ledger);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [timed_out]);
    keep(&mut ledger);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [done()]);
    assert_eq!(ledger.len(), 1);
}

#[test]
fn output_comes_before_the_end_and_its_offsets_go_on_under_another_attempt() {
    let mut ledger = queue();
    ledger.write(id(1), "abc");
    let chunk = |offset, text: &str| {
        let text = text.to_owned();
        AgentEvent::Output(widget_core::task::Chunk { offset, text })
    };
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [chunk(0, "abc")]);
    ledger.write(id(1), "de");
    let mut again = work(1);
    again.attempt = Attempt(2);
    assert!(!ledger.meet(&again));
    ledger.finish(id(1), done());
    keep(&mut ledger);
    let said = say(&mut ledger, Verdict::Ok, NOW);
    assert_eq!(said, [AgentEvent::Start, chunk(3, "de")]);
    assert_eq!(say(&mut ledger, Verdict::Ok, NOW), [done()]);
}

#[test]
fn an_end_that_does_not_fit_goes_without_its_output() {
    let mut ledger = queue();
    ledger.finish(id(1), done());
    assert!(ledger.make_fit(NOW));
    let records = keep(&mut ledger);
    let said = say(&mut ledger, Verdict::Ok, NOW);
    let [Record::Over { last: noted, .. }] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(&said[..], std::slice::from_ref(noted));
    let AgentEvent::Finish(finish) = noted.clone() else {
        panic!("{noted:?}");
    };
    assert_eq!((finish.kind, finish.output), (FinishKind::Failed, None));
    assert_eq!(finish.failure.unwrap().code, "spool_full");
}

#[test]
fn a_task_that_does_not_fit_is_not_taken_and_no_other_for_a_while() {
    let mut ledger = durable(&[]);
    offer(&mut ledger, &work(1));
    assert!(ledger.make_fit(NOW));
    assert_eq!(keep(&mut ledger), []);
    assert_eq!((ledger.len(), ledger.room(NOW)), (0, 0));
    assert_eq!(ledger.room(NOW.after(Duration::from_secs(11))), 64);
    assert!(ledger.meet(&work(1)), "it may come again");
}

#[test]
fn a_stuck_task_that_is_handed_out_again_is_held_again() {
    let mut ledger = queue();
    let why = Failure::new("timeout", "it goes on");
    let timed_out = AgentEvent::Finish(Finish::without(FinishKind::TimedOut, why));
    ledger.timed_out(id(1), timed_out);
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    let mut again = work(1);
    again.attempt = Attempt(2);
    assert!(!ledger.meet(&again));
    assert_eq!(ledger.holding().len(), 2);
}

#[test]
fn tasks_that_always_have_news_do_not_keep_others_from_saying_theirs() {
    let mut ledger = durable(&[]);
    for number in 1..=4 {
        offer(&mut ledger, &work(number));
    }
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    assert_eq!(start(&mut ledger, NOW).len(), 4);
    say(&mut ledger, Verdict::Ok, NOW);
    ledger.finish(id(4), done());
    keep(&mut ledger);
    let mut heard = Vec::new();
    for _ in 0..4 {
        for number in 1..=3 {
            ledger.progress(id(number), widget_core::Payload::null());
        }
        let update = ledger.update(2).unwrap();
        ledger.settle(&update, &[Verdict::Ok; 2], NOW);
        heard.extend(update.items.iter().map(|item| item.task));
    }
    for number in 1..=4 {
        assert!(heard.contains(&id(number)), "{number}: {heard:?}");
    }
}

#[test]
fn a_task_whose_start_could_not_be_kept_does_not_start_long_after_its_ttl() {
    let mut ledger = durable(&[]);
    offer(&mut ledger, &work(1));
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    assert!(ledger.starts(NOW).is_empty(), "its start is not kept");
    let late = NOW.after(Duration::from_secs(61));
    assert!(ledger.expires().is_some_and(|at| at < late));
    keep(&mut ledger);
    assert!(ledger.starts(late).is_empty());
    keep(&mut ledger);
    let said = say(&mut ledger, Verdict::Ok, late);
    let [AgentEvent::Finish(finish)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(finish.kind, FinishKind::Stopped);
    assert_eq!(finish.failure.as_ref().unwrap().code, "expired");
    assert_eq!(ledger.len(), 0);
}

#[test]
fn a_task_that_says_its_start_first_does_not_start_when_that_is_heard_after_its_ttl() {
    let mut ledger = durable(&[]);
    assert!(ledger.meet(&work(1)));
    let prepared = crate::tasks::Prepared {
        job: (),
        idempotent: false,
        start_first: true,
    };
    ledger.take(&work(1), Ok(prepared), NOW);
    keep(&mut ledger);
    say(&mut ledger, Verdict::Ok, NOW);
    assert!(start(&mut ledger, NOW).is_empty(), "the server has to know");
    // There is no connection until then.
    let late = NOW.after(Duration::from_secs(61));
    assert!(ledger.starts(late).is_empty());
    keep(&mut ledger);
    while !say(&mut ledger, Verdict::Ok, late).is_empty() {}
    assert!(ledger.starts(late).is_empty());
    assert_eq!(ledger.len(), 0);
}
