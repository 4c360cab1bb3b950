//! How connections and listeners end.

use std::time::Duration;

use futures_lite::future::poll_once;

use super::calls::{ack, submit, waits_for};
use super::{Bench, PATIENCE, hello};
use crate::runtime::RuntimeExt;

/// The service's calls of a connection that was dropped are dropped too, within a second.
pub async fn dropping_the_connection_drops_its_calls_at_the_service(bench: Bench) {
    let connection = bench.connect(1).await;
    let mut pending = waits_for(&connection, 1);
    assert!(poll_once(&mut pending).await.is_none());
    bench.service.until_waiting(1).await;
    drop(pending);
    drop(connection);
    let noticed = bench.service.until_waiting(0);
    let noticed = bench
        .runtime()
        .timeout(Duration::from_secs(1), noticed)
        .await;
    assert!(noticed.is_some(), "the call goes on at the service");
}

/// One agent that goes away disturbs no other.
pub async fn dropping_one_connection_leaves_the_others(bench: Bench) {
    let (leaves, stays) = (bench.connect(1).await, bench.connect(2).await);
    let mut pending = waits_for(&stays, 1);
    assert!(poll_once(&mut pending).await.is_none());
    assert_eq!(leaves.call(submit(1)).await.unwrap(), ack(1));
    drop(leaves);
    assert_eq!(stays.call(submit(2)).await.unwrap(), ack(2));
    bench.service.release(1);
    assert!(pending.await.is_ok());
}

/// Stopped, a listener ends within two seconds, whatever waits; calls fail, and go on failing.
pub async fn stop_ends_the_listener_and_every_call(bench: Bench) {
    let connection = bench.connect(1).await;
    let mut pending = waits_for(&connection, 1);
    assert!(poll_once(&mut pending).await.is_none());
    bench.service.until_waiting(1).await;
    bench.stop.ask();
    let limit = Duration::from_secs(2);
    let ended = bench.runtime().timeout(limit, bench.ended()).await;
    assert!(ended.is_some(), "the listener goes on");
    let error = pending.await.unwrap_err();
    assert!(!error.connection_lives(), "{error}");
    let error = connection.call(submit(1)).await;
    let error = error.expect_err("a connection that has ended goes on failing");
    assert!(!error.connection_lives(), "{error}");
}

/// Once the listener has ended, nobody gets in.
pub async fn after_stop_nobody_is_welcomed(bench: Bench) {
    bench.stop.ask();
    bench.ended().await;
    let transport = bench.transport(PATIENCE);
    assert!(transport.connect(hello(1)).await.is_err());
}
