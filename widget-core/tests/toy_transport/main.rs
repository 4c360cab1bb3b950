//! The suite of transports, on the toy in the module docs of `transport`.
#![cfg(all(feature = "smol", feature = "testkit"))]
#![allow(
    clippy::unwrap_used,
    reason = "a listener that cannot start has to fail"
)]

mod toy;

use std::sync::Arc;
use std::time::Duration;

use toy::{ToyListener, ToyTransport};
use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime};
use widget_core::stop::StopSignal;
use widget_core::testkit::transport::{Listening, TransportHarness};
use widget_core::transport::{Listener, Service, Transport};

#[derive(Default)]
struct OnSmol(Arc<smol::Executor<'static>>);

impl TransportHarness for OnSmol {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        Listening::on_thread(move |ready| {
            let executor = Arc::new(smol::Executor::new());
            let runtime = Arc::new(SmolRuntime::new(executor.clone()));
            smol::block_on(executor.run(async {
                let socket = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready
                    .send(socket.local_addr().unwrap().to_string())
                    .unwrap();
                let listener = Box::new(ToyListener { runtime, socket });
                listener.serve(service, stop).await.unwrap();
            }));
        })
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        Arc::new(ToyTransport {
            runtime: self.runtime(),
            server: server.parse().unwrap(),
            patience,
        })
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(SmolRuntime::new(self.0.clone()))
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        smol::block_on(self.0.run(case));
    }
}

widget_core::transport_suite!(OnSmol::default());
