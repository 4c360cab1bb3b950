//! tmp
#![allow(clippy::all, clippy::unwrap_used)]
mod common;
use std::sync::Arc;
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::runtime::*;
use widget_core::stop::Stop;
use widget_core::testkit::transport::ScriptedService;
use widget_core::transport::*;
use widget_transport_tcp::{Limits, serve};
#[tokio::test]
async fn size() {
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _c = std::net::TcpStream::connect(l.local_addr().unwrap()).unwrap();
    let (s, _) = l.accept().await.unwrap();
    println!("stream {}", std::mem::size_of_val(&s));
    let s = s.compat();
    println!("compat {}", std::mem::size_of_val(&s));
    let f = serve(
        s,
        Arc::new(TokioRuntime::current().unwrap()),
        Arc::new(ScriptedService::default()),
        Origin {
            transport: "tcp",
            address: String::new(),
        },
        Stop::new().signal(),
        Arc::new(Limits::default()),
    );
    println!("serve {}", std::mem::size_of_val(&f));
    let service = ScriptedService::default();
    let peer = Peer {
        agent: widget_core::id::AgentId::from_u128(1),
        epoch: widget_core::testkit::fixtures::epoch(1),
        origin: Origin {
            transport: "tcp",
            address: String::new(),
        },
        assurance: Assurance::Claimed,
    };
    println!("peer {}", std::mem::size_of_val(&peer));
    println!(
        "command {} response {}",
        std::mem::size_of::<widget_core::message::Command>(),
        std::mem::size_of::<widget_core::message::Response>()
    );
    let f = service.call(
        &peer,
        widget_core::message::Command::RequestWork(Default::default()),
    );
    println!("service call {}", std::mem::size_of_val(&*f));
    println!(
        "opening {} ",
        std::mem::size_of::<widget_core::message::Opening>()
    );
}
