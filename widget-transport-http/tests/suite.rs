//! The suite of transports, with clients on tokio and on smol.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use widget_core::codec;
use widget_core::message::{Command, Goodbye, Response};
use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime, TokioRuntime};
use widget_core::stop::StopSignal;
use widget_core::testkit::limited;
use widget_core::testkit::transport::{Listening, ScriptedService, TransportHarness, hello};
use widget_core::transport::{Service, Transport};
use widget_transport_http::{HttpTransport, HttpUrl, Limits};

/// Clients on tokio.
struct OnTokio(tokio::runtime::Runtime);

impl OnTokio {
    fn new() -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self(tokio.unwrap())
    }
}

impl TransportHarness for OnTokio {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        listen(service, stop)
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        client(self.runtime(), server, patience)
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(TokioRuntime::new(self.0.handle().clone()))
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        self.0.block_on(case);
    }
}

/// Clients on smol.
struct OnSmol(Arc<smol::Executor<'static>>);

impl OnSmol {
    fn new() -> Self {
        Self(Arc::new(smol::Executor::new()))
    }
}

impl TransportHarness for OnSmol {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        listen(service, stop)
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        client(self.runtime(), server, patience)
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(SmolRuntime::new(Arc::clone(&self.0)))
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        smol::block_on(self.0.run(case));
    }
}

fn listen(service: Arc<dyn Service>, stop: StopSignal) -> Listening {
    common::listen(service, stop, (100, Limits::default()))
}

fn client(runtime: SharedRuntime, server: &str, patience: Duration) -> Arc<dyn Transport> {
    let url = format!("http://{server}").parse().unwrap();
    Arc::new(HttpTransport::new(runtime, url).with_deadlines(patience, patience))
}

#[test]
fn every_codec_carries_openings_and_calls() {
    let server = common::Server::start();
    smol::block_on(async {
        let executor = Arc::new(smol::Executor::new());
        let runtime = Arc::new(SmolRuntime::new(Arc::clone(&executor)));
        let url: HttpUrl = format!("http://{}", server.address).parse().unwrap();
        let calls = executor.run(async {
            for codec in codec::ALL {
                let transport = HttpTransport::new(runtime.clone(), url.clone());
                let transport = transport.with_codec(*codec);
                let (connection, welcome) = transport.connect(hello(1)).await.unwrap();
                assert_eq!(welcome, ScriptedService::welcome(), "{codec:?}");
                let goodbye = Command::Goodbye(Goodbye {
                    reason: "stopped".to_owned(),
                    task: None,
                    spool_gone: true,
                });
                assert_eq!(connection.call(goodbye).await.unwrap(), Response::ACK);
            }
        });
        limited(calls).await;
    });
    assert_eq!(server.service.openings().len(), codec::ALL.len());
}

mod on_tokio {
    //! Clients on tokio.
    widget_core::transport_suite!(crate::OnTokio::new());
}

mod on_smol {
    //! Clients on smol.
    widget_core::transport_suite!(crate::OnSmol::new());
}
