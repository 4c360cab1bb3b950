//! What a route makes of a connection: the address as it is, or with a wrap around it.
#![cfg(all(feature = "testkit", feature = "tokio"))]
#![allow(clippy::unwrap_used)] // a failing test is what it is for

use std::io::ErrorKind;
use std::sync::Arc;

use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::runtime::{Route, SharedRuntime, TokioRuntime};
use widget_core::testkit::wrap::{Scramble, Stranger};

async fn listening() -> (TcpListener, Route) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, Route::plain(address.parse().unwrap()))
}

/// What comes to the other side when `text` is sent.
async fn heard(listener: &TcpListener, route: &Route, text: &[u8]) -> Vec<u8> {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let mut stream = route.connect(&runtime).await.unwrap();
    let mut peer = listener.accept().await.unwrap().0.compat();
    stream.write_all(text).await.unwrap();
    stream.close().await.unwrap();
    let mut came = Vec::new();
    peer.read_to_end(&mut came).await.unwrap();
    came
}

#[tokio::test]
async fn a_plain_route_leaves_the_bytes_as_they_are() {
    let (listener, route) = listening().await;
    assert!(!route.is_wrapped());
    assert_eq!(heard(&listener, &route, b"abc").await, b"abc");
}

#[tokio::test]
async fn a_route_wraps_what_it_connects() {
    let (listener, route) = listening().await;
    let route = route.wrapped_by(Arc::new(Scramble));
    assert!(route.is_wrapped());
    assert_eq!(heard(&listener, &route, &[0, 1, 255]).await, [255, 254, 0]);
}

#[tokio::test]
async fn a_wrap_that_fails_is_no_connection() {
    let (_listener, route) = listening().await;
    let route = route.wrapped_by(Arc::new(Stranger));
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let result = route.connect(&runtime).await;
    assert_eq!(result.err().unwrap().kind(), ErrorKind::InvalidData);
}
