//! Many calls on one connection.

use std::sync::Arc;

use futures_lite::future::{poll_once, zip};

use super::Bench;
use super::service::large_task;
use crate::Payload;
use crate::id::Attempt;
use crate::message::{Command, RequestWork, Response, Submit, Update, UpdateItem, Verdict, Work};
use crate::runtime::BoxFuture;
use crate::task::AgentEvent;
use crate::testkit::fixtures::{agent, epoch, task_id};
use crate::transport::{Connection, MAX_CALLS, TransportError, TransportErrorKind};

/// More than what systems keep of a connection that nobody reads.
const LARGE: usize = 1_900_000;

/// The service is told who calls: the agent of the opening.
pub async fn calls_come_from_the_agent_that_was_welcomed(bench: Bench) {
    let (third, fourth) = (bench.connect(3).await, bench.connect(4).await);
    assert_eq!(fourth.call(submit(1)).await.unwrap(), ack(1));
    assert_eq!(third.call(submit(1)).await.unwrap(), ack(1));
    let callers = bench.service.callers();
    let who: Vec<_> = callers
        .iter()
        .map(|peer| (peer.agent, peer.epoch))
        .collect();
    assert_eq!(who, [(agent(4), epoch(4)), (agent(3), epoch(3))]);
}

/// As many calls as a connection carries are at the service at once, and none gets another's
/// answer.
pub async fn sixty_four_at_once_each_get_their_own_answer(bench: Bench) {
    let connection = bench.connect(1).await;
    let calls = (1..=MAX_CALLS as u16).map(|n| waits_for(&connection, n));
    let calls = all(calls.collect());
    let release = async {
        bench.service.until_waiting(MAX_CALLS).await;
        (1..=MAX_CALLS as u16).for_each(|n| bench.service.release(n));
    };
    let (answers, ()) = zip(calls, release).await;
    for (answer, n) in answers.into_iter().zip(1..) {
        let answered = sequence(&answer.unwrap());
        assert_eq!(answered, n, "a call got another's answer");
    }
}

/// A call is answered when its own answer is there, not when an earlier one's is.
pub async fn answers_come_in_any_order(bench: Bench) {
    let connection = bench.connect(1).await;
    let mut early = waits_for(&connection, 1);
    let mut late = waits_for(&connection, 2);
    assert!(poll_once(&mut early).await.is_none());
    assert!(poll_once(&mut late).await.is_none());
    bench.service.until_waiting(2).await;
    bench.service.release(2);
    assert_eq!(sequence(&late.await.unwrap()), 2);
    assert_eq!(connection.call(submit(7)).await.unwrap(), ack(7));
    bench.service.release(1);
    assert_eq!(sequence(&early.await.unwrap()), 1);
}

/// One call more than a connection carries is not refused: it is sent once another has ended.
pub async fn one_call_too_many_waits_for_its_turn(bench: Bench) {
    let connection = bench.connect(1).await;
    let full = (1..=MAX_CALLS as u16).map(|n| waits_for(&connection, n));
    let mut full: Vec<_> = full.collect();
    for call in &mut full {
        assert!(poll_once(call).await.is_none());
    }
    bench.service.until_waiting(MAX_CALLS).await;
    let mut more = Box::pin(connection.call(submit(9)));
    assert!(poll_once(&mut more).await.is_none());
    bench.service.release(5);
    let fifth = full.swap_remove(4);
    assert_eq!(sequence(&fifth.await.unwrap()), 5);
    assert_eq!(more.await.unwrap(), ack(9));
}

/// A call that is dropped while it waits takes no other with it, and its late answer goes to
/// nobody.
pub async fn a_dropped_call_disturbs_no_other(bench: Bench) {
    let connection = bench.connect(1).await;
    let mut dropped = waits_for(&connection, 1);
    let mut kept = waits_for(&connection, 2);
    assert!(poll_once(&mut dropped).await.is_none());
    assert!(poll_once(&mut kept).await.is_none());
    bench.service.until_waiting(2).await;
    drop(dropped);
    bench.service.release(1);
    for n in 1..=10 {
        assert_eq!(connection.call(submit(n)).await.unwrap(), ack(n));
    }
    bench.service.release(2);
    assert_eq!(sequence(&kept.await.unwrap()), 2);
}

/// Calls that are dropped while their bytes are on the way leave no broken message behind.
pub async fn a_call_dropped_while_it_is_sent_disturbs_no_other(bench: Bench) {
    let connection = bench.connect(1).await;
    for n in 1..=8 {
        let mut dropped = Box::pin(connection.call(update_of(LARGE)));
        assert!(poll_once(&mut dropped).await.is_none());
        drop(dropped);
        assert_eq!(connection.call(submit(n)).await.unwrap(), ack(n));
    }
}

/// What is too long is refused before any of it is sent: the calls beside it go on.
pub async fn a_message_above_the_limit_is_refused_and_the_connection_goes_on(bench: Bench) {
    let connection = bench.connect(1).await;
    let mut beside = waits_for(&connection, 1);
    assert!(poll_once(&mut beside).await.is_none());
    let error = connection.call(update_of(3_000_000)).await.unwrap_err();
    assert!(matches!(error.kind(), TransportErrorKind::TooLarge { limit } if *limit < 3_000_000));
    assert!(error.connection_lives());
    let verdicts = Response::Verdicts(vec![Verdict::Ok]);
    assert_eq!(connection.call(update_of(LARGE)).await.unwrap(), verdicts);
    bench.service.release(1);
    assert_eq!(sequence(&beside.await.unwrap()), 1);
}

/// An answer of 3 MiB comes whole, and a small one may overtake it.
pub async fn a_large_answer_arrives_whole(bench: Bench) {
    let connection = bench.connect(1).await;
    let large = connection.call(Command::RequestWork(RequestWork {
        room: 12,
        ..RequestWork::default()
    }));
    let (large, small) = zip(large, connection.call(submit(1))).await;
    let expected = Work {
        tasks: (1..=12).map(large_task).collect(),
        cancel: Vec::new(),
        at: crate::time::Timestamp::default(),
    };
    assert!(large.unwrap() == Response::Work(expected));
    assert_eq!(small.unwrap(), ack(1));
}

/// Work that comes at any moment around the asking, before it, after it or between the service's
/// look and its wait, ends the call.
pub async fn an_answer_that_is_ready_before_the_wait_is_not_missed(bench: Bench) {
    let connection = bench.connect(1).await;
    for n in 1..=200 {
        let service = Arc::clone(&bench.service);
        let release = std::thread::spawn(move || {
            (0..u32::from(n) * 20).for_each(|_| std::hint::spin_loop());
            service.release(n);
        });
        assert_eq!(
            sequence(&waits_for(&connection, n).await.unwrap()),
            u64::from(n)
        );
        release.join().unwrap();
    }
}

/// One agent that asks for much and then reads nothing of it keeps no other from being answered.
pub async fn a_peer_that_does_not_read_holds_up_nobody_else(bench: Bench) {
    let (slow, other) = (bench.connect(1).await, bench.connect(2).await);
    let all_at_once = || {
        slow.call(Command::RequestWork(RequestWork {
            room: 12,
            ..RequestWork::default()
        }))
    };
    let mut unread: Vec<_> = (0..4).map(|_| all_at_once()).collect();
    for call in &mut unread {
        assert!(poll_once(call).await.is_none());
    }
    for n in 1..=20 {
        assert_eq!(other.call(submit(n)).await.unwrap(), ack(n));
    }
}

type Call<'a> = BoxFuture<'a, Result<Response, TransportError>>;

/// A call that is answered when `n` is released.
pub(super) fn waits_for(connection: &Arc<dyn Connection>, n: u16) -> Call<'_> {
    connection.call(Command::RequestWork(RequestWork {
        room: n,
        wait_ms: 20_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    }))
}

/// A call that is answered at once, with `ack(n)`.
pub(super) fn submit(n: u64) -> Command {
    Command::Submit(Submit {
        epoch: epoch(1),
        after: n,
        reports: Vec::new(),
        dropped: 0,
    })
}

pub(super) const fn ack(n: u64) -> Response {
    Response::Ack { through: Some(n) }
}

fn update_of(bytes: usize) -> Command {
    Command::Update(Update {
        items: vec![UpdateItem {
            task: task_id(1),
            attempt: Attempt(1),
            event: AgentEvent::Progress(Payload::from_json_text("1".repeat(bytes))),
        }],
    })
}

/// The number that the call waited for.
fn sequence(response: &Response) -> u64 {
    match response {
        Response::Work(Work { tasks, .. }) if tasks.len() == 1 => tasks[0].sequence,
        other => panic!("not the answer to a wait for work: {other:?}"),
    }
}

/// All results, in the order of the calls, which run at once.
async fn all(mut calls: Vec<Call<'_>>) -> Vec<Result<Response, TransportError>> {
    let mut results: Vec<_> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(done) = call.as_mut().poll(cx)
            {
                *result = Some(done);
            }
        }
        if results.iter().all(Option::is_some) {
            return std::task::Poll::Ready(results.drain(..).flatten().collect());
        }
        std::task::Poll::Pending
    })
    .await
}
