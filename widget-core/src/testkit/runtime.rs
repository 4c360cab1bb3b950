//! What a [`Runtime`](crate::runtime::Runtime) promises, and the list of its cases:
//! [`runtime_suite!`](crate::runtime_suite).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::future::{pending, yield_now};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

use super::LIMIT;
use crate::runtime::{Address, BoxFuture, RuntimeExt, SharedRuntime};
use crate::time::Timestamp;

/// Makes a test of each promise of a runtime. Takes what makes a fresh
/// [`Harness`](crate::testkit::runtime::Harness): a closure or function without arguments.
#[macro_export]
macro_rules! runtime_suite {
    ($fresh:expr) => {
        $crate::__runtime_cases! { $fresh;
            what_is_spawned_runs_to_its_end,
            what_is_spawned_runs_side_by_side,
            what_is_spawned_may_spawn,
            blocking_work_runs_on_a_thread_that_drives_nothing,
            blocking_work_does_not_hold_up_what_is_spawned,
            blocking_gives_the_result,
            blocking_work_that_panics_gives_none,
            a_sleeper_is_not_woken_before_its_time,
            sleepers_wake_in_the_order_of_their_times,
            a_time_that_has_passed_is_not_waited_for,
            the_clock_never_goes_back,
            the_wall_clock_is_of_this_age,
            random_bits_differ,
            secrets_differ,
            a_timeout_gives_the_result_or_none,
            what_is_written_comes_back_over_loopback,
            a_closed_port_refuses,
            a_name_is_resolved_and_each_address_tried,
            a_name_is_resolved_at_each_connect,
            a_connection_may_move_to_another_task,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __runtime_cases {
    ($fresh:expr; $($case:ident),* $(,)?) => {$(
        #[test]
        fn $case() {
            let harness = ($fresh)();
            let runtime = $crate::testkit::runtime::Harness::runtime(&harness);
            let case = $crate::testkit::limited($crate::testkit::runtime::$case(runtime));
            $crate::testkit::runtime::Harness::drive(&harness, Box::pin(case));
        }
    )*};
}

/// A runtime together with what drives it.
pub trait Harness {
    /// The runtime.
    fn runtime(&self) -> SharedRuntime;

    /// Drives this to its end, and whatever is spawned meanwhile.
    fn drive(&self, work: BoxFuture<'static, ()>);
}

/// Long enough to be measured, short enough not to be felt.
const SHORT: Duration = Duration::from_millis(20);

/// What is spawned runs until it ends, though nobody waits for it.
pub async fn what_is_spawned_runs_to_its_end(runtime: SharedRuntime) {
    let (done, end) = async_channel::bounded(1);
    runtime.spawn(Box::pin(async move {
        for _ in 0..100 {
            yield_now().await;
        }
        done.send(()).await.unwrap();
    }));
    end.recv().await.unwrap();
}

/// Two that wait for each other both come to their end.
pub async fn what_is_spawned_runs_side_by_side(runtime: SharedRuntime) {
    let (ping, pings) = async_channel::bounded::<u32>(1);
    let (pong, pongs) = async_channel::bounded::<u32>(1);
    runtime.spawn(Box::pin(async move {
        while let Ok(n) = pings.recv().await {
            pong.send(n + 1).await.unwrap();
        }
    }));
    let (done, end) = async_channel::bounded(1);
    runtime.spawn(Box::pin(async move {
        let mut n = 0;
        while n < 100 {
            ping.send(n).await.unwrap();
            n = pongs.recv().await.unwrap();
        }
        done.send(n).await.unwrap();
    }));
    assert_eq!(end.recv().await, Ok(100));
}

/// Spawning works from within what was spawned.
pub async fn what_is_spawned_may_spawn(runtime: SharedRuntime) {
    let (done, end) = async_channel::bounded(1);
    let inner = runtime.clone();
    runtime.spawn(Box::pin(async move {
        inner.spawn(Box::pin(async move {
            done.send(()).await.unwrap();
        }));
    }));
    end.recv().await.unwrap();
}

/// Blocking work never runs where futures are driven.
pub async fn blocking_work_runs_on_a_thread_that_drives_nothing(runtime: SharedRuntime) {
    let (send, spawned) = async_channel::bounded(1);
    runtime.spawn(Box::pin(async move {
        send.send(thread::current().id()).await.unwrap();
    }));
    let spawned = spawned.recv().await.unwrap();
    let blocking = runtime.blocking(|| thread::current().id()).await.unwrap();
    assert_ne!(blocking, thread::current().id());
    assert_ne!(blocking, spawned);
}

/// While blocking work waits, futures go on: here each waits for one of them.
pub async fn blocking_work_does_not_hold_up_what_is_spawned(runtime: SharedRuntime) {
    let mut waits = Vec::new();
    for n in 0..8 {
        let (release, released) = mpsc::sync_channel(1);
        // With a limit, so that a runtime which breaks this fails instead of hanging.
        waits.push(runtime.blocking(move || released.recv_timeout(LIMIT)));
        runtime.spawn(Box::pin(async move {
            yield_now().await;
            release.send(n).unwrap();
        }));
    }
    for (n, wait) in (0..8).zip(waits) {
        assert_eq!(wait.await, Some(Ok(n)));
    }
}

/// What blocking work returns comes back.
pub async fn blocking_gives_the_result(runtime: SharedRuntime) {
    assert_eq!(
        runtime.blocking(|| "result".to_owned()).await.unwrap(),
        "result"
    );
}

/// Blocking work that panics gives none, and what comes after it works.
pub async fn blocking_work_that_panics_gives_none(runtime: SharedRuntime) {
    // Without a message: a test that passes prints no panic.
    let panics = || -> u8 { std::panic::resume_unwind(Box::new(())) };
    assert_eq!(runtime.blocking(panics).await, None);
    assert_eq!(runtime.blocking(|| 5).await, Some(5));
}

/// Not before its time, and soon after it.
pub async fn a_sleeper_is_not_woken_before_its_time(runtime: SharedRuntime) {
    for _ in 0..3 {
        let due = runtime.now().after(SHORT);
        runtime.sleep_until(due).await;
        let now = runtime.now();
        assert!(now >= due, "{now:?} is before {due:?}");
        assert!(now.since(due) < Duration::from_secs(5), "far too late");
    }
}

/// Whoever is due first wakes first, whoever began to sleep first.
pub async fn sleepers_wake_in_the_order_of_their_times(runtime: SharedRuntime) {
    let (woken, wakes) = async_channel::bounded(3);
    let start = runtime.now();
    for n in [3_u32, 1, 2] {
        let (sleep, woken) = (
            runtime.sleep_until(start.after(SHORT * 3 * n)),
            woken.clone(),
        );
        runtime.spawn(Box::pin(async move {
            sleep.await;
            woken.send(n).await.unwrap();
        }));
    }
    for n in 1..=3 {
        assert_eq!(wakes.recv().await, Ok(n));
    }
}

/// Sleeping until now, or until a time before it, ends at once.
pub async fn a_time_that_has_passed_is_not_waited_for(runtime: SharedRuntime) {
    runtime.sleep(SHORT).await;
    runtime.sleep_until(runtime.now()).await;
    runtime.sleep_until(crate::time::Mono::default()).await;
}

/// The clock stands still or goes forward, also from one thread to another.
pub async fn the_clock_never_goes_back(runtime: SharedRuntime) {
    let mut last = runtime.now();
    for round in 0..1_000 {
        let now = if round % 100 == 0 {
            let there = runtime.clone();
            runtime.blocking(move || there.now()).await.unwrap()
        } else {
            runtime.now()
        };
        assert!(now >= last, "{now:?} after {last:?}");
        last = now;
    }
    runtime.sleep(SHORT).await;
    assert!(runtime.now() > last);
}

/// The wall clock says a date after this was written.
pub async fn the_wall_clock_is_of_this_age(runtime: SharedRuntime) {
    assert!(runtime.wall() > Timestamp::from_secs(1_700_000_000));
}

/// Random bits are not the same again, and all of them change.
pub async fn random_bits_differ(runtime: SharedRuntime) {
    let bits: Vec<u64> = (0..64).map(|_| runtime.random()).collect();
    let (ones, zeros) = (
        bits.iter().fold(0, |a, b| a | b),
        bits.iter().fold(0, |a, b| a | !b),
    );
    assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
    assert!(bits.windows(2).all(|pair| pair[0] != pair[1]));
}

/// Secrets are not the same again, and each of their bits changes.
pub async fn secrets_differ(runtime: SharedRuntime) {
    let secrets: Vec<_> = (0..64).map(|_| runtime.secret().unwrap()).collect();
    for place in 0..32 {
        let bytes = secrets.iter().map(|secret| secret[place]);
        let (ones, zeros) = bytes.fold((0, 0), |(a, b), byte| (a | byte, b | !byte));
        assert_eq!((ones, zeros), (u8::MAX, u8::MAX), "{place}");
    }
    let different: std::collections::BTreeSet<_> = secrets.iter().collect();
    assert_eq!(different.len(), secrets.len());
}

/// What is ready wins even over no time at all; what never ends gives none.
pub async fn a_timeout_gives_the_result_or_none(runtime: SharedRuntime) {
    assert_eq!(runtime.timeout(Duration::ZERO, async { 1 }).await, Some(1));
    assert_eq!(runtime.timeout(SHORT, pending::<u8>()).await, None);
    let soon = async {
        runtime.sleep(SHORT).await;
        2
    };
    assert_eq!(
        runtime.timeout(Duration::from_secs(60), soon).await,
        Some(2)
    );
}

/// A listener on loopback that echoes what its next connection sends. A thread of its own, so
/// that the runtime has to do with the connecting side only.
fn echo(listener: TcpListener) {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4_096];
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..len]).unwrap();
        }
    });
}

fn listen(port: u16) -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn address(host: &str, port: u16) -> Address {
    Address {
        host: host.into(),
        port,
    }
}

/// A connection carries bytes both ways and ends when it is closed.
pub async fn what_is_written_comes_back_over_loopback(runtime: SharedRuntime) {
    let (listener, port) = listen(0);
    echo(listener);
    let mut stream = runtime.connect(&address("127.0.0.1", port)).await.unwrap();
    for len in [1, 10, 10_000] {
        let sent: Vec<u8> = (0..=255).cycle().take(len).collect();
        stream.write_all(&sent).await.unwrap();
        stream.flush().await.unwrap();
        let mut received = vec![0; len];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
    }
    stream.close().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

/// Where nobody listens an error comes back, which says so.
pub async fn a_closed_port_refuses(runtime: SharedRuntime) {
    let (listener, port) = listen(0);
    drop(listener);
    let refused = runtime.connect(&address("127.0.0.1", port)).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::ConnectionRefused);
}

/// `localhost` may stand for several addresses, of which only the last may answer.
pub async fn a_name_is_resolved_and_each_address_tried(runtime: SharedRuntime) {
    let (listener, port) = listen(0);
    echo(listener);
    let mut stream = runtime.connect(&address("localhost", port)).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    let mut received = [0];
    stream.read_exact(&mut received).await.unwrap();
    assert_eq!(received, *b"x");
}

/// Nothing of a connect that failed is remembered.
pub async fn a_name_is_resolved_at_each_connect(runtime: SharedRuntime) {
    let (listener, port) = listen(0);
    drop(listener);
    let to = address("localhost", port);
    assert!(runtime.connect(&to).await.is_err());
    // Another test may have been given the port meanwhile: then that one answers.
    if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
        echo(listener);
    }
    assert!(runtime.connect(&to).await.is_ok());
}

/// A connection made in one task is driven by another.
pub async fn a_connection_may_move_to_another_task(runtime: SharedRuntime) {
    let (listener, port) = listen(0);
    echo(listener);
    let mut stream = runtime.connect(&address("127.0.0.1", port)).await.unwrap();
    let (send, echoed) = async_channel::bounded(1);
    runtime.spawn(Box::pin(async move {
        stream.write_all(b"hello").await.unwrap();
        let mut received = [0; 5];
        stream.read_exact(&mut received).await.unwrap();
        send.send(received).await.unwrap();
    }));
    assert_eq!(echoed.recv().await.unwrap(), *b"hello");
}
