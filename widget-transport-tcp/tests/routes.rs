//! A client lays around its bytes what it was given, and says so if the peer is not the one it wants.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::error::Error;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::message::{Command, Goodbye, Response};
use widget_core::runtime::{SharedRuntime, TokioRuntime, Wrap};
use widget_core::stop::Stop;
use widget_core::testkit::limited;
use widget_core::testkit::transport::{ScriptedService, hello};
use widget_core::testkit::wrap::{Scramble, Stranger};
use widget_core::transport::{Origin, Transport, TransportErrorKind};
use widget_transport_tcp::{Limits, TcpTransport, serve};

/// Serves whoever comes, scrambled, and never ends.
async fn serve_scrambled(listener: TcpListener, service: Arc<ScriptedService>) {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let stop = Stop::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let stream = Scramble.wrap(Box::new(stream.compat())).await.unwrap();
        let origin = Origin {
            transport: "scrambled",
            address: peer.to_string().into(),
            ip: Some(peer.ip()),
        };
        let (runtime, service) = (Arc::clone(&runtime), Arc::clone(&service));
        let limits = Arc::new(Limits::default());
        tokio::spawn(serve(
            stream,
            runtime,
            service,
            origin,
            stop.signal(),
            limits,
        ));
    }
}

async fn transport(wrap: impl Wrap + 'static) -> (TcpTransport, Arc<ScriptedService>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Arc::new(ScriptedService::default());
    tokio::spawn(serve_scrambled(listener, Arc::clone(&service)));
    let runtime = Arc::new(TokioRuntime::current().unwrap());
    let transport = TcpTransport::new(runtime, address.to_string().parse().unwrap());
    (transport.wrapped_by(Arc::new(wrap)), service)
}

#[tokio::test]
async fn openings_and_calls_are_wrapped() {
    let (transport, service) = transport(Scramble).await;
    let (connection, welcome) = limited(transport.connect(hello(1))).await.unwrap();
    assert_eq!(welcome, ScriptedService::welcome());
    let goodbye = || {
        Command::Goodbye(Goodbye {
            reason: "stopped".to_owned(),
            task: None,
            spool_gone: true,
        })
    };
    for _ in 0..2 {
        let answer = limited(connection.call(goodbye())).await;
        assert_eq!(answer.unwrap(), Response::ACK);
    }
    assert_eq!(service.openings(), [hello(1)]);
}

#[tokio::test]
async fn a_peer_that_the_wrap_does_not_want_breaks_the_protocol() {
    let (transport, service) = transport(Stranger).await;
    let result = limited(transport.connect(hello(1))).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Protocol);
    let why = error.source().unwrap().to_string();
    assert_eq!(why, "a stranger answered");
    assert_eq!(service.openings(), []);
}
