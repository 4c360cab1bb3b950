//! A client speaks any codec that both sides have, and the server answers in it.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use widget_core::codec::{ErasedCodec, Json, Postcard};
use widget_core::message::{Command, Submit};
use widget_core::runtime::TokioRuntime;
use widget_core::testkit::fixtures::epoch;
use widget_core::testkit::transport::{ScriptedService, hello};
use widget_core::transport::Transport;
use widget_transport_tcp::TcpTransport;

use crate::common::{Server, ack};

async fn is_spoken(codec: &'static dyn ErasedCodec) {
    let server = Server::start();
    let runtime = Arc::new(TokioRuntime::current().unwrap());
    let address = server.address.to_string().parse().unwrap();
    let transport = TcpTransport::new(runtime, address).with_codec(codec);
    let (connection, welcome) = transport.connect(hello(1)).await.unwrap();
    assert_eq!(welcome, ScriptedService::welcome());
    let submit = Submit {
        epoch: epoch(1),
        after: 7,
        reports: Vec::new(),
        dropped: 0,
    };
    let answer = connection.call(Command::Submit(submit)).await.unwrap();
    assert_eq!(answer, ack(7));
    assert_eq!(server.service.openings(), [hello(1)]);
}

#[tokio::test]
async fn postcard_is_spoken() {
    is_spoken(&Postcard).await;
}

#[tokio::test]
async fn json_is_spoken() {
    is_spoken(&Json).await;
}
